//! Convolutions: fixed-point weights and the loops that apply them.

pub(crate) mod gaussian;
pub(crate) mod separable;
pub(crate) mod window;
