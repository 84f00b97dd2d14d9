//! How far a job is: the numbers, the bar, the legend.

use azulejo_protocol::{Job, JobStatus};
use leptos::prelude::*;

use crate::mosaic::Counts;
use crate::words;

/// One line on where `job` stands: "235 of 384 tiles · 96 tiles/s · about 2 s left", without the first number.
pub fn summary(job: &Job) -> Vec<String> {
    let Counts { done, .. } = Counts::of(job);
    let mut parts = vec![format!(
        "of {}",
        words::plural(u64::from(job.progress.total), "tile")
    )];
    match job.status {
        JobStatus::Processing => {
            if job.tiles_per_second > 0.0 {
                parts.push(words::rate(f64::from(job.tiles_per_second)));
            }
            if done == job.progress.total && done > 0 {
                parts.push("writing the result".to_owned());
            } else if let Some(left) = job.seconds_left {
                parts.push(format!("about {} left", words::roughly(f64::from(left))));
            }
        }
        _ => {
            if let Some(end) = job.completed_at {
                let took = words::duration(words::seconds_between(job.created_at, end));
                parts.push(match job.status {
                    JobStatus::Completed => format!("done in {took}"),
                    JobStatus::Failed => format!("failed after {took}"),
                    _ => format!("cancelled after {took}"),
                });
            }
            if job.status == JobStatus::Completed && job.tiles_per_second > 0.0 {
                parts.push(words::rate(f64::from(job.tiles_per_second)));
            }
        }
    }
    parts
}

/// What a screen reader is told: at every quarter, and at the end.
fn announcement(job: &Job) -> String {
    let total = job.progress.total.max(1);
    match job.status {
        JobStatus::Completed => "Completed. The result can be downloaded.".to_owned(),
        JobStatus::Failed => format!(
            "Failed: {}",
            job.error.as_deref().unwrap_or("no reason was given")
        ),
        JobStatus::Cancelled => "Cancelled.".to_owned(),
        JobStatus::Processing => match u64::from(job.progress.completed) * 4 / u64::from(total) {
            0 => "Under way.".to_owned(),
            quarters => format!("{} % done.", quarters * 25),
        },
    }
}

/// Numbers, bar and legend of a job.
#[component]
pub fn Meter(
    /// The job.
    #[prop(into)]
    job: Signal<Job>,
) -> impl IntoView {
    let counts = Memo::new(move |_| job.with(Counts::of));
    let share = move |part: fn(Counts) -> u32| {
        move || {
            let counts = counts.get();
            format!(
                "{:.3}",
                f64::from(part(counts)) * 100.0 / f64::from(counts.total().max(1))
            )
        }
    };
    let start = move |parts: fn(Counts) -> u32| share(parts);
    let announced = Memo::new(move |_| job.with(announcement));
    view! {
        <section class="meter" aria-label="Progress">
            <p class="nums">
                <b>{move || counts.get().done}</b>
                {move || {
                    job.with(summary)
                        .into_iter()
                        .enumerate()
                        .map(|(n, part)| view! { {(n > 0).then(|| view! { <i>"·"</i> })} " " {part} " " })
                        .collect_view()
                }}
            </p>
            <svg class="bar-line" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
                <rect class="rest" width="100" height="1" />
                <rect class="done" width=share(|c| c.done) height="1" />
                <rect class="flight" x=start(|c| c.done) width=share(|c| c.in_flight) height="1" />
                <rect class="dead" x=start(|c| c.done + c.in_flight) width=share(|c| c.dead) height="1" />
            </svg>
            <ul class="legend">
                <li>
                    <span class="key done"></span>
                    "done "
                    <b>{move || counts.get().done}</b>
                </li>
                <li>
                    <span class="key flight"></span>
                    "in flight "
                    <b>{move || counts.get().in_flight}</b>
                </li>
                <li>
                    <span class="key queued"></span>
                    {move || if job.with(|job| job.status.is_final()) { "not done " } else { "queued " }}
                    <b>{move || counts.get().queued}</b>
                </li>
                <li>
                    <span class="key dead"></span>
                    "dead "
                    <b>{move || counts.get().dead}</b>
                </li>
            </ul>
            <p class="visually-hidden" role="status">
                {move || announced.get()}
            </p>
        </section>
    }
    .into_any()
}
