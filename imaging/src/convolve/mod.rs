//! Convolutions: fixed-point weights and the loops that apply them.

pub(crate) mod eight;
pub(crate) mod gaussian;
mod pairs;
pub(crate) mod separable;
pub(crate) mod sixteen;
pub(crate) mod window;
