//! The names of the topics.

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
