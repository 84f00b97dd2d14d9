//! A recipe as a title: "blur σ 6 then sharpen".

use leptos::prelude::*;

use crate::recipe_words;

/// The recipe in words, large: parameters in cobalt, "then" small between the steps.
#[component]
pub fn RecipeTitle(
    /// The recipe in canonical text.
    #[prop(into)]
    recipe: String,
) -> impl IntoView {
    recipe_words::parts(&recipe)
        .into_iter()
        .enumerate()
        .map(|(n, (name, values))| {
            view! {
                {(n > 0).then(|| view! { <span class="then">" then "</span> })}
                {name}
                {values
                    .into_iter()
                    .enumerate()
                    .map(|(m, (symbol, value))| {
                        view! {
                            {if m > 0 { ", " } else { " " }}
                            <em>{format!("{symbol}\u{a0}{value}")}</em>
                        }
                    })
                    .collect_view()}
            }
        })
        .collect_view()
}
