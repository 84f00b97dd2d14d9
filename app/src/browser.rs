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
