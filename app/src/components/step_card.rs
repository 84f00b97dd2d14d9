//! A step of the recipe as a card: its name, its place, a number and a slider for each parameter.

use azulejo_imaging::{ParameterInfo, ParameterKind, Value};
use leptos::prelude::*;

use super::focus::focus_first;
use super::operation_menu::ADD;
use crate::recipe_draft::{Draft, SLIDER, number_value, slider_position, slider_value};

/// Carries an edit of the draft out.
pub type Change = Callback<Box<dyn FnOnce(&mut Draft)>>;

/// The card of step `id`.
#[component]
pub fn StepCard(
    /// The step's id.
    id: u32,
    /// The recipe.
    draft: Memo<Draft>,
    /// Changes it.
    change: Change,
    /// Whether the page is hydrated.
    ready: RwSignal<bool>,
) -> impl IntoView {
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
                .and_then(|index| draft.steps[index].values.get(which).cloned())
                .unwrap_or_else(|| parameter.default_value())
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
        ParameterKind::Text { .. } => {
            view! { <TextControl id which parameter value set=Callback::new(set) ready /> }.into_any()
        }
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

/// A field for a parameter that is a text. What is not allowed is said below it and does not count; when the field is left, what
/// counts stands in it again.
#[component]
fn TextControl(
    id: u32,
    which: usize,
    parameter: &'static ParameterInfo,
    value: Memo<Value>,
    set: Callback<Value>,
    ready: RwSignal<bool>,
) -> impl IntoView {
    let written = |value: Value| match value {
        Value::Text(text) => text.to_string(),
        _ => String::new(),
    };
    let problem = RwSignal::new(None::<String>);
    let take = move |typed: &str| match parameter.text_value(typed) {
        Ok(value) => {
            problem.set(None);
            set.run(value);
        }
        Err(reason) => problem.set(Some(reason)),
    };
    view! {
        <div class="recipe-text">
            <label for=format!("number-{id}-{which}") title=parameter.summary>
                {parameter.name}
            </label>
            <input
                id=format!("number-{id}-{which}")
                type="text"
                maxlength=parameter.max
                autocomplete="off"
                disabled=move || !ready.get()
                value=move || written(value.get())
                prop:value=move || written(value.get())
                aria-invalid=move || problem.with(Option::is_some).then_some("true")
                aria-describedby=format!("problem-{id}-{which}")
                on:input=move |event| take(&event_target_value(&event))
                on:change=move |event| {
                    problem.set(None);
                    let field: web_sys::HtmlInputElement = event_target(&event);
                    field.set_value(&written(value.get_untracked()));
                }
            />
            <p id=format!("problem-{id}-{which}") class="error" role="alert">
                {move || problem.get()}
            </p>
        </div>
    }
}
