//! The server functions: what the pages ask the server and tell it to do. Each calls the [`Backend`] in context; in
//! the browser the same functions are requests to `/api/...`. Forms post to them where there is no JavaScript.
//!
//! [`Backend`]: crate::backend::Backend

use azulejo_protocol::dead::Replayed;
use azulejo_protocol::{Costs, Health, Job, JobId, JobStatus, TileInfo, WorkerInfo};
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use uuid::Uuid;

use crate::failure::Failure;
use crate::theme::Theme;

#[cfg(feature = "ssr")]
mod backend {
    use azulejo_protocol::ApiError;
    use leptos::prelude::use_context;

    use crate::backend::BackendRef;
    use crate::failure::{Failure, set_status};

    pub fn backend() -> Result<BackendRef, Failure> {
        use_context::<BackendRef>().ok_or_else(|| {
            Failure(ApiError::new(
                503,
                "no_backend",
                "the server is still starting: try again",
            ))
        })
    }

    /// Whether the call is a form that a browser sends without JavaScript.
    pub fn is_form() -> bool {
        use_context::<http::request::Parts>().is_some_and(|parts| {
            parts.method == http::Method::POST
                && parts
                    .headers
                    .get(http::header::ACCEPT)
                    .and_then(|accept| accept.to_str().ok())
                    .is_some_and(|accept| accept.contains("text/html"))
        })
    }

    /// Gives the response the error's status; but a form sent without JavaScript gets its redirect back to the page.
    pub fn answer<T>(result: Result<T, ApiError>) -> Result<T, Failure> {
        result.map_err(|error| {
            if !is_form() {
                set_status(error.status);
            }
            Failure(error)
        })
    }
}
#[cfg(feature = "ssr")]
use backend::{answer, backend, is_form};

/// Starts a job on an upload that has arrived whole: tiles it and produces the tiles to Kafka. `format` is the kind of file that
/// the result is to be (`png`, `jpeg`, `tiff` and so on); unset or empty, it is that of the picture. `page` is the page of the file
/// that is meant, from 1 on; unset, it is the one that is the image.
#[server(prefix = "/api", endpoint = "process")]
pub async fn process(
    upload: Uuid,
    recipe: String,
    format: Option<String>,
    page: Option<u32>,
) -> Result<Job, Failure> {
    let backend = backend()?;
    answer(backend.process(upload, &recipe, format.as_deref(), page).await)
}

/// Starts a new job on the stored original of job `id`, without an upload; `format` as in [`process`]. Without a `page` it is on that
/// of the job. A form is led to the page of the new job, a page goes there by itself.
#[server(prefix = "/api", endpoint = "run_again")]
pub async fn run_again(
    id: JobId,
    recipe: String,
    format: Option<String>,
    page: Option<u32>,
) -> Result<Job, Failure> {
    let backend = backend()?;
    let job = answer(backend.again(id, &recipe, format.as_deref(), page).await)?;
    if is_form() {
        leptos_axum::redirect(&format!("/job/{}", job.job_id));
    }
    Ok(job)
}

/// Jobs, newest first.
#[server(prefix = "/api", endpoint = "list_jobs", input = GetUrl)]
pub async fn list_jobs(
    status: Option<JobStatus>,
    search: Option<String>,
    limit: Option<u32>,
    offset: Option<u32>,
) -> Result<Vec<Job>, Failure> {
    let query = azulejo_protocol::JobQuery {
        status,
        search,
        limit,
        offset,
        owner: None,
    };
    answer(backend()?.jobs(query).await)
}

/// One job, whole.
#[server(prefix = "/api", endpoint = "get_job", input = GetUrl)]
pub async fn get_job(id: JobId) -> Result<Job, Failure> {
    answer(backend()?.job(id).await)
}

/// One tile of a job: worker, attempt, milliseconds.
#[server(prefix = "/api", endpoint = "get_tile", input = GetUrl)]
pub async fn get_tile(id: JobId, tile: u32) -> Result<TileInfo, Failure> {
    answer(backend()?.tile(id, tile).await)
}

/// Ends a job that is under way.
#[server(prefix = "/api", endpoint = "cancel_job")]
pub async fn cancel_job(id: JobId) -> Result<Job, Failure> {
    answer(backend()?.cancel(id).await)
}

/// Starts a failed or cancelled job again.
#[server(prefix = "/api", endpoint = "retry_job")]
pub async fn retry_job(id: JobId) -> Result<Job, Failure> {
    answer(backend()?.retry(id).await)
}

/// Gives the dead tiles of a failed or cancelled job, or the one that is named, all their attempts anew, and lets the job go on.
#[server(prefix = "/api", endpoint = "replay_tiles")]
pub async fn replay_tiles(id: JobId, tile: Option<u32>) -> Result<Job, Failure> {
    answer(backend()?.replay(id, tile).await)
}

/// Gives the dead tiles of all failed and cancelled jobs that `status` and `search` mean, and that the caller may change, their
/// attempts anew.
#[server(prefix = "/api", endpoint = "replay_all_tiles")]
pub async fn replay_all_tiles(
    status: Option<JobStatus>,
    search: Option<String>,
) -> Result<Replayed, Failure> {
    let query = azulejo_protocol::dead::DeadTileQuery {
        status,
        search: search.filter(|text| !text.is_empty()),
        ..Default::default()
    };
    answer(backend()?.replay_all(query).await)
}

/// Forgets an ended job and deletes its files; a form is led to the list of jobs, a page goes there by itself.
#[server(prefix = "/api", endpoint = "delete_job")]
pub async fn delete_job(id: JobId) -> Result<(), Failure> {
    answer(backend()?.delete(id).await)?;
    if is_form() {
        leptos_axum::redirect("/jobs");
    }
    Ok(())
}

/// Every worker known, live ones first.
#[server(prefix = "/api", endpoint = "list_workers", input = GetUrl)]
pub async fn list_workers() -> Result<Vec<WorkerInfo>, Failure> {
    answer(backend()?.workers().await)
}

/// What work costs, as far as it was measured: for estimates.
#[server(prefix = "/api", endpoint = "get_costs", input = GetUrl)]
pub async fn get_costs() -> Result<Costs, Failure> {
    answer(backend()?.costs().await)
}

/// State of the installation and its limits.
#[server(prefix = "/api", endpoint = "get_health", input = GetUrl)]
pub async fn get_health() -> Result<Health, Failure> {
    answer(backend()?.health().await)
}

/// Keeps the choice of theme in a cookie, so that the next page is rendered in it.
#[server(prefix = "/api", endpoint = "set_theme")]
pub async fn set_theme(theme: Theme) -> Result<(), Failure> {
    if let (Some(response), Ok(cookie)) = (
        use_context::<leptos_axum::ResponseOptions>(),
        http::HeaderValue::from_str(&theme.cookie()),
    ) {
        response.append_header(http::header::SET_COOKIE, cookie);
    }
    Ok(())
}
