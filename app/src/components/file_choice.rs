//! The kind of file that the result is to be, with the quality of a JPEG or a WebP.

use azulejo_imaging::{Encoding, FileKind};
use leptos::prelude::*;

/// The choice. Without JavaScript it is sent with the form.
#[component]
pub fn FileChoice(
    /// What is chosen; `None` for the kind of the picture.
    file: RwSignal<Option<Encoding>>,
) -> impl IntoView {
    let kind = move || file.get().map(Encoding::kind);
    let quality = Memo::new(move |_| {
        file.get()
            .and_then(Encoding::quality)
            .unwrap_or(Encoding::USUAL_QUALITY)
    });
    let is_lossy_webp = move || {
        file.get()
            .is_some_and(|file| file.kind() == FileKind::WebP && file.quality().is_some())
    };
    let has_quality = Memo::new(move |_| kind() == Some(FileKind::Jpeg) || is_lossy_webp());
    view! {
        <div class="file-choice">
            <label for="result-file">"Result"</label>
            <select
                id="result-file"
                name="format"
                on:change=move |event| {
                    file.set(event_target_value(&event).parse().ok());
                }
            >
                <option value="" selected=move || kind().is_none()>
                    "as the picture"
                </option>
                {FileKind::WRITTEN
                    .map(|each| {
                        view! {
                            <option
                                value=each.name()
                                selected=move || kind() == Some(each) && !is_lossy_webp()
                            >
                                {each.label()}
                            </option>
                        }
                    })
                    .collect_view()}
                <option
                    value=Encoding::webp(Encoding::USUAL_QUALITY).to_string()
                    selected=is_lossy_webp
                >
                    "WebP with a quality"
                </option>
            </select>
            {move || {
                has_quality
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
                                            file.set(Some(match is_lossy_webp() {
                                                true => Encoding::webp(quality),
                                                false => Encoding::jpeg(quality),
                                            }));
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
