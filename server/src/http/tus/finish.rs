//! From the last byte of an upload to its job, where it names a recipe.

use azulejo_protocol::{ApiError, JobId};

use crate::http::backend::{Terms, start};
use crate::http::check_format::check_format;
use crate::http::check_page::check_page;
use crate::http::state::AppState;
use crate::intake::resumable::Held;

/// Checks a complete upload and starts its job, if it is to become one and has not.
///
/// # Errors
/// Those of the file, after which the upload is gone; those of the job. After one that may pass (429 and from 500 on) the upload is
/// still there, and an empty piece tries again.
pub async fn finish(app: &AppState, held: &mut Held) -> Result<Option<JobId>, ApiError> {
    if let Some(job) = held.job() {
        return Ok(Some(job));
    }
    let Some(order) = held.order() else {
        held.inspect().await?;
        return Ok(None);
    };
    let received = held.received().await?;
    let outcome = async {
        let encoding = check_format(&order.format)?;
        let terms = Terms {
            encoding,
            page: check_page(&order.page)?,
            job: Some(held.choose_job().await?),
            ..Terms::default()
        };
        start(&app.engine, &app.intake, &received, &order.recipe, terms).await
    };
    let outcome = outcome.await;
    match outcome {
        Ok(job) => {
            held.used();
            Ok(Some(job.job_id))
        }
        Err(error) if error.status >= 500 || error.status == 429 => {
            held.put_back(received);
            Err(error)
        }
        Err(error) => {
            held.delete();
            Err(error)
        }
    }
}

/// Finishes what was complete when the server was started: an earlier process died between the last byte and the job.
pub async fn take_up(app: AppState) {
    for upload in app.intake.unfinished() {
        if upload.offset < upload.bytes {
            continue;
        }
        let finished = async {
            let mut held = app.intake.hold(upload.id).await?;
            if held.is_withheld() {
                return Ok(None);
            }
            finish(&app, &mut held).await
        };
        match finished.await {
            Ok(Some(job)) => {
                tracing::info!(upload = %upload.id, %job, "an upload of an earlier run has become its job")
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(upload = %upload.id, error = error.detail, "an upload of an earlier run does not become a job")
            }
        }
    }
}
