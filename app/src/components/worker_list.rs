//! Workers in the rail: tile, name, what they do, how fast.

use azulejo_protocol::{Job, WorkerInfo};
use leptos::prelude::*;

use super::{Azulejo, Sparkline};
use crate::live::Live;
use crate::words;

/// One line on what a worker does.
pub fn doing(worker: &WorkerInfo) -> String {
    if worker.status.is_live() {
        format!(
            "{} of {} busy",
            worker.busy,
            words::plural(u64::from(worker.slots), "slot")
        )
    } else {
        worker.status.name().to_owned()
    }
}

/// Live workers, as on the Studio.
#[component]
pub fn WorkerList(
    /// The workers.
    #[prop(into)]
    workers: Signal<Vec<WorkerInfo>>,
) -> impl IntoView {
    let ids = Memo::new(move |_| {
        workers.with(|workers| {
            workers
                .iter()
                .filter(|worker| worker.status.is_live())
                .map(|worker| worker.worker_id.clone())
                .collect::<Vec<_>>()
        })
    });
    view! {
        <ul class="worker-list">
            <For each=move || ids.get() key=Clone::clone let:id>
                {
                    let worker = find(workers, id.clone());
                    view! {
                        <li>
                            <Azulejo
                                id=id.clone()
                                pattern=Signal::derive(move || worker.with(|w| w.as_ref().and_then(|w| w.pattern)))
                            />
                            <span>
                                <b>{id}</b>
                                <small>{move || worker.with(|w| w.as_ref().map(doing))}</small>
                            </span>
                            <Sparkline values=Signal::derive(move || {
                                worker.with(|w| w.as_ref().map(|w| w.rate_history.clone()).unwrap_or_default())
                            }) />
                        </li>
                    }
                }
            </For>
        </ul>
        {move || {
            ids.with(Vec::is_empty)
                .then(|| view! { <p class="quiet">"None is running. Start one: " <code>"azulejo-worker"</code></p> })
        }}
    }
    .into_any()
}

/// Worker `id` among `workers`, as it changes.
pub fn find(workers: Signal<Vec<WorkerInfo>>, id: String) -> Memo<Option<WorkerInfo>> {
    Memo::new(move |_| workers.with(|workers| workers.iter().find(|worker| worker.worker_id == id).cloned()))
}

/// Who did how much of a job.
#[component]
pub fn WorkersOnJob(
    /// The job.
    #[prop(into)]
    job: Signal<Job>,
    /// Workers known when the page was rendered, for their rates.
    first: Vec<WorkerInfo>,
) -> impl IntoView {
    let live = expect_context::<Live>();
    let workers = Signal::derive(move || live.workers.get().unwrap_or_else(|| first.clone()));
    let ids = Memo::new(move |_| {
        job.with(|job| {
            job.workers
                .iter()
                .map(|share| share.worker_id.clone())
                .collect::<Vec<_>>()
        })
    });
    view! {
        <section aria-labelledby="workers-title">
            <h2 id="workers-title">"Workers on this job"</h2>
            <ul class="worker-list">
                <For each=move || ids.get() key=Clone::clone let:id>
                    {
                        let worker = find(workers, id.clone());
                        let own = id.clone();
                        let share = Memo::new(move |_| {
                            job.with(|job| job.workers.iter().find(|share| share.worker_id == own).cloned())
                        });
                        let did = move || {
                            share
                                .get()
                                .map(|share| {
                                    format!(
                                        "{} · {} each",
                                        words::plural(u64::from(share.tiles), "tile"),
                                        words::milliseconds(f64::from(share.mean_ms)),
                                    )
                                })
                        };
                        view! {
                            <li>
                                <Azulejo
                                    id=id.clone()
                                    pattern=Signal::derive(move || share.with(|s| s.as_ref().and_then(|s| s.pattern)))
                                />
                                <span>
                                    <b>{id}</b>
                                    <small>{did}</small>
                                </span>
                                <Sparkline values=Signal::derive(move || {
                                    worker.with(|w| w.as_ref().map(|w| w.rate_history.clone()).unwrap_or_default())
                                }) />
                            </li>
                        }
                    }
                </For>
            </ul>
            {move || ids.with(Vec::is_empty).then(|| view! { <p class="quiet">"None yet."</p> })}
        </section>
    }
    .into_any()
}
