//! What is known of a resumable upload beside its bytes: a small JSON file beside them, so that it survives the server.
//!
//! It is written whole and renamed, never changed in place. What is read is not trusted: every field is bounded, and whatever
//! does not fit makes the upload one that there never was.

use std::io::{self, Read};
use std::path::Path;

use azulejo_imaging::Encoding;
use azulejo_protocol::health::IntakeLimits;
use azulejo_protocol::record::MAX_RECIPE_BYTES;
use azulejo_protocol::{JobId, filename};
use serde::{Deserialize, Serialize};

/// Largest file that is read: the longest recipe with every byte escaped, and the rest.
const MAX_BYTES: u64 = 6 * MAX_RECIPE_BYTES as u64 + 8 * 1024;

/// Longest number of a page that is read, bytes.
const MAX_PAGE: usize = 10;

/// Longest owner that is read, bytes.
const MAX_OWNER: usize = 256;

/// The record of one upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The client's name for the file, made harmless.
    pub filename: String,
    /// Who it belongs to; `None` where authentication was off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Bytes of the whole file.
    pub length: u64,
    /// The recipe of the job that is started once the file is there.
    #[serde(default)]
    pub recipe: Option<String>,
    /// The kind of file that the result is to be, as the client named it.
    #[serde(default)]
    pub format: Option<String>,
    /// The page that the job is on, as the client named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// When the upload was created, seconds since 1970.
    pub created_at: i64,
    /// Bytes from here on came in a piece whose checksum was not compared yet.
    #[serde(default)]
    pub unverified_from: Option<u64>,
    /// Whether whoever sent the last byte might not start the job any more.
    #[serde(default)]
    pub is_withheld: bool,
    /// The job, from just before it is started: the id is chosen first, so that a server that dies in between knows afterwards
    /// whether there is one.
    #[serde(default)]
    pub job: Option<JobId>,
}

impl Record {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, or it is not a record that this server would have written.
    pub fn read(path: &Path, limits: &IntakeLimits) -> io::Result<Self> {
        let mut text = Vec::new();
        let file = std::fs::File::open(path)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut text)?;
        let wrong = |reason: &str| io::Error::new(io::ErrorKind::InvalidData, reason.to_owned());
        if text.len() as u64 > MAX_BYTES {
            return Err(wrong("it is too long"));
        }
        let record: Self = serde_json::from_slice(&text)?;
        let has_length = (1..=limits.max_bytes).contains(&record.length);
        let is_short = |text: &Option<String>, most| text.as_ref().is_none_or(|text| text.len() <= most);
        if !has_length
            || !is_short(&record.recipe, MAX_RECIPE_BYTES)
            || !is_short(&record.owner, MAX_OWNER)
            || !is_short(&record.format, Encoding::MAX_TEXT)
            || !is_short(&record.page, MAX_PAGE)
            || filename::sanitise(&record.filename) != record.filename
        {
            return Err(wrong("a field is out of its bounds"));
        }
        Ok(record)
    }

    /// Writes the file at `path`, whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let draft = path.with_extension("draft");
        std::fs::write(&draft, serde_json::to_vec(self)?)?;
        std::fs::rename(&draft, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: IntakeLimits = IntakeLimits {
        min_side: 16,
        max_side: 200,
        max_pixels: 20_000,
        max_bytes: 1000,
        tile_size: 16,
        max_record_bytes: 10 << 20,
    };

    fn record() -> Record {
        Record {
            filename: "Zoë.png".into(),
            owner: Some("lab".into()),
            length: 1000,
            recipe: Some("blur:sigma=2".into()),
            format: Some("png".into()),
            page: Some("2".into()),
            created_at: 1_800_000_000,
            unverified_from: Some(3),
            is_withheld: true,
            job: None,
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        record().write(&path).unwrap();
        assert_eq!(Record::read(&path, &LIMITS).unwrap(), record());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        // What a later version may leave out.
        std::fs::write(&path, r#"{"filename":"a","length":5,"created_at":0}"#).unwrap();
        assert_eq!(Record::read(&path, &LIMITS).unwrap().recipe, None);
    }

    #[test]
    fn what_this_server_would_not_have_written_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let long = "x".repeat(MAX_RECIPE_BYTES + 1);
        let changes: [fn(&mut Record, &str); 7] = [
            |record, _| record.length = 0,
            |record, _| record.length = 1001,
            |record, long| record.recipe = Some(long.into()),
            |record, long| record.format = Some(long.into()),
            |record, _| record.page = Some("1".repeat(11)),
            |record, _| record.filename = "../etc/passwd".into(),
            |record, long| record.filename = long.into(),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut record = record();
            change(&mut record, &long);
            record.write(&path).unwrap();
            assert!(Record::read(&path, &LIMITS).is_err(), "{number}");
        }
        let endless = format!(
            "{}{}",
            serde_json::to_string(&record()).unwrap(),
            " ".repeat(MAX_BYTES as usize)
        );
        for text in ["", "{}", "[]", "null", &endless] {
            std::fs::write(&path, text).unwrap();
            assert!(Record::read(&path, &LIMITS).is_err());
        }
    }
}
