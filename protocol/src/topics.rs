//! The names of the topics.

use crate::bounds;

/// Consumer group of the workers, before the prefix.
pub const WORKER_GROUP: &str = "image-workers";

/// Largest record that the topics of tiles take: `max.message.bytes`, 10 MiB.
pub const MAX_RECORD_BYTES: usize = 10 * 1024 * 1024;

/// Topic and group names of one installation. A prefix lets several share a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    /// Tiles to render.
    pub tasks: String,
    /// Rendered tiles.
    pub results: String,
    /// What workers say of themselves.
    pub heartbeats: String,
    /// Tiles given up, and records that do not parse.
    pub dead_letters: String,
    /// Cancellations.
    pub control: String,
    /// Consumer group of the workers.
    pub worker_group: String,
}

impl Topics {
    /// The names with `prefix` before each. An empty prefix gives the plain names; otherwise it is used as it stands,
    /// so `lab-` gives `lab-tasks`.
    pub fn with_prefix(prefix: &str) -> Self {
        let name = |base: &str| format!("{prefix}{base}");
        Self {
            tasks: name("tasks"),
            results: name("results"),
            heartbeats: name("heartbeats"),
            dead_letters: name("dead-letters"),
            control: name("control"),
            worker_group: name(WORKER_GROUP),
        }
    }

    /// The topic of results of the server with this id, which it names in its tasks, so that servers share the workers and
    /// not their results.
    pub fn results_of(&self, server: &str) -> String {
        format!("{}-{server}", self.results)
    }

    /// Whether a task of this installation may ask for its answer in `topic`: `results`, or a name that begins with
    /// `results-`, after the prefix. A worker that wrote wherever a task says would let anyone who may write tasks write
    /// into every topic that the workers may.
    pub fn accepts_results(&self, topic: &str) -> bool {
        let own = topic
            .strip_prefix(self.results.as_str())
            .is_some_and(|rest| rest.is_empty() || (rest.len() > 1 && rest.starts_with('-')));
        own && bounds::is_topic(topic)
    }

    /// Refuses a prefix that Kafka would not take in a topic name.
    ///
    /// # Errors
    /// A sentence that names the prefix, when it is longer than 100 characters or has any other than
    /// letters, digits, `.`, `_` and `-`.
    pub fn check_prefix(prefix: &str) -> Result<(), String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if prefix.len() > 100 || !prefix.chars().all(allowed) {
            return Err(format!(
                "topic prefix '{prefix}' is not usable: at most 100 letters, digits, '.', '_' and '-'"
            ));
        }
        Ok(())
    }
}

impl Default for Topics {
    fn default() -> Self {
        Self::with_prefix("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_to_topics_of_results_and_nowhere_else() {
        let topics = Topics::with_prefix("lab-");
        for good in ["lab-results", "lab-results-7", "lab-results-a.b_c"] {
            assert!(topics.accepts_results(good), "{good}");
        }
        for bad in [
            "",
            "results",
            "results-7",
            "lab-results-",
            "lab-resultsx",
            "lab-tasks",
            "lab-results-a/b",
            "lab-results-ä",
            "__consumer_offsets",
        ] {
            assert!(!topics.accepts_results(bad), "{bad}");
        }
        assert!(!topics.accepts_results(&format!("lab-results-{}", "x".repeat(240))));
    }
}
