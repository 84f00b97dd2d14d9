//! Tiles that were given up, and why; what a worker got of each, and all their attempts anew.

use azulejo_protocol::{Job, TileState};
use leptos::prelude::*;

use super::FailureNotice;
use super::call_form::CallForm;
use crate::actions::{ReplayTiles, get_tile};
use crate::base::at;
use crate::mosaic::states;
use crate::words;

/// So many are explained; the rest are counted.
const SHOWN: usize = 3;

/// A card for each of the first dead tiles, with the last error, and a button that has them all rendered again. It works without
/// JavaScript.
#[component]
pub fn DeadTiles(
    /// The job.
    #[prop(into)]
    job: Signal<Job>,
    /// Called with the job as the replay left it.
    #[prop(into)]
    changed: Callback<Job>,
) -> impl IntoView {
    let id = job.with_untracked(|job| job.job_id);
    let dead = Memo::new(move |_| {
        job.with(|job| {
            let first: Vec<u32> = match job.progress.failed {
                0 => Vec::new(),
                _ => (0u32..)
                    .zip(states(job))
                    .filter(|(_, state)| *state == TileState::Dead)
                    .map(|(index, _)| index)
                    .take(SHOWN)
                    .collect(),
            };
            (first, job.progress.failed)
        })
    });
    let infos = Resource::new(
        move || dead.get().0,
        move |tiles| async move {
            let mut infos = Vec::new();
            for tile in tiles {
                infos.extend(get_tile(id, tile).await.ok());
            }
            infos
        },
    );
    let replay = ServerAction::<ReplayTiles>::new();
    Effect::new(move |_| {
        if let Some(Ok(job)) = replay.value().get() {
            changed.run(job);
        }
    });
    // Without its picture neither a tile nor the job can be had again.
    let has_original = Memo::new(move |_| job.with(|job| !job.original_gone));
    let can_replay = Memo::new(move |_| has_original.get() && job.with(|job| job.status.is_final()));
    let failure = move || replay.value().get().and_then(Result::err);
    view! {
        <Transition>
            {move || Suspend::new(async move {
                let infos = infos.await;
                let more = (dead.get_untracked().1 as usize).saturating_sub(infos.len());
                (!infos.is_empty())
                    .then(|| {
                        let title = if infos.len() + more == 1 { "Dead tile" } else { "Dead tiles" };
                        view! {
                            <section aria-labelledby="dead-title">
                                <h2 id="dead-title">{title}</h2>
                                {infos
                                    .into_iter()
                                    .map(|info| {
                                        let reason = info
                                            .error
                                            .unwrap_or_else(|| "no reason was given".to_owned());
                                        let who = info
                                            .worker_id
                                            .map(|worker| format!("{worker}: "))
                                            .unwrap_or_default();
                                        view! {
                                            <div class="dead-card">
                                                <span class="key dead"></span>
                                                <b>{format!("tile {}", info.tile)}</b>
                                                <small>
                                                    {format!(
                                                        "{}. {who}{reason}",
                                                        words::plural(u64::from(info.attempt), "attempt"),
                                                    )}
                                                </small>
                                                {move || {
                                                    has_original
                                                        .get()
                                                        .then(|| {
                                                            view! {
                                                                <small>
                                                                    <a
                                                                        href=at(&format!("/job/{id}/tile/{}/report", info.tile))
                                                                        rel="external"
                                                                        download=""
                                                                        title="What the worker got, as a file for azulejo apply --tile-report"
                                                                    >
                                                                        "Save what the worker got"
                                                                    </a>
                                                                </small>
                                                            }
                                                        })
                                                }}
                                            </div>
                                        }
                                    })
                                    .collect_view()}
                                {(more > 0)
                                    .then(|| {
                                        view! {
                                            <p class="quiet">{format!("and {}", words::plural(more as u64, "other"))}</p>
                                        }
                                    })}
                                {move || {
                                    can_replay
                                        .get()
                                        .then(|| {
                                            view! {
                                                <CallForm action=replay>
                                                    <input type="hidden" name="id" value=id.to_string() />
                                                    <button
                                                        title="Only these get all their attempts anew; what is done stays done"
                                                        disabled=move || replay.pending().get()
                                                    >
                                                        {if title == "Dead tile" { "Replay this tile" } else { "Replay these tiles" }}
                                                    </button>
                                                </CallForm>
                                            }
                                        })
                                }}
                                {move || failure().map(|failure| view! { <FailureNotice failure /> })}
                            </section>
                        }
                    })
            })}
        </Transition>
    }
    .into_any()
}
