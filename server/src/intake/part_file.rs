//! A file that is deleted unless somebody takes it over.

use std::path::{Path, PathBuf};

use crate::engine::files::job::remove_if_there;

/// The guard of a file under way. Dropping it deletes the file; a file that was renamed away is not found and stays.
#[derive(Debug)]
pub struct PartFile {
    path: PathBuf,
    /// A file about it, which goes with it.
    record: Option<PathBuf>,
}

impl PartFile {
    /// Guards `path`, which need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, record: None }
    }

    /// The same guard for the file at `record`, too, which goes even when the first was renamed away.
    #[must_use]
    pub fn with_record(self, record: PathBuf) -> Self {
        let mut guard = self;
        guard.record = Some(record);
        guard
    }

    /// Whether there is a file about it.
    pub fn has_record(&self) -> bool {
        self.record.is_some()
    }

    /// Leaves the files where they are.
    pub fn keep(mut self) {
        self.path = PathBuf::new();
        self.record = None;
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            remove_if_there(&self.path);
        }
        self.record.iter().for_each(|record| remove_if_there(record));
    }
}
