//! Undo, redo, and the link to the recipe.

use azulejo_imaging::Encoding;
use leptos::prelude::*;

#[cfg(feature = "hydrate")]
use crate::base::at;
use crate::recipe_history::History;

/// The tools below the recipe's text.
#[component]
pub fn RecipeTools(
    /// The recipe's text.
    text: RwSignal<String>,
    /// The kind of file of the result, which is in the link, too.
    file: RwSignal<Option<Encoding>>,
    /// Whether the page is hydrated.
    ready: RwSignal<bool>,
) -> impl IntoView {
    let history = RwSignal::new(History::new(text.get_untracked()));
    #[cfg(feature = "hydrate")]
    remember(text, history);
    let undo = move |_| {
        let before = history
            .try_update(|history| history.undo(&text.get_untracked()))
            .flatten();
        before.into_iter().for_each(|before| text.set(before));
    };
    let redo = move |_| {
        let after = history
            .try_update(|history| history.redo(&text.get_untracked()))
            .flatten();
        after.into_iter().for_each(|after| text.set(after));
    };
    let can_undo = move || history.with(|history| text.with(|text| history.can_undo(text)));
    let can_redo = move || history.with(|history| text.with(|text| history.can_redo(text)));
    let told = RwSignal::new(None::<String>);
    // What was copied is another link as soon as something changes.
    Effect::new(move |_| {
        text.track();
        file.track();
        told.set(None);
    });
    let copy = move |_| {
        #[cfg(feature = "hydrate")]
        copy_link(text.get_untracked(), file.get_untracked(), told);
    };
    view! {
        <p class="recipe-tools">
            <span class="quiet" role="status">
                {move || told.get()}
            </span>
            <button type="button" class="quiet-button" disabled=move || !ready.get() on:click=copy>
                "copy link"
            </button>
            <button type="button" class="quiet-button" disabled=move || !ready.get() || !can_undo() on:click=undo>
                "undo"
            </button>
            <button type="button" class="quiet-button" disabled=move || !ready.get() || !can_redo() on:click=redo>
                "redo"
            </button>
        </p>
    }
    .into_any()
}

/// Copies the Studio's address with the recipe, and tells what came of it.
#[cfg(feature = "hydrate")]
fn copy_link(recipe: String, file: Option<Encoding>, told: RwSignal<Option<String>>) {
    let address = at(&crate::studio_address::studio_address(&recipe, file, None));
    let origin = window().location().origin().unwrap_or_default();
    let link = format!("{origin}{address}");
    leptos::task::spawn_local(async move {
        let news = if crate::browser::copy(&link).await {
            "link copied".to_owned()
        } else {
            link
        };
        told.try_set(Some(news));
    });
}

/// Remembers the text whenever it was left alone for a moment, so that a slider that was dragged is one step back.
#[cfg(feature = "hydrate")]
fn remember(text: RwSignal<String>, history: RwSignal<History>) {
    const REST: std::time::Duration = std::time::Duration::from_millis(400);
    Effect::new(move |_| {
        let now = text.get();
        let rest = move || {
            if text.try_get_untracked().as_ref() == Some(&now) {
                history.try_update(|history| history.rest(&now));
            }
        };
        set_timeout(rest, REST);
    });
}
