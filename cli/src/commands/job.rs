//! One job from its start to its saved result. A signal cancels it.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use azulejo_protocol::{Job, JobId, JobStatus, Progress};
use indicatif::ProgressBar;

use crate::client::{Accepted, Client, Refused};
use crate::commands::report::Outcome;
use crate::signals::{Caught, Signals};
use crate::targets::{Target, Targets};
use crate::{naming, output};

/// How often the job is looked at.
const LOOK: Duration = Duration::from_millis(150);

/// How long a server may be away (it may be restarting: the job goes on) before the command gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the answer to a whole upload is waited for after a signal: the job that it may have started is to be cancelled.
pub const ANSWER: Duration = Duration::from_secs(5);

/// How a job ended.
#[derive(Debug)]
pub struct Ended {
    /// Its id, once it had one.
    pub job: Option<JobId>,
    /// How.
    pub outcome: Outcome,
}

/// The job that `start` starts, shown as its tiles land, to its result in its place. `is_sent` says whether the server may have
/// started it before its answer is here; `page` is the page that was asked for.
pub async fn see_through(
    client: &Client,
    signals: &mut Signals,
    start: impl Future<Output = anyhow::Result<Accepted>>,
    is_sent: impl Fn() -> bool,
    page: Option<u32>,
    (targets, target): (&mut Targets, &Target),
) -> Ended {
    let accepted = match started(client, signals, start, is_sent).await {
        Ok(accepted) => accepted,
        Err(ended) => return ended,
    };
    let id = accepted.job_id;
    let end = |outcome| Ended {
        job: Some(id),
        outcome,
    };
    let bar = output::tile_bar(u64::from(accepted.total_tiles));
    let followed = tokio::select! {
        followed = follow(client, id, LOOK, |progress| show(&bar, progress)) => followed,
        caught = signals.next() => {
            bar.abandon();
            return end(cancelled(client, signals, id, caught).await);
        }
    };
    let job = match followed {
        Ok(job) => job,
        Err(error) => {
            bar.abandon();
            return end(Outcome::Problem(error));
        }
    };
    match job.status {
        JobStatus::Completed => {
            bar.finish();
            tell_notes(&job);
            if let Some(problem) = other_page(page, job.page) {
                return end(Outcome::Problem(anyhow::anyhow!("job {id}: {problem}")));
            }
        }
        JobStatus::Cancelled => {
            bar.abandon();
            return end(Outcome::Cancelled(format!("job {id} was cancelled")));
        }
        JobStatus::Failed | JobStatus::Processing => {
            bar.abandon();
            tell_notes(&job);
            let reason = job.error.unwrap_or_else(|| "no reason was given".into());
            return end(Outcome::Failed(format!("job {id} failed: {reason}")));
        }
    }
    let saved = tokio::select! {
        saved = save(client, &job, targets, target) => saved,
        caught = signals.next() => {
            return end(Outcome::Interrupted(caught, format!("job {id} is complete; its result was not saved")));
        }
    };
    end(saved
        .with_context(|| format!("job {id} is complete; its result is not saved"))
        .unwrap_or_else(Outcome::Problem))
}

/// The job that `start` starts, or how it ended without one.
async fn started(
    client: &Client,
    signals: &mut Signals,
    start: impl Future<Output = anyhow::Result<Accepted>>,
    is_sent: impl Fn() -> bool,
) -> Result<Accepted, Ended> {
    tokio::pin!(start);
    let without = |outcome| Ended { job: None, outcome };
    let caught = tokio::select! {
        accepted = &mut start => return accepted.map_err(|error| without(Outcome::Problem(error))),
        caught = signals.next() => caught,
    };
    if !is_sent() {
        let reason = "the upload was not finished, there is no job".to_owned();
        return Err(without(Outcome::Interrupted(caught, reason)));
    }
    let accepted = tokio::select! {
        accepted = tokio::time::timeout(ANSWER, start) => accepted,
        _ = signals.next() => Ok(Err(anyhow::anyhow!("it was not waited for"))),
    };
    match accepted {
        Ok(Ok(accepted)) => Err(Ended {
            job: Some(accepted.job_id),
            outcome: cancelled(client, signals, accepted.job_id, caught).await,
        }),
        Ok(Err(error)) if error.is::<Refused>() => Err(without(Outcome::Interrupted(
            caught,
            format!("there is no job: {error:#}"),
        ))),
        _ => {
            let reason = "the server did not say whether there is a job: `azulejo jobs` does".to_owned();
            Err(without(Outcome::Interrupted(caught, reason)))
        }
    }
}

/// Cancels a job because of a signal. The next signal does not wait for that.
async fn cancelled(client: &Client, signals: &mut Signals, id: JobId, caught: Caught) -> Outcome {
    let result = tokio::select! {
        result = client.cancel(id) => result,
        _ = signals.next() => Err(anyhow::anyhow!("the server's answer was not waited for")),
    };
    let reason = match result {
        Ok(()) => format!("job {id} is cancelled"),
        Err(error) => format!("job {id} could not be cancelled: {error:#}"),
    };
    Outcome::Interrupted(caught, reason)
}

/// Gets the result of `job` and puts it in its place, whole.
async fn save(client: &Client, job: &Job, targets: &mut Targets, target: &Target) -> anyhow::Result<Outcome> {
    let bar = output::byte_bar("download", job.output_bytes.unwrap_or(0));
    if *target == Target::Output {
        let spool = naming::spool()?;
        client.download(job.job_id, spool.reopen()?, &bar).await?;
        bar.finish();
        output::copy(spool.reopen()?).await?;
        return Ok(Outcome::Written);
    }
    let place = targets.settle(target, &job.result_filename)?;
    let draft = naming::draft(&place)?;
    client.download(job.job_id, draft.reopen()?, &bar).await?;
    naming::publish(draft, &place, targets.force())?;
    targets.note_result(&place);
    bar.finish();
    Ok(Outcome::Saved(place))
}

/// Says what of the image was left out or changed, and what the result has no room for.
fn tell_notes(job: &Job) {
    for note in &job.notes {
        output::say(&format!("note: {}: {note}", job.original_filename));
    }
}

fn show(bar: &ProgressBar, progress: &Progress) {
    bar.set_length(u64::from(progress.total));
    bar.set_position(u64::from(progress.completed));
}

/// The tiles by state, and the whole job once it has ended.
async fn look(client: &Client, id: JobId) -> anyhow::Result<(Progress, Option<Job>)> {
    let (status, progress) = client.progress(id).await?;
    if status.is_some_and(|status| !status.is_final()) {
        return Ok((progress, None));
    }
    let job = client.job(id).await?;
    Ok((job.progress, job.status.is_final().then_some(job)))
}

/// Looks at a job every `pause` until it has ended. A server that is away for a while is waited for.
///
/// # Errors
/// When the server refuses to tell or stays away.
pub async fn follow(
    client: &Client,
    id: JobId,
    pause: Duration,
    mut seen: impl FnMut(&Progress),
) -> anyhow::Result<Job> {
    let mut away: Option<Instant> = None;
    loop {
        match look(client, id).await {
            Ok((progress, ended)) => {
                away = None;
                seen(&progress);
                if let Some(job) = ended {
                    return Ok(job);
                }
            }
            Err(error)
                if error
                    .downcast_ref::<Refused>()
                    .is_some_and(|refused| refused.status < 500) =>
            {
                return Err(error);
            }
            Err(error) => {
                if away.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                    return Err(error.context(format!("job {id} may still be running")));
                }
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// What is wrong when a job is not on the page that was asked for. A server that knows no pages passes over the wish.
fn other_page(asked: Option<u32>, told: Option<u32>) -> Option<String> {
    let asked = asked.filter(|_| asked != told)?;
    Some(format!(
        "it is not on page {asked}: the server is older than this command and knows no pages; nothing was saved"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_of_another_page_is_a_problem() {
        assert_eq!(other_page(None, None), None);
        assert_eq!(other_page(None, Some(2)), None);
        assert_eq!(other_page(Some(2), Some(2)), None);
        assert!(other_page(Some(2), None).is_some_and(|problem| problem.contains("page 2")));
    }
}
