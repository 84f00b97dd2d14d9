//! The line below the mosaic: what is known of the tile in focus.

use azulejo_protocol::{JobId, TileInfo, TileState};
use leptos::prelude::*;

use super::Azulejo;
use crate::mosaic::Grid;
use crate::words;

/// What else there is to say of a tile: attempt, time, error.
fn facts(info: &TileInfo) -> Vec<String> {
    let mut facts = Vec::new();
    if info.attempt > 0 {
        facts.push(format!("attempt {}", info.attempt));
    }
    if let Some(micros) = info.micros {
        facts.push(words::milliseconds(micros as f64 / 1000.0));
    }
    if let Some(transit) = info.transit_ms {
        facts.push(format!("{} in Kafka", words::milliseconds(f64::from(transit))));
    }
    facts.extend(info.error.clone());
    facts
}

/// The caption. Worker and times are asked of the server when the focus rests on a tile.
#[component]
pub fn TileCaption(
    /// The job.
    job: JobId,
    /// Its grid.
    grid: Grid,
    /// The states that are shown.
    #[prop(into)]
    states: Signal<Vec<TileState>>,
    /// The tile in focus.
    focus: RwSignal<Option<u32>>,
) -> impl IntoView {
    let info = RwSignal::new(None::<TileInfo>);
    let state = Memo::new(move |_| {
        let index = focus.get()?;
        states
            .with(|states| states.get(index as usize).copied())
            .map(|state| (index, state))
    });
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        let Some((index, _)) = state.get() else {
            return info.set(None);
        };
        if info.with_untracked(|info| info.as_ref().is_some_and(|info| info.tile != index)) {
            info.set(None);
        }
        leptos::task::spawn_local(async move {
            crate::browser::sleep(90).await;
            let rests = move || focus.try_get_untracked().flatten() == Some(index);
            if !rests() {
                return;
            }
            if let Ok(found) = crate::actions::get_tile(job, index).await
                && rests()
            {
                info.try_set(Some(found));
            }
        });
    });
    #[cfg(not(feature = "hydrate"))]
    let _ = job;

    let text = move || {
        let Some((index, state)) = state.get() else {
            return view! { <span class="hint">"Point at a tile, or go there with the arrow keys."</span> }
                .into_any();
        };
        let (row, column) = grid.place(index);
        let known = info
            .get()
            .filter(|info| info.tile == index && info.state == state);
        let worker = known.as_ref().and_then(|info| info.worker_id.clone());
        let pattern = known.as_ref().and_then(|info| info.pattern);
        let facts = known.as_ref().map(facts).unwrap_or_default();
        view! {
            <span class="mono">{format!("tile {index}, row {}, column {}", row + 1, column + 1)}</span>
            <span class="fact">{state.label()}</span>
            {worker
                .map(|worker| {
                    view! {
                        <span class="fact who">
                            <Azulejo id=worker.clone() pattern=pattern />
                            {worker}
                        </span>
                    }
                })}
            {facts.into_iter().map(|fact| view! { <span class="fact">{fact}</span> }).collect_view()}
        }
        .into_any()
    };
    view! {
        <figcaption id="tile-caption" aria-live="polite">
            {text}
        </figcaption>
    }
    .into_any()
}
