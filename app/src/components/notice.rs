//! Notices: what went wrong, and what the installation lacks.

use leptos::prelude::*;

use crate::failure::Failure;
use crate::live::Live;
use crate::root::Shared;
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

/// Says so when nothing can be done at the moment: no worker, no broker.
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
                let text = Memo::new(move |_| {
                    live.health
                        .with(|health| {
                            let Some(health) = health.as_ref().or(first.as_ref()) else {
                                return unreachable.clone();
                            };
                            if !health.kafka_connected {
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
                move || {
                    text.get()
                        .map(|text| {
                            view! {
                                <p class="notice" role="status">
                                    <span class="key flight"></span>
                                    {text}
                                </p>
                            }
                        })
                }
            })}
        </Suspense>
    }
    .into_any()
}
