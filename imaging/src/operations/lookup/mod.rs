//! What the pixels of a result find at their places in the image, see [`super::projective`].
//!
//! One loop computes the places of a block of pixels, without a branch, so that the compiler vectorises it; another fetches the pixels.

mod bilinear;
mod nearest;
mod numbers;
mod places;

pub(super) use bilinear::bilinear;
pub(super) use nearest::nearest;
pub(super) use numbers::numbers;
