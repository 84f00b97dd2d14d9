//! Notices: what went wrong, and what the installation lacks.

use leptos::prelude::*;

use crate::failure::Failure;
use crate::live::Live;
use crate::shared::Shared;
use crate::words;

/// An error in a sentence.
#[component]
pub fn FailureNotice(
    /// What went wrong.
    failure: Failure,
) -> impl IntoView {
    view! {
        <p class="notice dead" role="alert">
            <span class="key dead"></span>
            {words::sentence(&failure.to_string())}
        </p>
    }
    .into_any()
}

/// Says so when nothing can be done at the moment, for there is no worker or no broker, and names what does not work although
/// the whole does.
#[component]
pub fn InstallationNotice() -> impl IntoView {
    let live = expect_context::<Live>();
    let shared = expect_context::<Shared>();
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                let first = shared.health.await;
                let unreachable = first.as_ref().err().map(|failure| words::sentence(&failure.to_string()));
                let first = first.ok();
                let second = first.clone();
                let text = Memo::new(move |_| {
                    live.health
                        .with(|health| {
                            let Some(health) = health.as_ref().or(first.as_ref()) else {
                                return unreachable.clone();
                            };
                            if !health.kafka_answers() {
                                Some(format!(
                                    "Kafka at {} does not answer. Pictures are still accepted; their tiles go out when it is back.",
                                    health.kafka_broker,
                                ))
                            } else if health.workers == 0 {
                                Some(
                                    "No worker is running. Jobs wait until one joins: start azulejo-worker."
                                        .to_owned(),
                                )
                            } else {
                                None
                            }
                        })
                });
                let problems = Memo::new(move |_| {
                    live.health
                        .with(|health| {
                            health.as_ref().or(second.as_ref()).map(|health| health.problems.clone()).unwrap_or_default()
                        })
                });
                view! {
                    {move || {
                        text.get()
                            .map(|text| {
                                view! {
                                    <p class="notice" role="status">
                                        <span class="key flight"></span>
                                        {text}
                                    </p>
                                }
                            })
                    }}
                    <For each=move || problems.get() key=Clone::clone let:problem>
                        <p class="notice" role="status">
                            <span class="key dead"></span>
                            <span>
                                <b>{problem.subject.clone()}</b>
                                ": "
                                {problem.detail.clone()}
                            </span>
                        </p>
                    </For>
                }
            })}
        </Suspense>
    }
    .into_any()
}
