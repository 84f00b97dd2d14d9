//! PNG. Reading: [`chunks`] walks over all chunks and finds the metadata ([`text`]), [`feed`] hands the chunks of the picture to the decoder,
//! [`read`] gives rows. Writing: [`write`], with [`filter`].

mod chunks;
mod feed;
#[cfg(feature = "files")]
mod filter;
mod read;
mod text;
#[cfg(feature = "files")]
pub(super) mod write;

pub(super) use read::PngReader;
