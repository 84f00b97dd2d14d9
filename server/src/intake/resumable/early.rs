//! A look at the beginning of a file whose rest has not come yet, so that a hopeless one is refused before it has travelled.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use azulejo_imaging::file::{FileErrorKind, FileKind};
use azulejo_imaging::header::{Found, Header, Parts};
use azulejo_protocol::ApiError;
use azulejo_protocol::health::IntakeLimits;

use crate::intake::inspect;

/// Bytes that tell a kind of file by its magic.
const MAGIC: u64 = 16;

/// The file is looked at when it has so many bytes; what a header says is known by then.
const LOOKS: [u64; 4] = [MAGIC, 4 << 10, 64 << 10, MOST];
/// Bytes that are looked at.
const MOST: u64 = 1 << 20;

/// How far the looking is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Early {
    looked_at: u64,
}

impl Early {
    /// Whether it is time to look at a file of which `bytes` have come.
    pub fn is_due(&self, bytes: u64) -> bool {
        LOOKS.iter().any(|look| self.looked_at < *look && *look <= bytes)
    }

    /// Remembers that `bytes` were looked at.
    pub fn looked(&mut self, bytes: u64) {
        self.looked_at = bytes;
    }
}

/// Looks at the beginning of the file at `path`, of which more comes until it has `length` bytes. Blocks.
///
/// # Errors
/// 415, 413 or 422 for a file that will be refused for this whatever comes. What may still become sound passes.
pub fn look(path: &Path, length: u64, limits: &IntakeLimits) -> Result<(), ApiError> {
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST.min(length)).read_to_end(&mut beginning));
    if read.is_err() {
        // A disk that cannot be read is met again at the end.
        return Ok(());
    }
    // The size of a PNG is known from its first bytes; how it is to be turned may be said behind the pixels, and does not matter here.
    let came = beginning.len() as u64;
    if let Ok(header) = Header::read(&mut &beginning[..], came, None)
        && header.kind == FileKind::Png
    {
        return inspect::check(&header, limits);
    }
    let mut parts = Parts::new(length);
    parts.add(0, beginning);
    match parts.header(None) {
        Found::Header(header) => inspect::check(&header, limits),
        Found::Unknown(Some(error)) if error.kind() != FileErrorKind::Damaged => {
            Err(inspect::from_file(&error))
        }
        // What says it has not come yet; and of damage the decoder has the word.
        Found::Missing(_) | Found::Unknown(_) => Ok(()),
    }
}
