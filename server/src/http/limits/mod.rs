//! Limits on what one client may ask for.
//!
//! - [`origin`]: whose address counts as one. [`headers`]: how large the headers may be. [`rate`]: how many requests there may be.

pub mod headers;
pub mod origin;
pub mod rate;
