//! Which page of a file with several is meant.

use leptos::prelude::*;

use crate::picked::Picked;

/// The choice, where there is one. Without JavaScript no file is looked at before it is sent, and the image is its largest page.
#[component]
pub fn PageChoice(
    /// The picture.
    picked: RwSignal<Option<Picked>>,
    /// What is done with the page that is chosen; `None` is the one that is the image.
    turn_to: Callback<Option<u32>>,
) -> impl IntoView {
    let pages = Memo::new(move |_| picked.with(|picked| picked.as_ref()?.choice()));
    let page = Memo::new(move |_| picked.with(|picked| picked.as_ref()?.page));
    move || {
        let pages = pages.get()?;
        let chosen = move |event| {
            let text = event_target_value(&event);
            match text.parse() {
                Ok(page) if (1..=pages).contains(&page) => turn_to.run(Some(page)),
                _ if text.is_empty() => turn_to.run(None),
                // The browser says what is allowed.
                _ => {}
            }
        };
        Some(view! {
            <div class="file-choice">
                <label for="page">"Page"</label>
                <span class="number">
                    <input
                        id="page"
                        name="page"
                        type="number"
                        inputmode="numeric"
                        min="1"
                        max=pages
                        placeholder="largest"
                        prop:value=move || page.get().map(|page| page.to_string()).unwrap_or_default()
                        on:change=chosen
                    />
                    <span>{format!("of {pages}")}</span>
                </span>
            </div>
        })
    }
}
