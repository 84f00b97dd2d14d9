//! What the numbers of an image mean: its ICC profile, what a PNG says instead of one, and what becomes of both in a result of
//! another format or with other channels.
//!
//! `profile` makes profiles, `convert` goes from one to another, [`inks`] turns inks into light. Nothing is relabelled: where a result
//! cannot keep what its input says, it gets a profile that means the same, and where there is none, a sentence says that it is left out.

mod convert;
mod inks;
mod profile;
mod read;
mod signal;

pub use convert::Conversion;
pub(super) use inks::Inks;
pub(super) use profile::of_space;
#[cfg(feature = "files")]
pub(super) use profile::{gray_of, rgb_of};
#[cfg(feature = "files")]
pub(super) use read::Space;
pub use signal::PngColor;
