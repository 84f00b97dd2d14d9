//! The few things that are asked of the browser directly.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Milliseconds since 1970 by the browser's clock.
pub fn now_ms() -> i64 {
    js_sys::Date::now() as i64
}

/// Waits for `milliseconds`.
pub async fn sleep(milliseconds: i32) {
    let promise = Promise::new(&mut |resolve: Function, _| {
        // A window refuses a timer only while it is being torn down; then nobody waits.
        let _ = leptos::prelude::window()
            .set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, milliseconds);
    });
    let _: Result<JsValue, JsValue> = JsFuture::from(promise).await;
}

/// What the browser keeps for this site under `name`, if it keeps anything.
pub fn stored(name: &str) -> Option<String> {
    let storage = Reflect::get(&leptos::prelude::window(), &"localStorage".into()).ok()?;
    Reflect::get(&storage, &name.into()).ok()?.as_string()
}

/// Has the browser keep `text` for this site under `name`. It may refuse to; then nothing is kept.
pub fn store(name: &str, text: &str) {
    if let Ok(storage) = Reflect::get(&leptos::prelude::window(), &"localStorage".into()) {
        let _ = Reflect::set(&storage, &name.into(), &text.into());
    }
}

/// A picture that is loaded and decoded; keeping it keeps the decoded pixels at hand.
pub struct Decoded(#[expect(dead_code, reason = "held for its lifetime only")] web_sys::HtmlImageElement);

/// Loads and decodes a picture; `None` when there is none at `address`.
pub async fn decode(address: &str) -> Option<Decoded> {
    let image = web_sys::HtmlImageElement::new().ok()?;
    image.set_src(address);
    JsFuture::from(image.decode()).await.ok()?;
    Some(Decoded(image))
}

/// Waits until `image` has loaded what it was last told to, or has failed to.
pub async fn loaded(image: &web_sys::SvgElement) {
    let promise = Promise::new(&mut |resolve: Function, _| {
        image.set_onload(Some(&resolve));
        image.set_onerror(Some(&resolve));
    });
    // The promise is never rejected.
    let _ = JsFuture::from(promise).await;
    image.set_onload(None);
    image.set_onerror(None);
}

/// The bytes of `file` from `start` to before `end`; none when it cannot be read.
pub async fn part(file: &web_sys::Blob, start: f64, end: f64) -> Vec<u8> {
    let Ok(part) = file.slice_with_f64_and_f64(start, end) else {
        return Vec::new();
    };
    let read = JsFuture::from(part.array_buffer()).await;
    read.map_or_else(|_| Vec::new(), |buffer| js_sys::Uint8Array::new(&buffer).to_vec())
}

/// Puts the focus on `element`.
pub fn focus(element: &web_sys::Element) {
    if let Some(element) = element.dyn_ref::<web_sys::HtmlElement>() {
        // An element that cannot have it leaves it where it is.
        let _ = element.focus();
    }
}

/// Whether the person asked for less motion.
pub fn reduced_motion() -> bool {
    leptos::prelude::window()
        .match_media("(prefers-reduced-motion: reduce)")
        .ok()
        .flatten()
        .is_some_and(|query| query.matches())
}

/// Puts `text` on the clipboard; whether it is there.
pub async fn copy(text: &str) -> bool {
    let window = leptos::prelude::window();
    // The clipboard's interface is there over HTTPS and on the own machine only.
    if window.is_secure_context() {
        let written = window.navigator().clipboard().write_text(text);
        if JsFuture::from(written).await.is_ok() {
            return true;
        }
    }
    copy_by_selection(text).unwrap_or(false)
}

/// The older way, which works everywhere: the browser copies what is selected.
fn copy_by_selection(text: &str) -> Option<bool> {
    let document = leptos::prelude::document();
    let active = document.active_element();
    let area = document.create_element("textarea").ok()?;
    let area = area.dyn_into::<web_sys::HtmlTextAreaElement>().ok()?;
    area.set_value(text);
    area.set_class_name("visually-hidden");
    document.body()?.append_child(&area).ok()?;
    area.select();
    let page = document.dyn_into::<web_sys::HtmlDocument>().ok()?;
    let copied = page.exec_command("copy").unwrap_or(false);
    area.remove();
    if let Some(active) = active {
        focus(&active);
    }
    Some(copied)
}
