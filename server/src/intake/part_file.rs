//! A file that is deleted unless somebody takes it over.

use std::path::{Path, PathBuf};

/// The guard of a file under way. Dropping it deletes the file; a file that was renamed away is not found and stays.
#[derive(Debug)]
pub struct PartFile(PathBuf);

impl PartFile {
    /// Guards `path`, which need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        match std::fs::remove_file(&self.0) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(path = %self.0.display(), %error, "cannot delete an upload"),
        }
    }
}
