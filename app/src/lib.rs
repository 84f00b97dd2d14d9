//! The Leptos application: pages, components, server functions. Rendered by the server, hydrated in the browser.
//!
//! # Tour
//! - [`document`]: the HTML document around the application ([`shell`]). [`root`]: [`App`], its routes.
//! - `backend` (feature `ssr`): what the pages need from the server.

#[cfg(feature = "ssr")]
pub mod backend;
mod document;
mod root;

pub use document::shell;
pub use root::App;

/// Takes over the page that the server rendered.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(App);
}
