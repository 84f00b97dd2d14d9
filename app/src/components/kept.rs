//! How long jobs are kept, said in a sentence.

use azulejo_protocol::Retention;
use leptos::prelude::*;

use crate::shared::Shared;
use crate::words;

/// A line that says what the server's settings keep.
#[component]
pub fn Kept() -> impl IntoView {
    let shared = expect_context::<Shared>();
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                let health = shared.health.await.ok();
                health.map(|health| view! { <p class="pager quiet">{sentences(&health.retention)}</p> })
            })}
        </Suspense>
    }
    .into_any()
}

/// What is kept, and for how long.
fn sentences(retention: &Retention) -> String {
    let days = |days: u32| words::plural(days.into(), "day");
    let mut text = match (retention.results_days, retention.failed_days) {
        (None, None) => "Jobs are kept until they are deleted".to_owned(),
        (Some(results), None) => format!(
            "Completed jobs are kept for {}, failed and cancelled ones until they are deleted",
            days(results)
        ),
        (None, Some(failed)) => format!(
            "Completed jobs are kept until they are deleted, failed and cancelled ones for {}",
            days(failed)
        ),
        (Some(results), Some(failed)) if results == failed => format!("Jobs are kept for {}", days(results)),
        (Some(results), Some(failed)) => format!(
            "Completed jobs are kept for {}, failed and cancelled ones for {}",
            days(results),
            days(failed)
        ),
    };
    if let Some(originals) = retention.originals_days {
        text.push_str(&format!(", their originals for {}", days(originals)));
    }
    text.push('.');
    let bounds: Vec<_> = [
        retention.jobs.map(|jobs| words::plural(jobs, "job")),
        retention.bytes.map(words::bytes),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !bounds.is_empty() {
        text.push_str(&format!(" Beyond {} the oldest go earlier.", bounds.join(" or ")));
    }
    if let Some(free) = retention.free_bytes {
        text.push_str(&format!(
            " When less than {} of the disk is free, the oldest go.",
            words::bytes(free)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_settings_keep_is_said() {
        assert_eq!(
            sentences(&Retention::default()),
            "Jobs are kept until they are deleted."
        );
        let usual = Retention {
            results_days: Some(30),
            failed_days: Some(7),
            ..Retention::default()
        };
        assert_eq!(
            sentences(&usual),
            "Completed jobs are kept for 30 days, failed and cancelled ones for 7 days."
        );
        let all = Retention {
            results_days: Some(1),
            failed_days: Some(1),
            originals_days: Some(2),
            jobs: Some(100),
            bytes: Some(2_000_000_000),
            free_bytes: Some(268_435_456),
            ..usual
        };
        assert_eq!(
            sentences(&all),
            "Jobs are kept for 1 day, their originals for 2 days. Beyond 100 jobs or 2.0 GB the oldest go earlier. When less \
             than 268 MB of the disk is free, the oldest go."
        );
    }
}
