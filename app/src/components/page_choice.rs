//! Which page of a file with several is meant.

use leptos::prelude::*;

use crate::picked::Picked;

/// The choice, where there is one. Without JavaScript no file is looked at before it is sent, and the image is its largest page.
#[component]
pub fn PageChoice(
    /// The picture.
    picked: RwSignal<Option<Picked>>,
    /// Whether the person has to wait.
    #[prop(into)]
    is_busy: Signal<bool>,
    /// What is done with the page that is chosen; `None` is the one that is the image.
    turn_to: Callback<Option<u32>>,
) -> impl IntoView {
    let pages = Memo::new(move |_| picked.with(|picked| picked.as_ref()?.choice()));
    let page = Memo::new(move |_| picked.with(|picked| picked.as_ref()?.page));
    move || {
        let pages = pages.get()?;
        // What is no page is replaced by what counts.
        let take = move |input: &web_sys::HtmlInputElement| {
            let chosen = wanted(&input.value(), pages).filter(|_| !input.validity().bad_input());
            if let Some(chosen) = chosen.filter(|chosen| *chosen != page.get_untracked()) {
                turn_to.run(chosen);
            }
            input.set_value(&shown(page.get_untracked()));
        };
        Some(view! {
            <div class="file-choice">
                <label for="page">"Page"</label>
                <span class="number">
                    <input
                        id="page"
                        name="page"
                        type="number"
                        min="1"
                        max=pages
                        placeholder="largest"
                        aria-describedby="pages"
                        disabled=move || is_busy.get()
                        prop:value=move || shown(page.get())
                        on:change=move |event| take(&event_target(&event))
                        on:keydown=move |event| {
                            if event.key() == "Enter" {
                                take(&event_target(&event));
                            }
                        }
                    />
                    <span id="pages">
                        {format!("of {pages}")} <span class="visually-hidden">"; empty is the largest"</span>
                    </span>
                </span>
                <p class="visually-hidden" role="status">
                    {move || page.get().map(|page| format!("Page {page} is chosen"))}
                </p>
            </div>
        })
    }
}

/// What stands in the field for a page.
fn shown(page: Option<u32>) -> String {
    page.map(|page| page.to_string()).unwrap_or_default()
}

/// The page that `text` names of so many: an inner `None` is the one that is the image, for which the field is empty. `None` where
/// it names none.
fn wanted(text: &str, pages: u32) -> Option<Option<u32>> {
    if text.is_empty() {
        return Some(None);
    }
    let number = text.parse::<f64>().ok()?;
    let is_one = number.fract() == 0.0 && (1.0..=f64::from(pages)).contains(&number);
    is_one.then_some(Some(number as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_whole_numbers_of_those_that_there_are() {
        assert_eq!(wanted(&shown(None), 3), Some(None));
        assert_eq!(wanted(&shown(Some(2)), 3), Some(Some(2)));
        for (text, page) in [("1", 1), ("3", 3), ("2.0", 2), ("2e0", 2)] {
            assert_eq!(wanted(text, 3), Some(Some(page)), "{text}");
        }
        for text in ["0", "4", "1.5", "-1", "NaN", "inf", "two"] {
            assert_eq!(wanted(text, 3), None, "{text}");
        }
    }
}
