//! JPEG 2000: files (JP2 and plain codestreams) and the tiles of a TIFF, by the crate `hayro-jpeg2000`, which has no unsafe code.
//! What it would allocate is known from the headers, and is bounded before it sees them.

mod codestream;
mod read;
mod samples;

pub(super) use read::Jp2Reader;
pub(super) use samples::tile;
