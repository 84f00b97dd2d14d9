//! What does not work and does not pass by itself, as the drivers find out: shown by `/health` and the pages, and said in the
//! log when it begins and when it is over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What of a subject does not work: each has its own beginning and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// A topic is not there, or not as it must be.
    Topic,
    /// It has fewer partitions than were asked for.
    Size,
    /// It cannot be read.
    Reading,
    /// It does not take records.
    Writing,
    /// A worker is silent.
    Silence,
    /// Somebody else uses what belongs to this server.
    Owner,
    /// A new certificate cannot be used.
    Certificate,
}

impl Aspect {
    /// Whether jobs may wait or fail for it. Too few partitions and one worker's silence cost speed alone, and an old certificate
    /// nothing yet.
    pub const fn holds_jobs(self) -> bool {
        !matches!(self, Self::Size | Self::Silence | Self::Certificate)
    }
}

/// The problems that drivers know of, by subject. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Problems(Arc<Mutex<BTreeMap<(String, Aspect), String>>>);

/// What was said in the log of the problems that the core knows of: workers in trouble, tiles that a topic refuses.
#[derive(Debug, Default)]
pub struct Said(BTreeMap<String, String>);

impl Said {
    /// Says which of `problems`, as subject and sentence, are new, and what is over.
    pub fn follow(&mut self, problems: Vec<(String, String)>) {
        let now: BTreeMap<String, String> = problems.into_iter().collect();
        for (subject, sentence) in &now {
            if self.0.get(subject) != Some(sentence) {
                tracing::warn!(subject, "{sentence}");
            }
        }
        for subject in self.0.keys().filter(|subject| !now.contains_key(*subject)) {
            tracing::info!(subject, "works again");
        }
        self.0 = now;
    }
}

impl Problems {
    /// Something of `subject` does not work.
    pub fn set(&self, subject: &str, aspect: Aspect, sentence: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (subject.to_owned(), aspect);
        if known.get(&key).is_some_and(|told| told == sentence) {
            return;
        }
        tracing::warn!(subject, "{sentence}");
        known.insert(key, sentence.to_owned());
    }

    /// It works.
    pub fn clear(&self, subject: &str, aspect: Aspect) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.remove(&(subject.to_owned(), aspect)).is_some() {
            tracing::info!(subject, "works again");
        }
    }

    /// Whether it is known not to work.
    pub fn has(&self, subject: &str, aspect: Aspect) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains_key(&(subject.to_owned(), aspect))
    }

    /// All problems, as subject, what of it, and sentence.
    pub fn list(&self) -> Vec<(String, Aspect, String)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .iter()
            .map(|((subject, aspect), sentence)| (subject.clone(), *aspect, sentence.clone()))
            .collect()
    }
}
