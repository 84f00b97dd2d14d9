//! Limits on what one client may ask for.
//!
//! - [`origin`]: whose address counts as one. [`headers`]: how large the headers may be.

pub mod headers;
pub mod origin;
