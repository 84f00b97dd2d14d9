//! The recipe rail: a card for each operation with a slider for each parameter, the operations to add, the presets, and the text,
//! which is what is sent. Without JavaScript the text is edited directly.

use azulejo_imaging::{Encoding, OperationInfo, Recipe, Size};
use leptos::prelude::*;

use super::focus::focus_first;
use super::operation_menu::OperationMenu;
use super::preset_menu::PresetMenu;
use super::recipe_tools::RecipeTools;
use super::step_card::StepCard;
use crate::recipe_draft::Draft;
use crate::words;

/// The builder. `text` is the recipe; cards and text always say the same, except while the text does not parse.
#[component]
pub fn RecipeBuilder(
    /// The recipe's text.
    text: RwSignal<String>,
    /// The text as a recipe, or what is wrong with it.
    parsed: Memo<Result<Recipe, String>>,
    /// The kind of file of the result.
    file: RwSignal<Option<Encoding>>,
    /// Size of the picture that the recipe is for, once there is one.
    #[prop(into)]
    picture: Signal<Option<Size>>,
) -> impl IntoView {
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
    let add = Callback::new(move |info: &'static OperationInfo| {
        let added = draft.with_untracked(|draft| draft.next_id());
        change.run(Box::new(move |draft| draft.add(info, picture.get_untracked())));
        focus_first(vec![format!("number-{added}-0"), format!("remove-{added}")]);
    });
    let error = move || parsed.with(|parsed| parsed.as_ref().err().map(|error| words::sentence(error)));
    let is_recipe = Memo::new(move |_| parsed.with(Result::is_ok));
    view! {
        <section class="recipe" aria-labelledby="recipe-title">
            <h2 id="recipe-title">"Recipe"</h2>
            <ol class="steps">
                <For each=move || keys.get() key=|id| *id let:id>
                    <StepCard id draft change ready />
                </For>
            </ol>
            <div class="menus">
                <OperationMenu ready add />
                <PresetMenu text is_recipe ready />
            </div>
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
            <RecipeTools text file ready />
        </section>
    }
    .into_any()
}
