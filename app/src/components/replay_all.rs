//! The dead tiles of all jobs that a list means, anew.

use azulejo_protocol::dead::Replayed;
use azulejo_protocol::{Job, JobStatus};
use leptos::prelude::*;

use super::FailureNotice;
use super::call_form::CallForm;
use crate::actions::ReplayAllTiles;
use crate::job_list::Filter;
use crate::words;

/// A button that gives the dead tiles of every failed and cancelled job that `filter` means all their attempts anew, also of jobs on
/// other pages of the list. It is there where a job of the list has some, and works without JavaScript.
#[component]
pub fn ReplayAll(
    /// The jobs that are listed.
    #[prop(into)]
    jobs: Signal<Vec<Job>>,
    /// Which jobs are meant.
    filter: Filter,
) -> impl IntoView {
    let replay = ServerAction::<ReplayAllTiles>::new();
    let is_of_use = Memo::new(move |_| jobs.with(|jobs| jobs.iter().any(can_be_replayed)));
    let filter = StoredValue::new(filter);
    let asked = move || {
        let Filter { status, search, .. } = filter.get_value();
        view! {
            {status.map(|status| view! { <input type="hidden" name="status" value=status.name() /> })}
            {search.map(|search| view! { <input type="hidden" name="search" value=search /> })}
        }
    };
    let told = move || {
        replay.value().get().map(|answer| match answer {
            Ok(replayed) => view! { <p class="notice" role="status">{sentences(&replayed)}</p> }.into_any(),
            Err(failure) => view! { <FailureNotice failure /> }.into_any(),
        })
    };
    view! {
        {move || {
            is_of_use
                .get()
                .then(|| {
                    view! {
                        <div class="pager">
                            <CallForm action=replay>
                                {asked()}
                                <button
                                    title="Of your failed and cancelled jobs that match, on all pages (an admin's: of everybody's); a search also looks at errors and workers. What is done stays done"
                                    disabled=move || replay.pending().get()
                                >
                                    "Replay all dead tiles that match"
                                </button>
                            </CallForm>
                        </div>
                    }
                })
        }}
        {told}
    }
    .into_any()
}

/// Whether a job has dead tiles that can be replayed.
fn can_be_replayed(job: &Job) -> bool {
    let has_ended = matches!(job.status, JobStatus::Failed | JobStatus::Cancelled);
    has_ended && job.progress.failed > 0 && !job.original_gone
}

/// What became of it.
fn sentences(replayed: &Replayed) -> String {
    let jobs = |count: usize| words::plural(count as u64, "job");
    let mut text = match replayed.jobs.len() {
        0 => "No job goes on.".to_owned(),
        1 => "1 job goes on.".to_owned(),
        count => format!("{} go on.", jobs(count)),
    };
    if let Some(first) = replayed.refused.first() {
        let (count, reason) = (replayed.refused.len(), words::sentence(&first.detail));
        text.push_str(&match count {
            1 => format!(" 1 job does not: {reason}"),
            _ => format!(
                " {} do not; of job {}: {reason}",
                jobs(count),
                first.job_id.short()
            ),
        });
    }
    if replayed.more {
        text.push_str(" There are more: press again.");
    }
    text
}

#[cfg(test)]
mod tests {
    use azulejo_protocol::dead::NotReplayed;

    use super::*;
    use crate::sample::job;

    #[test]
    fn it_is_offered_where_a_job_has_ended_with_dead_tiles_and_its_picture_is_there() {
        let mut failed = job(1);
        failed.status = JobStatus::Failed;
        assert!(!can_be_replayed(&failed), "it has no dead tile");
        failed.progress.failed = 2;
        assert!(can_be_replayed(&failed));
        let mut under_way = failed.clone();
        under_way.status = JobStatus::Processing;
        let mut lost = failed.clone();
        lost.original_gone = true;
        assert!(!can_be_replayed(&under_way) && !can_be_replayed(&lost));
    }

    #[test]
    fn what_goes_on_what_does_not_and_what_is_left_is_said() {
        let id = job(1).job_id;
        let refused = NotReplayed {
            job_id: id,
            code: "upload_gone".into(),
            detail: "the file is gone".into(),
        };
        let mut replayed = Replayed::default();
        assert_eq!(sentences(&replayed), "No job goes on.");
        replayed.jobs = vec![id, id];
        replayed.refused = vec![refused.clone()];
        replayed.more = true;
        assert_eq!(
            sentences(&replayed),
            "2 jobs go on. 1 job does not: The file is gone. There are more: press again."
        );
        replayed.jobs = vec![id];
        replayed.refused.push(refused);
        let text = sentences(&replayed);
        assert!(text.starts_with("1 job goes on. 2 jobs do not; of job"), "{text}");
    }
}
