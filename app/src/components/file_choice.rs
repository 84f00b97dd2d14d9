//! The kind of file that the result is to be, with the quality of a JPEG.

use azulejo_imaging::{Encoding, FileKind};
use leptos::prelude::*;

/// The choice. Without JavaScript it is sent with the form.
#[component]
pub fn FileChoice(
    /// What is chosen; `None` for the kind of the picture.
    file: RwSignal<Option<Encoding>>,
) -> impl IntoView {
    let kind = move || file.get().map(Encoding::kind);
    let quality = Memo::new(move |_| file.get().map_or(Encoding::USUAL_QUALITY, Encoding::quality));
    let is_jpeg = Memo::new(move |_| kind() == Some(FileKind::Jpeg));
    view! {
        <div class="file-choice">
            <label for="result-file">"Result"</label>
            <select
                id="result-file"
                name="format"
                on:change=move |event| {
                    file.set(FileKind::from_name(&event_target_value(&event)).map(Encoding::from));
                }
            >
                <option value="" selected=move || kind().is_none()>
                    "as the picture"
                </option>
                {FileKind::WRITTEN
                    .map(|each| {
                        view! {
                            <option value=each.name() selected=move || kind() == Some(each)>
                                {each.label()}
                            </option>
                        }
                    })
                    .collect_view()}
            </select>
            {move || {
                is_jpeg
                    .get()
                    .then(|| {
                        view! {
                            <label for="quality">"Quality"</label>
                            <span class="number">
                                <input
                                    id="quality"
                                    type="range"
                                    min="1"
                                    max="100"
                                    value=quality.get_untracked()
                                    prop:value=move || quality.get()
                                    on:input=move |event| {
                                        if let Ok(quality) = event_target_value(&event).parse() {
                                            file.set(Some(Encoding::jpeg(quality)));
                                        }
                                    }
                                />
                                <output for="quality">{move || quality.get()}</output>
                            </span>
                        }
                    })
            }}
        </div>
    }
    .into_any()
}
