//! What does not work at this worker although it runs: records that a topic refuses, heartbeats that do not arrive.
//! Said on the console at once and then once a minute, and shown in heartbeats and on the status page.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use azulejo_protocol::bounds::{MAX_TEXT_BYTES, cut};
use tracing::{debug, info, warn};

const QUIET: Duration = Duration::from_secs(60);

/// Topics that are remembered. Tasks name the topic of their answers, so their number is not this worker's.
const MAX_TOPICS: usize = 64;

/// The troubles of today, by topic.
#[derive(Debug, Default)]
pub struct Troubles {
    topics: Mutex<BTreeMap<String, Trouble>>,
    /// Whether there is any: asked at each delivery.
    any: AtomicBool,
}

#[derive(Debug)]
struct Trouble {
    /// `None` once it is over; kept so that trouble that comes and goes is not said each time.
    reason: Option<String>,
    said: Instant,
}

impl Troubles {
    /// Records for `topic` are not delivered, or it cannot be read; a group is named in a topic's place. Returns whether it was
    /// said on the console.
    pub fn report(&self, topic: &str, reason: &str) -> bool {
        let now = Instant::now();
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if !topics.contains_key(topic) && topics.len() >= MAX_TOPICS {
            topics.retain(|_, trouble| trouble.reason.is_some());
            if topics.len() >= MAX_TOPICS {
                debug!("trouble with '{topic}': {reason}");
                return false;
            }
        }
        self.any.store(true, Relaxed);
        let fresh = !topics.contains_key(topic);
        let trouble = topics.entry(topic.to_owned()).or_insert(Trouble {
            reason: None,
            said: now,
        });
        trouble.reason = Some(reason.to_owned());
        let say = fresh || now.duration_since(trouble.said) >= QUIET;
        if say {
            trouble.said = now;
            warn!("trouble with '{topic}': {reason}");
        } else {
            debug!("trouble with '{topic}': {reason}");
        }
        say
    }

    /// A record for `topic` was delivered, or read.
    pub fn clear(&self, topic: &str) {
        if !self.any.load(Relaxed) {
            return;
        }
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if topics
            .get_mut(topic)
            .is_some_and(|trouble| trouble.reason.take().is_some())
        {
            info!("no trouble with '{topic}' any more");
        }
        let any = topics.values().any(|trouble| trouble.reason.is_some());
        self.any.store(any, Relaxed);
    }

    /// All of it, short enough for a heartbeat.
    pub fn text(&self) -> Option<String> {
        if !self.any.load(Relaxed) {
            return None;
        }
        let topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let texts: Vec<String> = topics
            .iter()
            .filter_map(|(topic, trouble)| Some(format!("{topic}: {}", trouble.reason.as_ref()?)))
            .collect();
        (!texts.is_empty()).then(|| cut(&texts.join("; "), MAX_TEXT_BYTES).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_said_once_and_shown_until_it_is_over() {
        let troubles = Troubles::default();
        assert_eq!(troubles.text(), None);
        assert!(troubles.report("results", "no right"));
        assert!(!troubles.report("results", "still no right"), "once a minute");
        assert!(troubles.report("heartbeats", "too old"));
        assert_eq!(
            troubles.text().unwrap(),
            "heartbeats: too old; results: still no right"
        );
        troubles.clear("results");
        assert_eq!(troubles.text().unwrap(), "heartbeats: too old");
        troubles.clear("heartbeats");
        assert_eq!(troubles.text(), None);
        assert!(
            !troubles.report("results", "again"),
            "it comes and goes: not each time"
        );
        assert_eq!(troubles.text().unwrap(), "results: again");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let troubles = Troubles::default();
        for number in 0..1000 {
            troubles.report(&format!("results-{number}"), &"ö".repeat(300));
        }
        assert_eq!(troubles.topics.lock().unwrap().len(), MAX_TOPICS);
        assert!(troubles.text().unwrap().len() <= MAX_TEXT_BYTES);
        for number in 0..1000 {
            troubles.clear(&format!("results-{number}"));
        }
        assert!(troubles.report("results", "no right"));
    }
}
