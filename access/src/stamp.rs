//! By what a changed file of keys is known.

use std::io;
use std::path::Path;
use std::time::SystemTime;

/// When a file was changed last and how long it is; the same for every file that is not there. Every change of the keys renames a new
/// file to its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp(Option<(SystemTime, u64)>);

impl Stamp {
    /// That of the file at `path` now. Blocks for as long as the file system does.
    pub(crate) fn of(path: &Path) -> Self {
        let stamp = std::fs::metadata(path).and_then(|data| Self::read(&data));
        stamp.unwrap_or_default()
    }

    /// That of the file that `data` is about.
    pub(crate) fn read(data: &std::fs::Metadata) -> io::Result<Self> {
        Ok(Self(Some((data.modified()?, data.len()))))
    }
}
