//! Tiles that were given up, and why.

use azulejo_protocol::{Job, TileState};
use leptos::prelude::*;

use crate::actions::get_tile;
use crate::mosaic::states;
use crate::words;

/// So many are explained; the rest are counted.
const SHOWN: usize = 3;

/// A card for each of the first dead tiles, with the last error.
#[component]
pub fn DeadTiles(
    /// The job.
    #[prop(into)]
    job: Signal<Job>,
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
                            </section>
                        }
                    })
            })}
        </Transition>
    }
    .into_any()
}
