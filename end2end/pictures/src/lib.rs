//! Pictures to test by: [`images`] makes them, [`definition`] says what has to come of them.
//!
//! A crate of its own, so that its arithmetic is optimised in tests, which the programs around it need not be.
#![deny(missing_docs)]

pub mod definition;
pub mod images;
