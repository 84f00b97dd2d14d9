//! Where the keyboard is after a change of the page.

#[cfg(feature = "hydrate")]
use leptos::prelude::*;

/// Puts the focus on the first of these elements that is there and can have it, once the page shows what was just changed:
/// whoever works by keyboard goes on where they were.
pub fn focus_first(ids: Vec<String>) {
    #[cfg(feature = "hydrate")]
    request_animation_frame(move || {
        let query = ids
            .iter()
            .map(|id| format!("[id='{id}']:enabled, summary[id='{id}']"));
        for selector in query {
            if let Ok(Some(element)) = document().query_selector(&selector) {
                crate::browser::focus(&element);
                return;
            }
        }
    });
    #[cfg(not(feature = "hydrate"))]
    drop(ids);
}
