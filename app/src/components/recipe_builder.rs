//! The recipe rail: a card for each operation with a slider for each parameter, the operations to add, and the text,
//! which is what is sent. Without JavaScript the text is edited directly.

use azulejo_imaging::{OperationInfo, ParameterInfo, ParameterKind, Recipe, Value, operations};
use leptos::prelude::*;

use crate::recipe_draft::{Draft, SLIDER, number_value, slider_position, slider_value};
use crate::words;

/// The builder. `text` is the recipe; cards and text always say the same, except while the text does not parse.
#[component]
pub fn RecipeBuilder(
    /// The recipe's text.
    text: RwSignal<String>,
) -> impl IntoView {
    let parsed = Memo::new(move |_| {
        text.with(|text| Recipe::parse(text))
            .map_err(|error| error.to_string())
    });
    // While the text does not parse, the cards stay as they were.
    let draft = Memo::new(move |before: Option<&Draft>| match parsed.get() {
        Ok(recipe) => Draft::from(&recipe),
        Err(_) if text.with(|text| text.trim().is_empty()) => Draft { steps: Vec::new() },
        Err(_) => before.cloned().unwrap_or(Draft { steps: Vec::new() }),
    });
    let change = Callback::new(move |edit: Box<dyn FnOnce(&mut Draft)>| {
        let mut next = draft.get_untracked();
        edit(&mut next);
        text.set(next.text());
    });
    let ready = RwSignal::new(false);
    Effect::new(move |_| ready.set(true));
    let keys = Memo::new(move |_| {
        draft.with(|draft| {
            draft
                .steps
                .iter()
                .enumerate()
                .map(|(n, step)| (n, step.info.name))
                .collect::<Vec<_>>()
        })
    });
    let menu = NodeRef::<leptos::html::Details>::new();
    let add = move |info: &'static OperationInfo| {
        change.run(Box::new(move |draft| draft.add(info)));
        if let Some(menu) = menu.get_untracked() {
            menu.set_open(false);
        }
    };
    let error = move || parsed.with(|parsed| parsed.as_ref().err().map(|error| words::sentence(error)));
    view! {
        <section class="recipe" aria-labelledby="recipe-title">
            <h2 id="recipe-title">"Recipe"</h2>
            <ol class="steps">
                <For each=move || keys.get() key=|key| *key let:key>
                    <StepCard index=key.0 draft change ready />
                </For>
            </ol>
            <details class="add" node_ref=menu>
                <summary>"+ add an operation"</summary>
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
            <p id="recipe-error" class="error" role="alert">
                {error}
            </p>
        </section>
    }
    .into_any()
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

#[component]
fn StepCard(index: usize, draft: Memo<Draft>, change: Change, ready: RwSignal<bool>) -> impl IntoView {
    let info = draft.with_untracked(|draft| draft.steps.get(index).map(|step| step.info));
    let is_last = move || draft.with(|draft| index + 1 >= draft.steps.len());
    info.map(|info| {
        view! {
            <li class="step">
                <header>
                    <b>{info.title}</b>
                    <span class="step-tools">
                        <button
                            type="button"
                            class="quiet-button"
                            aria-label=format!("Move {} up", info.title)
                            title="Move up"
                            disabled=move || !ready.get() || index == 0
                            on:click=move |_| change.run(Box::new(move |draft| draft.swap_with_next(index - 1)))
                        >
                            "↑"
                        </button>
                        <button
                            type="button"
                            class="quiet-button"
                            aria-label=format!("Move {} down", info.title)
                            title="Move down"
                            disabled=move || !ready.get() || is_last()
                            on:click=move |_| change.run(Box::new(move |draft| draft.swap_with_next(index)))
                        >
                            "↓"
                        </button>
                        <button
                            type="button"
                            class="quiet-button"
                            aria-label=format!("Remove {}", info.title)
                            disabled=move || !ready.get()
                            on:click=move |_| {
                                change.run(
                                    Box::new(move |draft| {
                                        if index < draft.steps.len() {
                                            draft.steps.remove(index);
                                        }
                                    }),
                                );
                            }
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
                        view! { <ParameterControl index which parameter draft change ready /> }
                    })
                    .collect_view()}
            </li>
        }
    })
}

#[component]
fn ParameterControl(
    index: usize,
    which: usize,
    parameter: &'static ParameterInfo,
    draft: Memo<Draft>,
    change: Change,
    ready: RwSignal<bool>,
) -> impl IntoView {
    let value = Memo::new(move |_| {
        draft.with(|draft| {
            draft
                .steps
                .get(index)
                .and_then(|step| step.values.get(which).copied())
                .unwrap_or(parameter.default_value())
        })
    });
    let set = move |value: Value| {
        change.run(Box::new(move |draft| {
            if let Some(slot) = draft
                .steps
                .get_mut(index)
                .and_then(|step| step.values.get_mut(which))
            {
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
            view! {
                <div class="parameter">
                    <label for=format!("number-{index}-{which}") title=parameter.summary>
                        {parameter.name}
                    </label>
                    <span class="number">
                        <input
                            id=format!("number-{index}-{which}")
                            type="number"
                            min=parameter.min
                            max=parameter.max
                            step="any"
                            disabled=move || !ready.get()
                            value=move || value.get().to_string()
                            prop:value=move || value.get().to_string()
                            on:change=move |event| {
                                if let Ok(number) = event_target_value(&event).parse::<f64>() {
                                    set(number_value(parameter, number));
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
