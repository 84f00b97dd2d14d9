//! Workers: a card each with tile, rate, slots, memory, partitions.

use azulejo_protocol::{WorkerInfo, WorkerState};
use leptos::prelude::*;
use leptos_meta::Title;

use crate::clock::Ago;
use crate::components::{Azulejo, FailureNotice, InstallationNotice, Sparkline};
use crate::live::Live;
use crate::shared::Shared;
use crate::words;

/// The page.
#[component]
pub fn WorkersPage() -> impl IntoView {
    let shared = expect_context::<Shared>();
    view! {
        <Title text="Workers · Azulejo" />
        <main id="main">
            <InstallationNotice />
            <Suspense fallback=|| view! { <p class="quiet">"Loading"</p> }>
                {move || Suspend::new(async move {
                    match shared.workers.await {
                        Ok(workers) => view! { <WorkerCards first=workers /> }.into_any(),
                        Err(failure) => view! { <FailureNotice failure /> }.into_any(),
                    }
                })}
            </Suspense>
        </main>
    }
    .into_any()
}

const fn state_class(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Busy | WorkerState::Idle => "dot",
        WorkerState::Starting | WorkerState::Draining => "dot flight",
        WorkerState::Stopped => "dot off",
        WorkerState::Lost => "dot dead",
    }
}

#[component]
fn WorkerCards(first: Vec<WorkerInfo>) -> impl IntoView {
    let live = expect_context::<Live>();
    let workers = Memo::new(move |_| live.workers.get().unwrap_or_else(|| first.clone()));
    let ids = Memo::new(move |_| {
        workers.with(|workers| {
            workers
                .iter()
                .map(|worker| worker.worker_id.clone())
                .collect::<Vec<_>>()
        })
    });
    let summary = move || {
        workers.with(|workers| {
            let live: Vec<_> = workers.iter().filter(|worker| worker.status.is_live()).collect();
            let slots: u32 = live.iter().map(|worker| worker.slots).sum();
            let busy: u32 = live.iter().map(|worker| worker.busy).sum();
            format!(
                "{} live, {} of {} busy",
                words::plural(live.len() as u64, "worker"),
                busy,
                words::plural(u64::from(slots), "slot")
            )
        })
    };
    view! {
        <div class="head">
            <div>
                <p class="eyebrow">{summary}</p>
                <h1>"Workers"</h1>
            </div>
        </div>
        <ul class="cards">
            <For each=move || ids.get() key=Clone::clone let:id>
                <WorkerCard id workers />
            </For>
        </ul>
        {move || {
            ids.with(Vec::is_empty)
                .then(|| {
                    view! {
                        <p class="empty">
                            "No worker has joined yet. Start one on this machine or any other that reaches Kafka: "
                            <code>"azulejo-worker --kafka HOST:PORT"</code>
                        </p>
                    }
                })
        }}
    }
    .into_any()
}

#[component]
fn WorkerCard(id: String, workers: Memo<Vec<WorkerInfo>>) -> impl IntoView {
    let name = id.clone();
    let worker = Memo::new(move |before: Option<&Option<WorkerInfo>>| {
        workers
            .with(|workers| workers.iter().find(|worker| worker.worker_id == id).cloned())
            .or_else(|| before.cloned().flatten())
    });
    let tile = name.clone();
    move || {
        let tile = tile.clone();
        let name = name.clone();
        worker.get().map(|worker| {
            let rate = worker.rate_history.last().copied().unwrap_or_default();
            let is_live = worker.status.is_live();
            let partitions = if worker.partitions.is_empty() {
                "none".to_owned()
            } else {
                worker
                    .partitions
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            let failed = (worker.tasks_failed > 0).then(|| format!(", {} failed", worker.tasks_failed));
            view! {
                <li class=if is_live { "card" } else { "card away" }>
                    <Azulejo id=tile pattern=worker.pattern />
                    <div class="who">
                        <h2>{name}</h2>
                        <p>
                            <span class=state_class(worker.status)></span>
                            {worker.status.name()}
                            <i>"·"</i>
                            "heard of "
                            <Ago time=worker.last_heartbeat />
                        </p>
                    </div>
                    {is_live
                        .then(|| {
                            view! {
                                <div class="rate">
                                    <b>{words::figures(f64::from(rate))}</b>
                                    " tiles/s"
                                    <Sparkline values=worker.rate_history.clone() />
                                </div>
                            }
                        })}
                    {worker
                        .note
                        .clone()
                        .map(|note| view! { <p class="note" role="status">{words::sentence(&note)}</p> })}
                    <dl>
                        <div>
                            <dt>"Slots"</dt>
                            <dd>
                                {is_live.then(|| view! { <SlotBoxes busy=worker.busy slots=worker.slots /> })}
                                {if is_live {
                                    format!("{} of {} busy", worker.busy, worker.slots)
                                } else {
                                    worker.slots.to_string()
                                }}
                            </dd>
                        </div>
                        <div>
                            <dt>"Tiles"</dt>
                            <dd>{worker.tasks_processed} {failed}</dd>
                        </div>
                        <div>
                            <dt>"Each"</dt>
                            <dd>
                                {match worker.tasks_processed {
                                    0 => "–".to_owned(),
                                    _ => words::milliseconds(worker.avg_processing_time * 1000.0),
                                }}
                            </dd>
                        </div>
                        <div>
                            <dt>"Memory"</dt>
                            <dd>
                                {match worker.memory_bytes {
                                    0 => "unknown".to_owned(),
                                    bytes => words::bytes(bytes),
                                }}
                            </dd>
                        </div>
                        <div>
                            <dt>"Up"</dt>
                            <dd>{words::duration(worker.uptime)}</dd>
                        </div>
                        <div>
                            <dt>"Machine"</dt>
                            <dd>{format!("{} {}", worker.host, worker.version)}</dd>
                        </div>
                        <div class="wide">
                            <dt>"Partitions"</dt>
                            <dd class="mono">{partitions}</dd>
                        </div>
                    </dl>
                </li>
            }
        })
    }
}

/// A box for every slot, filled while it is in use. Beyond 32 the numbers must do.
#[component]
fn SlotBoxes(busy: u32, slots: u32) -> impl IntoView {
    (slots <= 32).then(|| {
        let boxes = (0..slots)
            .map(|slot| view! { <span class=if slot < busy { "slot busy" } else { "slot" }></span> })
            .collect_view();
        view! {
            <span class="slots" aria-hidden="true">
                {boxes}
            </span>
        }
    })
}
