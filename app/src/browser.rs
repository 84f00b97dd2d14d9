//! The few things that are asked of the browser directly.

use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;
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

/// Loads a picture into the browser's memory; whether that worked.
pub async fn preload(address: &str) -> bool {
    let Ok(image) = web_sys::HtmlImageElement::new() else { return false };
    image.set_src(address);
    JsFuture::from(image.decode()).await.is_ok()
}

/// Whether the person asked for less motion.
pub fn reduced_motion() -> bool {
    leptos::prelude::window()
        .match_media("(prefers-reduced-motion: reduce)")
        .ok()
        .flatten()
        .is_some_and(|query| query.matches())
}
