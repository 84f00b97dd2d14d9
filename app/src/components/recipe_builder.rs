//! The recipe rail: a card for each operation with a slider for each parameter, the operations to add, and the text,
//! which is what is sent. Without JavaScript the text is edited directly.

use azulejo_imaging::{OperationInfo, ParameterInfo, ParameterKind, Recipe, Size, Value, operations};
use leptos::prelude::*;

use crate::recipe_draft::{Draft, SLIDER, number_value, slider_position, slider_value};
use crate::recipe_history::History;
use crate::words;

/// The builder. `text` is the recipe; cards and text always say the same, except while the text does not parse.
#[component]
pub fn RecipeBuilder(
    /// The recipe's text.
    text: RwSignal<String>,
    /// Size of the picture that the recipe is for, once there is one.
    #[prop(into)]
    picture: Signal<Option<Size>>,
) -> impl IntoView {
    let parsed = Memo::new(move |_| {
        text.with(|text| Recipe::parse(text))
            .map_err(|error| error.to_string())
    });
    // While the text does not parse, the cards stay as they were.
    let draft = Memo::new(move |before: Option<&Draft>| match parsed.get() {
        Ok(recipe) => Draft::following(before, &recipe),
        Err(_) if text.with(|text| text.trim().is_empty()) => Draft::empty(before),
        Err(_) => before.cloned().unwrap_or(Draft::empty(None)),
    });
    let change = Callback::new(move |edit: Box<dyn FnOnce(&mut Draft)>| {
        let mut next = draft.get_untracked();
        edit(&mut next);
        text.set(next.text());
    });
    let ready = RwSignal::new(false);
    Effect::new(move |_| ready.set(true));
    let keys =
        Memo::new(move |_| draft.with(|draft| draft.steps.iter().map(|step| step.id).collect::<Vec<_>>()));
    let menu = NodeRef::<leptos::html::Details>::new();
    let add = move |info: &'static OperationInfo| {
        let added = draft.with_untracked(|draft| draft.next_id());
        change.run(Box::new(move |draft| draft.add(info, picture.get_untracked())));
        if let Some(menu) = menu.get_untracked() {
            menu.set_open(false);
        }
        focus_first(vec![format!("number-{added}-0"), format!("remove-{added}")]);
    };
    let close_menu = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Escape"
            && let Some(menu) = menu.get_untracked()
            && menu.open()
        {
            event.prevent_default();
            menu.set_open(false);
            focus_first(vec![ADD.to_owned()]);
        }
    };
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
    let error = move || parsed.with(|parsed| parsed.as_ref().err().map(|error| words::sentence(error)));
    view! {
        <section class="recipe" aria-labelledby="recipe-title">
            <h2 id="recipe-title">"Recipe"</h2>
            <ol class="steps">
                <For each=move || keys.get() key=|id| *id let:id>
                    <StepCard id draft change ready />
                </For>
            </ol>
            <details class="add" node_ref=menu on:keydown=close_menu>
                <summary id=ADD>"+ add an operation"</summary>
                <ul>
                    {operations()
                        .iter()
                        .map(|info| {
                            view! {
                                <li>
                                    <button type="button" disabled=move || !ready.get() on:click=move |_| add(info)>
                                        <b>{info.title}</b>
                                        <small>{info.summary}</small>
                                        <code>{example(info)}</code>
                                    </button>
                                </li>
                            }
                        })
                        .collect_view()}
                </ul>
            </details>
            <label class="recipe-text">
                <span class="visually-hidden">"Recipe as text"</span>
                <input
                    class="mono"
                    type="text"
                    name="transformation"
                    required
                    maxlength="4096"
                    autocomplete="off"
                    spellcheck="false"
                    autocapitalize="off"
                    value=text.get_untracked()
                    prop:value=move || text.get()
                    aria-invalid=move || error().is_some().then_some("true")
                    aria-describedby="recipe-error"
                    on:input=move |event| text.set(event_target_value(&event))
                />
            </label>
            <p class="recipe-tools">
                <button type="button" class="quiet-button" disabled=move || !ready.get() || !can_undo() on:click=undo>
                    "undo"
                </button>
                <button type="button" class="quiet-button" disabled=move || !ready.get() || !can_redo() on:click=redo>
                    "redo"
                </button>
            </p>
            <p id="recipe-error" class="error" role="alert">
                {error}
            </p>
        </section>
    }
    .into_any()
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

/// How the operation is written with its parameters: `blur:sigma=5`.
fn example(info: &OperationInfo) -> String {
    let parameters: Vec<String> = info
        .parameters
        .iter()
        .map(|p| format!("{}={}", p.name, p.default_value()))
        .collect();
    match parameters.is_empty() {
        true => info.name.to_owned(),
        false => format!("{}:{}", info.name, parameters.join(",")),
    }
}

type Change = Callback<Box<dyn FnOnce(&mut Draft)>>;

/// The id of the menu's own button.
const ADD: &str = "add-operation";

/// Puts the focus on the first of these elements that is there and can have it, once the page shows what was just changed:
/// whoever works by keyboard goes on where they were.
fn focus_first(ids: Vec<String>) {
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

#[component]
fn StepCard(id: u32, draft: Memo<Draft>, change: Change, ready: RwSignal<bool>) -> impl IntoView {
    let info = draft.with_untracked(|draft| draft.position(id).map(|index| draft.steps[index].info));
    let index = Memo::new(move |_| draft.with(|draft| draft.position(id).unwrap_or(0)));
    let is_last = move || draft.with(|draft| index.get() + 1 >= draft.steps.len());
    // A card that is moved loses the focus; at the end of the way its button is disabled, and the other has it.
    let up = move || {
        let index = index.get_untracked();
        if index > 0 {
            change.run(Box::new(move |draft| draft.swap_with_next(index - 1)));
            focus_first(vec![format!("up-{id}"), format!("down-{id}")]);
        }
    };
    let down = move || {
        let index = index.get_untracked();
        change.run(Box::new(move |draft| draft.swap_with_next(index)));
        focus_first(vec![format!("down-{id}"), format!("up-{id}")]);
    };
    let remove = move || {
        let (index, steps) = (index.get_untracked(), draft.get_untracked().steps);
        let beside = [index + 1, index.wrapping_sub(1)];
        let beside = beside.into_iter().filter_map(|other| steps.get(other));
        let mut next: Vec<String> = beside.map(|step| format!("remove-{}", step.id)).collect();
        next.push(ADD.to_owned());
        change.run(Box::new(move |draft| draft.steps.retain(|step| step.id != id)));
        focus_first(next);
    };
    info.map(|info| {
        view! {
            <li class="step">
                <header>
                    <b>{info.title}</b>
                    <span class="step-tools">
                        <button
                            id=format!("up-{id}")
                            type="button"
                            class="quiet-button"
                            aria-label=format!("Move {} up", info.title)
                            title="Move up"
                            disabled=move || !ready.get() || index.get() == 0
                            on:click=move |_| up()
                        >
                            "↑"
                        </button>
                        <button
                            id=format!("down-{id}")
                            type="button"
                            class="quiet-button"
                            aria-label=format!("Move {} down", info.title)
                            title="Move down"
                            disabled=move || !ready.get() || is_last()
                            on:click=move |_| down()
                        >
                            "↓"
                        </button>
                        <button
                            id=format!("remove-{id}")
                            type="button"
                            class="quiet-button"
                            aria-label=format!("Remove {}", info.title)
                            disabled=move || !ready.get()
                            on:click=move |_| remove()
                        >
                            "remove"
                        </button>
                    </span>
                </header>
                {info
                    .parameters
                    .iter()
                    .enumerate()
                    .map(|(which, parameter)| {
                        view! { <ParameterControl id which parameter draft change ready /> }
                    })
                    .collect_view()}
            </li>
        }
    })
}

#[component]
fn ParameterControl(
    id: u32,
    which: usize,
    parameter: &'static ParameterInfo,
    draft: Memo<Draft>,
    change: Change,
    ready: RwSignal<bool>,
) -> impl IntoView {
    let value = Memo::new(move |_| {
        draft.with(|draft| {
            draft
                .position(id)
                .and_then(|index| draft.steps[index].values.get(which).copied())
                .unwrap_or(parameter.default_value())
        })
    });
    let set = move |value: Value| {
        change.run(Box::new(move |draft| {
            if let Some(slot) = draft.step_mut(id).and_then(|step| step.values.get_mut(which)) {
                *slot = value;
            }
        }));
    };
    let unit = (!parameter.unit.is_empty()).then(|| format!(" {}", parameter.unit));
    match parameter.kind {
        ParameterKind::Choice(words) => view! {
            <label class="parameter">
                <span title=parameter.summary>{parameter.name}</span>
                <select
                    id=format!("number-{id}-{which}")
                    disabled=move || !ready.get()
                    on:change=move |event| {
                        let chosen = event_target_value(&event);
                        if let Some(word) = words.iter().find(|word| **word == chosen) {
                            set(Value::Choice(word));
                        }
                    }
                >
                    {words
                        .iter()
                        .map(|word| {
                            view! {
                                <option value=*word selected=move || value.get() == Value::Choice(word)>
                                    {*word}
                                </option>
                            }
                        })
                        .collect_view()}
                </select>
            </label>
        }
        .into_any(),
        _ => {
            let number = move || value.get().as_f64().unwrap_or(parameter.default);
            // What is no number, or beyond the range, is replaced by what counts.
            let take = move |input: &web_sys::HtmlInputElement| {
                if let Ok(number) = input.value().parse::<f64>() {
                    set(number_value(parameter, number));
                }
                input.set_value(&value.get_untracked().to_string());
            };
            view! {
                <div class="parameter">
                    <label for=format!("number-{id}-{which}") title=parameter.summary>
                        {parameter.name}
                    </label>
                    <span class="number">
                        <input
                            id=format!("number-{id}-{which}")
                            type="number"
                            min=parameter.min
                            max=parameter.max
                            step="any"
                            disabled=move || !ready.get()
                            value=move || value.get().to_string()
                            prop:value=move || value.get().to_string()
                            on:change=move |event| take(&event_target(&event))
                            on:keydown=move |event| {
                                if event.key() == "Enter" {
                                    take(&event_target(&event));
                                }
                            }
                        />
                        {unit}
                    </span>
                    <input
                        type="range"
                        min="0"
                        max=SLIDER
                        step="1"
                        aria-label=format!("{}, {}", parameter.name, parameter.allowed())
                        aria-valuetext=move || value.get().to_string()
                        disabled=move || !ready.get()
                        value=move || slider_position(parameter, number()).round()
                        prop:value=move || slider_position(parameter, number()).round()
                        on:input=move |event| {
                            if let Ok(position) = event_target_value(&event).parse::<f64>() {
                                set(slider_value(parameter, position));
                            }
                        }
                    />
                </div>
            }
            .into_any()
        }
    }
}
