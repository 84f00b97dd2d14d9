//! The kind of file that the result is to be, with the quality of a JPEG.

use leptos::prelude::*;

use crate::result_file::{QUALITY, ResultFile};

/// The choice. Without JavaScript it is sent with the form.
#[component]
pub fn FileChoice(
    /// What is chosen.
    file: RwSignal<ResultFile>,
) -> impl IntoView {
    let quality = move || match file.get() {
        ResultFile::Jpeg(quality) => Some(quality),
        _ => None,
    };
    let set_quality = move |text: &str| {
        if let Ok(quality) = text.parse::<u8>()
            && matches!(file.get_untracked(), ResultFile::Jpeg(_))
        {
            file.set(ResultFile::Jpeg(quality.clamp(1, 100)));
        }
    };
    view! {
        <div class="file-choice">
            <label for="result-file">"Result"</label>
            <select
                id="result-file"
                name="format"
                on:change=move |event| {
                    if let Some(chosen) = ResultFile::parse(&event_target_value(&event)) {
                        file.set(chosen);
                    }
                }
            >
                {ResultFile::ALL
                    .map(|kind| {
                        view! {
                            <option value=kind.name() selected=move || file.get().name() == kind.name()>
                                {kind.label()}
                            </option>
                        }
                    })
                    .collect_view()}
            </select>
            {move || {
                quality()
                    .is_some()
                    .then(|| {
                        view! {
                            <label for="quality">"Quality"</label>
                            <span class="number">
                                <input
                                    id="quality"
                                    type="range"
                                    min="1"
                                    max="100"
                                    prop:value=move || quality().unwrap_or(QUALITY)
                                    on:input=move |event| set_quality(&event_target_value(&event))
                                />
                                <output for="quality">{move || quality().unwrap_or(QUALITY)}</output>
                            </span>
                        }
                    })
            }}
        </div>
    }
    .into_any()
}
