//! Where the picture goes: a wall of unglazed tiles to drop it on, and then the picture itself. It is a file input
//! with a large label, so that it works by keyboard and without JavaScript.
//!
//! The input is there before this code is: a file may be chosen while the page still loads, and browsers put a file back
//! when a page is loaded anew. No event tells of either, so the input is looked at once the page has been taken over.

use leptos::prelude::*;
use web_sys::HtmlInputElement;

use crate::picked::Picked;

/// One motif of the wall, 80 by 80: four petals in a frame, as if drawn with a pencil on the biscuit.
const MOTIF: &str = "M0 0h80v80h-80zM40 4Q43 37 76 40Q43 43 40 76Q37 43 4 40Q37 37 40 4zM4 4h16a16 16 0 0 1-16 16zM76 4v16a16 16 0 0 1-16-16zM4 76v-16a16 16 0 0 1 16 16zM76 76h-16a16 16 0 0 1 16-16z";

/// What the server takes, by type and by ending: not every system knows the types of all.
const ACCEPT: &str = "image/png,image/jpeg,image/tiff,image/webp,image/bmp,image/gif,image/x-icon,.png,.jpg,.jpeg,.tif,.tiff,\
.webp,.bmp,.gif,.ico,.pbm,.pgm,.ppm,.pnm,.pam,.tga,.qoi,.ff,.dds,.hdr,.exr,.jp2,.j2k,.j2c,.jpc,.jpf,.jpx,.jxl";

/// What is said while the preview decodes a picture.
const READING: &str = "Decoding it in this browser";

/// The zone. `choose` gets the file input whenever a file was chosen or dropped.
#[component]
pub fn DropZone(
    /// The picture, once there is one.
    #[prop(into)]
    picked: Signal<Option<Picked>>,
    /// Called with the input that holds the file.
    #[prop(into)]
    choose: Callback<HtmlInputElement>,
) -> impl IntoView {
    let over = RwSignal::new(false);
    let ready = RwSignal::new(false);
    Effect::new(move |_| ready.set(true));
    let input = NodeRef::<leptos::html::Input>::new();
    Effect::new(move |_| {
        if let Some(input) = input.get()
            && picked.with_untracked(Option::is_none)
            && input.files().is_some_and(|files| files.length() > 0)
        {
            choose.run(input);
        }
    });
    // A picture that is not shown, or not yet, leaves the wall as it is, with the reason on it.
    let is_shown = Memo::new(move |_| {
        picked.with(|picked| picked.as_ref().is_some_and(|picked| picked.decoded().is_some()))
    });
    let class = move || match (over.get(), is_shown.get()) {
        (true, _) => "drop over",
        (false, true) => "drop filled",
        (false, false) => "drop",
    };
    view! {
        <div class=class>
            <input
                id="file"
                type="file"
                name="file"
                node_ref=input
                accept=ACCEPT
                // Without this code the form posts one picture.
                prop:multiple=true
                // A picture that is kept from before is not in the field.
                required=picked.with_untracked(Option::is_none)
                prop:required=move || picked.with(Option::is_none)
                // Without this code the form is for the picture that is shown.
                disabled=move || !ready.get() && picked.with(|picked| picked.as_ref().is_some_and(Picked::is_kept))
                aria-describedby="file-hint"
                on:change=move |event| choose.run(event_target(&event))
                on:dragenter=move |_| over.set(true)
                on:dragleave=move |_| over.set(false)
                on:drop=move |_| over.set(false)
            />
            <svg class="wall-drawing" aria-hidden="true">
                <defs>
                    <pattern id="wall" width="80" height="80" patternUnits="userSpaceOnUse">
                        <path d=MOTIF />
                    </pattern>
                </defs>
                <rect width="100%" height="100%" fill="url(#wall)" />
            </svg>
            <label for="file" class="invite">
                {move || {
                    if let Some(picked) = picked.get().filter(|_| !is_shown.get()) {
                        let why = picked.without_preview();
                        view! {
                            <strong class="unseen">{picked.name}</strong>
                            <span>{why.unwrap_or_else(|| READING.to_owned())}</span>
                            <span class="button">"Choose another picture"</span>
                        }
                        .into_any()
                    } else if is_shown.get() {
                        view! { <span class="again">"Choose another picture"</span> }.into_any()
                    } else {
                        view! {
                            <strong>"Drop a picture here"</strong>
                            <span id="file-hint">"or choose one: PNG, JPEG, TIFF, WebP and others, large is welcome"</span>
                        }
                        .into_any()
                    }
                }}
            </label>
        </div>
    }
    .into_any()
}
