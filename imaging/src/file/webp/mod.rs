//! WebP.

#[cfg(feature = "files")]
mod lossy;
mod read;
#[cfg(feature = "files")]
mod write;

pub(super) use read::{WebPReader, reading};
#[cfg(feature = "files")]
pub(super) use write::WebPWriter;
