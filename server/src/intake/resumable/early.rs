//! A look at the beginning of a file whose rest has not come yet, so that a hopeless one is refused before it has travelled.

use std::path::Path;

use azulejo_protocol::ApiError;
use azulejo_protocol::health::IntakeLimits;

use crate::intake::inspect;

/// Bytes that tell a kind of file by its magic.
const MAGIC: u64 = 16;

/// The file is looked at when it has so many bytes; what a header says is known by then.
const LOOKS: [u64; 4] = [MAGIC, 4 << 10, 64 << 10, 1 << 20];

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

/// Looks at the file at `path`, which ends early. Blocks.
///
/// # Errors
/// 415, 413 or 422 for a file that will be refused for this whatever comes. What may still become sound passes.
pub fn look(path: &Path, limits: &IntakeLimits) -> Result<(), ApiError> {
    match inspect::header(path, None, limits) {
        // Damaged means cut off, here, and a disk that cannot be read is met again at the end.
        Err(error) if error.code == "image_damaged" || error.status >= 500 => Ok(()),
        other => other.map(drop),
    }
}
