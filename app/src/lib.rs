//! The Leptos application: pages, components, server functions. Rendered by the server, hydrated in the browser.
//!
//! # Tour
//! - [`shell`] (feature `ssr`): the HTML document around the application. [`App`]: its routes and what all pages share.
//! - `pages/`: Studio, Jobs, Job, Workers. `components/`: what they are made of.
//! - `actions`: the server functions; each calls the `backend` (feature `ssr`) that the server puts into context.
//! - `live`: the stream of events that keeps an open page up to date. In the browser (feature `hydrate`): `upload`
//!   sends a file, `sending` leads from the choice of files to their jobs, `previewing` speaks with the Web Worker that decodes and
//!   renders the preview, `preview_canvas` draws it.
//! - `base`: the path below which all this lies.
//! - Pure, with tests beside: `mosaic` (geometry), `pattern` (a worker's tile), `words` (numbers and times),
//!   `recipe_draft`, `recipe_history`, `presets`, `operation_search`, `studio_address`, `estimate`, `signed_in`, `header` (the
//!   first bytes of a file), `claim` (what is said of the preview), `job_list`.
#![deny(missing_docs)]
// A page is one type: its views nest deeper than the compiler's default allows.
#![recursion_limit = "256"]

mod actions;
#[cfg(feature = "ssr")]
pub mod backend;
pub mod base;
#[cfg(feature = "hydrate")]
mod browser;
#[cfg_attr(
    not(feature = "hydrate"),
    allow(dead_code, reason = "used in the browser only")
)]
mod claim;
mod clock;
mod components;
#[cfg(feature = "ssr")]
mod document;
mod estimate;
mod failure;
#[cfg_attr(
    not(feature = "hydrate"),
    allow(dead_code, reason = "used in the browser only")
)]
mod header;
mod job_list;
mod live;
mod mosaic;
mod operation_search;
mod pages;
mod pattern;
mod picked;
mod presets;
#[cfg(feature = "hydrate")]
mod preview_canvas;
#[cfg(feature = "hydrate")]
mod previewing;
mod recipe_draft;
mod recipe_history;
mod recipe_words;
mod root;
#[cfg(test)]
mod sample;
#[cfg(feature = "hydrate")]
mod sending;
mod shared;
pub mod signed_in;
#[cfg(feature = "hydrate")]
mod stored_original;
mod studio_address;
mod studio_state;
mod theme;
mod upload;
mod words;

#[cfg(feature = "ssr")]
pub use document::shell;
pub use root::App;

/// Takes over the page that the server rendered.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    // Calls of server functions go below the base path, too.
    if !base::BasePath::current().is_root() {
        let base: &'static str = Box::leak(base::at("").into_boxed_str());
        let _ = leptos::server_fn::client::try_set_server_url(base);
    }
    leptos::mount::hydrate_body(App);
}
