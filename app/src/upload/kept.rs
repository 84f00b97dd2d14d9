//! Uploads that may go on after the page was left or loaded anew: which file each is of. Kept by the browser.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Uploads that are remembered.
const MOST: usize = 20;

/// One of them. Two files with one fingerprint are taken for the same file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    file: String,
    upload: Uuid,
}

/// All of them, the latest last.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct KeptUploads(Vec<Kept>);

impl KeptUploads {
    /// Reads what [`KeptUploads::text`] gave. What cannot be read is none.
    pub fn read(text: &str) -> Self {
        let mut kept: Vec<Kept> = serde_json::from_str(text).unwrap_or_default();
        kept.drain(..kept.len().saturating_sub(MOST));
        Self(kept)
    }

    /// All of them in one text.
    pub fn text(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// The upload of the file with this fingerprint.
    pub fn find(&self, file: &str) -> Option<Uuid> {
        self.0
            .iter()
            .find(|kept| kept.file == file)
            .map(|kept| kept.upload)
    }

    /// Remembers `upload` for the file with this fingerprint; the oldest is forgotten when there are too many.
    pub fn keep(&mut self, file: &str, upload: Uuid) {
        self.forget(file);
        self.0.push(Kept {
            file: file.to_owned(),
            upload,
        });
        self.0.drain(..self.0.len().saturating_sub(MOST));
    }

    /// Forgets the upload of the file with this fingerprint.
    pub fn forget(&mut self, file: &str) {
        self.0.retain(|kept| kept.file != file);
    }
}

/// What a file is recognised by.
pub fn fingerprint(name: &str, bytes: f64, changed_ms: f64) -> String {
    format!("{bytes}|{changed_ms}|{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_found_until_it_is_forgotten() {
        let (a, b) = (fingerprint("a|1.png", 5.0, 7.0), fingerprint("1.png", 5.0, 7.0));
        let mut kept = KeptUploads::default();
        kept.keep(&a, Uuid::from_u128(1));
        kept.keep(&b, Uuid::from_u128(2));
        kept.keep(&a, Uuid::from_u128(3));
        let mut kept = KeptUploads::read(&kept.text());
        assert_eq!(kept.find(&a), Some(Uuid::from_u128(3)));
        kept.forget(&a);
        assert_eq!((kept.find(&a), kept.find(&b)), (None, Some(Uuid::from_u128(2))));
    }

    #[test]
    fn their_number_is_bounded_and_nonsense_is_none() {
        let mut kept = KeptUploads::default();
        for number in 0..MOST as u128 + 5 {
            kept.keep(&number.to_string(), Uuid::from_u128(number));
        }
        assert_eq!(kept.0.len(), MOST);
        assert_eq!((kept.find("4"), kept.find("5").is_some()), (None, true));
        for text in ["", "{}", "[1]", "null"] {
            assert_eq!(KeptUploads::read(text), KeptUploads::default());
        }
    }
}
