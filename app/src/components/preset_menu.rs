//! The menu of recipes with a name: those that come with the page, and a person's own.

use leptos::prelude::*;

use super::focus::focus_first;
use crate::presets::{COMMON, LONGEST_NAME, Own, Preset};

/// The id of the menu's own button.
const PRESETS: &str = "presets";
/// The id of the field for a new name.
const NAME: &str = "preset-name";
/// Where the browser keeps a person's own.
#[cfg(feature = "hydrate")]
const STORE: &str = "azulejo-presets";

/// The menu. Choosing one replaces the recipe; undo brings the old one back.
#[component]
pub fn PresetMenu(
    /// The recipe's text.
    text: RwSignal<String>,
    /// Whether the text is a recipe.
    #[prop(into)]
    is_recipe: Signal<bool>,
    /// Whether the page is hydrated.
    ready: RwSignal<bool>,
) -> impl IntoView {
    let menu = NodeRef::<leptos::html::Details>::new();
    let own = RwSignal::new(Own::default());
    let name = RwSignal::new(String::new());
    Effect::new(move |_| own.set(load()));
    let close = move || {
        if let Some(menu) = menu.get_untracked() {
            menu.set_open(false);
        }
        focus_first(vec![PRESETS.to_owned()]);
    };
    let choose = move |recipe: String| {
        text.set(recipe);
        close();
    };
    let keep = move || {
        let mut kept = false;
        own.update(|own| kept = own.keep(&name.get_untracked(), &text.get_untracked()));
        if kept {
            store(&own.get_untracked());
            name.set(String::new());
        }
    };
    let keys = move |event: leptos::ev::KeyboardEvent| match event.key().as_str() {
        "Escape" if menu.get_untracked().is_some_and(|menu| menu.open()) => {
            event.prevent_default();
            close();
        }
        "Enter" if event_target::<web_sys::Element>(&event).id() == NAME => {
            event.prevent_default();
            if is_recipe.get_untracked() {
                keep();
            }
        }
        _ => (),
    };
    let choice = move |name: String, recipe: String| {
        let shown = recipe.clone();
        view! {
            <button type="button" disabled=move || !ready.get() on:click=move |_| choose(recipe.clone())>
                <b>{name}</b>
                <code>{shown}</code>
            </button>
        }
    };
    let own_one = move |Preset { name, recipe }: Preset| {
        let forgotten = name.clone();
        view! {
            <li class="own">
                {choice(name.clone(), recipe)}
                <button
                    type="button"
                    class="quiet-button"
                    aria-label=format!("Forget the preset {name}")
                    on:click=move |_| {
                        own.update(|own| own.forget(&forgotten));
                        store(&own.get_untracked());
                        focus_first(vec![NAME.to_owned(), PRESETS.to_owned()]);
                    }
                >
                    "forget"
                </button>
            </li>
        }
    };
    let cannot_keep = move || !ready.get() || !is_recipe.get() || name.with(|name| name.trim().is_empty());
    view! {
        <details class="add presets" node_ref=menu on:keydown=keys>
            <summary id=PRESETS>"presets"</summary>
            <div class="menu-list" tabindex="-1">
                <section hidden=move || own.with(|own| own.all().is_empty())>
                    <h3>"Yours, in this browser"</h3>
                    <ul>{move || own.with(|own| own.all().iter().cloned().map(own_one).collect_view())}</ul>
                </section>
                <section>
                    <h3>"To begin with"</h3>
                    <ul>
                        {COMMON
                            .iter()
                            .map(|(name, recipe)| {
                                view! { <li>{choice((*name).to_owned(), (*recipe).to_owned())}</li> }
                            })
                            .collect_view()}
                    </ul>
                </section>
            </div>
            <p class="keep">
                <label for=NAME class="visually-hidden">
                    "Name for this recipe"
                </label>
                <input
                    id=NAME
                    type="text"
                    placeholder="name for this recipe"
                    maxlength=LONGEST_NAME
                    autocomplete="off"
                    disabled=move || !ready.get()
                    prop:value=move || name.get()
                    on:input=move |event| name.set(event_target_value(&event))
                />
                <button type="button" disabled=cannot_keep on:click=move |_| keep()>
                    "Keep"
                </button>
            </p>
        </details>
    }
    .into_any()
}

/// A person's own presets, as the browser keeps them; none on the server.
fn load() -> Own {
    #[cfg(feature = "hydrate")]
    let own = crate::browser::stored(STORE).map_or_else(Own::default, |text| Own::read(&text));
    #[cfg(not(feature = "hydrate"))]
    let own = Own::default();
    own
}

fn store(own: &Own) {
    #[cfg(feature = "hydrate")]
    crate::browser::store(STORE, &own.stored());
    #[cfg(not(feature = "hydrate"))]
    let _ = own;
}
