//! Tiles as drawings: the logo, and the tile that stands beside a worker's name.

use azulejo_protocol::Pattern;
use leptos::prelude::*;

use crate::pattern::quarter;

/// How a quarter becomes a whole: as it is, and mirrored three times.
const MIRRORS: [&str; 4] = [
    "",
    "translate(100 0) scale(-1 1)",
    "translate(0 100) scale(1 -1)",
    "translate(100 100) scale(-1 -1)",
];

/// The tile of worker `id`. The name stands beside it, so it is hidden from screen readers.
#[component]
pub fn Azulejo(
    /// The worker's id.
    #[prop(into)]
    id: Signal<String>,
    /// The pattern that the server gave it. A worker that the server has forgotten is drawn with that of its id.
    #[prop(into)]
    pattern: Signal<Option<Pattern>>,
) -> impl IntoView {
    let pattern = Memo::new(move |_| pattern.get().unwrap_or_else(|| id.with(|id| Pattern::of(id))));
    let path = Memo::new(move |_| quarter(pattern.get()));
    view! {
        <svg
            class=move || if pattern.get().is_inverse() { "azulejo inverse" } else { "azulejo" }
            viewBox="0 0 100 100"
            aria-hidden="true"
        >
            <rect class="glaze" width="100" height="100" />
            {MIRRORS
                .map(|mirror| view! { <path class="motif" d=move || path.get() transform=mirror /> })
                .collect_view()}
        </svg>
    }
    .into_any()
}

/// Four quarter arcs and a point, white on cobalt.
#[component]
pub fn Logo() -> impl IntoView {
    view! {
        <svg class="logo" viewBox="0 0 40 40" width="30" height="30" aria-hidden="true">
            <rect width="40" height="40" rx="5" />
            <path d="M20 3Q21.5 18.5 37 20Q21.5 21.5 20 37Q18.500 21.500 3 20Q18.500 18.500 20 3Z" />
            <path d="M5 5h7a7 7 0 0 1-7 7zM35 5v7a7 7 0 0 1-7-7zM5 35v-7a7 7 0 0 1 7 7zM35 35h-7a7 7 0 0 1 7-7z" />
            <circle class="point" cx="20" cy="20" r="3" />
        </svg>
    }
    .into_any()
}
