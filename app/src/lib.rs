//! The Leptos application: pages, components, server functions.

#[cfg(feature = "ssr")]
pub mod backend;
