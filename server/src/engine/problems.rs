//! What does not work and does not pass by itself, as the drivers find out: shown by `/health` and the pages, and said on the
//! console when it begins and when it is over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The problems known, by subject. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Problems(Arc<Mutex<BTreeMap<String, String>>>);

impl Problems {
    /// `subject` does not work. Says whether that is news.
    pub fn set(&self, subject: &str, sentence: &str) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(subject).is_some_and(|told| told == sentence) {
            return false;
        }
        tracing::warn!(subject, "{sentence}");
        known.insert(subject.to_owned(), sentence.to_owned());
        true
    }

    /// `subject` works. Says whether that is news.
    pub fn clear(&self, subject: &str) -> bool {
        let over = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(subject)
            .is_some();
        if over {
            tracing::info!(subject, "works again");
        }
        over
    }

    /// All problems, as subject and sentence.
    pub fn list(&self) -> Vec<(String, String)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .iter()
            .map(|(subject, sentence)| (subject.clone(), sentence.clone()))
            .collect()
    }
}
