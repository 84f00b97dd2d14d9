//! When each key was used last: `keys-used.json` in the data folder, which only the server writes. It may lag behind by a minute.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::key_file::MAX_KEYS;

const FILE: &str = "keys-used.json";
const MAX_BYTES: u64 = 1 << 20;

/// When each key was used last, by its id; seconds since 1970, UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uses(BTreeMap<String, i64>);

impl Uses {
    /// Reads the file in the data folder `folder`. A file that is not there or cannot be read says nothing of any key.
    pub fn read(folder: &Path) -> Self {
        let read = || -> io::Result<Self> {
            let mut text = Vec::new();
            std::fs::File::open(folder.join(FILE))?
                .take(MAX_BYTES)
                .read_to_end(&mut text)?;
            Ok(serde_json::from_slice(&text)?)
        };
        read().unwrap_or_default()
    }

    /// When the key `id` was used last.
    pub fn last(&self, id: &str) -> Option<OffsetDateTime> {
        let seconds = *self.0.get(id)?;
        OffsetDateTime::from_unix_timestamp(seconds).ok()
    }

    /// Notes that the key `id` was used at `now`.
    pub fn note(&mut self, id: &str, now: OffsetDateTime) {
        if self.0.len() < MAX_KEYS || self.0.contains_key(id) {
            self.0.insert(id.to_owned(), now.unix_timestamp());
        }
    }

    /// Writes the file in the data folder `folder`, whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let draft = folder.join("keys-used.json.new");
        std::fs::write(&draft, serde_json::to_vec(self)?)?;
        std::fs::rename(draft, folder.join(FILE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_read_as_they_were_written_and_nonsense_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let now = time::macros::datetime!(2026-11-29 12:00 UTC);
        let mut uses = Uses::read(folder.path());
        assert_eq!(uses.last("a"), None);
        uses.note("a", now);
        uses.write(folder.path()).unwrap();
        assert_eq!(Uses::read(folder.path()).last("a"), Some(now));
        std::fs::write(folder.path().join(FILE), "[1]").unwrap();
        assert_eq!(Uses::read(folder.path()), Uses::default());
    }
}
