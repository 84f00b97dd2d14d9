//! The menu of operations: sought by words, in groups.

use azulejo_imaging::{Group, OperationInfo, operations};
use leptos::prelude::*;

use super::focus::focus_first;
use crate::operation_search::matches;

/// The id of the menu's own button.
pub const ADD: &str = "add-operation";
/// The id of the field of words.
const SEARCH: &str = "operation-search";

/// The menu.
#[component]
pub fn OperationMenu(
    /// Whether the page is hydrated.
    ready: RwSignal<bool>,
    /// Adds an operation; it moves the focus to the new step.
    add: Callback<&'static OperationInfo>,
) -> impl IntoView {
    let menu = NodeRef::<leptos::html::Details>::new();
    let sought = RwSignal::new(String::new());
    let close = move || {
        sought.set(String::new());
        if let Some(menu) = menu.get_untracked() {
            menu.set_open(false);
        }
    };
    let choose = move |info: &'static OperationInfo| {
        close();
        add.run(info);
    };
    let keys = move |event: leptos::ev::KeyboardEvent| {
        let is_open = menu.get_untracked().is_some_and(|menu| menu.open());
        match event.key().as_str() {
            "Escape" if is_open => {
                event.prevent_default();
                close();
                focus_first(vec![ADD.to_owned()]);
            }
            "Enter" if is_searching(&event) => {
                event.prevent_default();
                let mut found = operations().iter();
                let first = sought.with_untracked(|sought| found.find(|info| matches(info, sought)));
                if let Some(info) = first {
                    choose(info);
                }
            }
            _ => (),
        }
    };
    let opened = move |_| {
        if menu.get_untracked().is_some_and(|menu| menu.open()) {
            focus_first(vec![SEARCH.to_owned()]);
        }
    };
    let is_found = move |info: &'static OperationInfo| sought.with(|sought| matches(info, sought));
    let none = Memo::new(move |_| !operations().iter().any(|info| is_found(info)));
    let item = move |info: &'static OperationInfo| {
        view! {
            <li hidden=move || !is_found(info)>
                <button
                    type="button"
                    title=info.method
                    disabled=move || !ready.get()
                    on:click=move |_| choose(info)
                >
                    <b>{info.title}</b>
                    <small>{info.summary}</small>
                </button>
            </li>
        }
    };
    let group = move |group: Group| {
        let members = move || {
            operations()
                .iter()
                .copied()
                .filter(move |info| info.group == group)
        };
        view! {
            <section hidden=move || !members().any(is_found)>
                <h3>{group.label()}</h3>
                <ul>{members().map(item).collect_view()}</ul>
            </section>
        }
    };
    view! {
        <details class="add" node_ref=menu on:keydown=keys on:toggle=opened>
            <summary id=ADD>"+ add an operation"</summary>
            <label class="menu-search">
                <span class="visually-hidden">"Search the operations"</span>
                <input
                    id=SEARCH
                    type="search"
                    placeholder="soften, outlines, size"
                    autocomplete="off"
                    disabled=move || !ready.get()
                    prop:value=move || sought.get()
                    on:input=move |event| sought.set(event_target_value(&event))
                />
            </label>
            <div class="menu-list" tabindex="-1">
                {Group::ALL.map(group).collect_view()}
                <p class="quiet" role="status">
                    {move || none.get().then_some("No operation has these words.")}
                </p>
            </div>
        </details>
    }
    .into_any()
}

/// Whether the key was pressed in the field of words.
fn is_searching(event: &leptos::ev::KeyboardEvent) -> bool {
    event_target::<web_sys::Element>(event).id() == SEARCH
}
