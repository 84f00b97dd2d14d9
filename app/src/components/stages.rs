//! The steps of a job, in order.

use azulejo_protocol::{Job, JobStatus, Stage, StageName};
use leptos::prelude::*;

use crate::clock::Clock;
use crate::words;

const fn title(name: StageName) -> &'static str {
    match name {
        StageName::Upload => "Upload",
        StageName::Decode => "Decode",
        StageName::Measure => "Measure",
        StageName::Tiles => "Tiles",
        StageName::Assemble => "Assemble",
    }
}

/// `0.9 s`, `2.6 s so far` or nothing, and the stage's note.
fn detail(stage: &Stage, job_ended: bool, now_ms: i64) -> String {
    let time = match (stage.started_at, stage.finished_at) {
        (Some(start), Some(end)) => Some(words::duration(words::seconds_between(start, end))),
        (Some(start), None) if !job_ended => {
            let seconds = (now_ms - words::millis(start)).max(0) / 1000;
            Some(format!("{} so far", words::roughly(seconds as f64)))
        }
        (Some(_), None) => Some("not finished".to_owned()),
        (None, _) => job_ended.then(|| "not begun".to_owned()),
    };
    time.into_iter()
        .chain((!stage.note.is_empty()).then(|| stage.note.clone()))
        .collect::<Vec<_>>()
        .join(" · ")
}

/// The list of steps with how long each took.
#[component]
pub fn Stages(
    /// The job.
    #[prop(into)]
    job: Signal<Job>,
) -> impl IntoView {
    let clock = expect_context::<Clock>();
    let list = move || {
        let job = job.get();
        let ended = job.status.is_final();
        job.stages
            .iter()
            .map(|stage| {
                let (class, state) = match (stage.started_at, stage.finished_at) {
                    (_, Some(_)) => ("ok", "done"),
                    (Some(_), None) if !ended => ("on", "under way"),
                    // Said by the detail. What was cancelled is not dead.
                    (Some(_), None) if job.status == JobStatus::Failed => ("stopped", ""),
                    (Some(_), None) => ("", ""),
                    (None, None) if ended => ("", ""),
                    (None, None) => ("", "not begun"),
                };
                let running = class == "on";
                let stage = stage.clone();
                view! {
                    <li class=class>
                        <b>{title(stage.name)}</b>
                        {(!state.is_empty()).then(|| view! { <span class="visually-hidden">{format!(", {state}")}</span> })}
                        <small>
                            {move || detail(&stage, ended, if running { clock.now_ms() } else { 0 })}
                        </small>
                    </li>
                }
            })
            .collect_view()
    };
    view! {
        <section aria-labelledby="stages-title">
            <h2 id="stages-title">"Stages"</h2>
            <ol class="stages">{list}</ol>
        </section>
    }
    .into_any()
}
