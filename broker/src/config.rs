//! Settings of the broker as a whole. Those of topics are in [`crate::topics::settings`].

use std::path::PathBuf;
use std::time::Duration;

use crate::fsync::FsyncPolicy;
use crate::topics::settings::TopicSettings;

/// Settings of a broker.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// Folder of everything that is kept. Made if it is missing.
    pub data_dir: PathBuf,
    /// Address that clients are told to connect to. `None`: the one that they connected to already.
    pub advertise: Option<(String, u16)>,
    /// When records are given to the disk.
    pub fsync: FsyncPolicy,
    /// Whether a topic is made when a producer or consumer first asks for it.
    pub auto_create_topics: bool,
    /// Partitions of a topic that does not say how many.
    pub default_partitions: i32,
    /// Settings of a topic that does not say otherwise.
    pub topic_defaults: TopicSettings,
    /// Largest request, bytes.
    pub max_request_bytes: usize,
    /// Bytes of large requests that may be in memory at a time; one request may exceed it alone.
    pub request_memory_bytes: usize,
    /// Most connections at a time.
    pub max_connections: usize,
    /// A connection that sends nothing for so long is closed.
    pub idle_timeout: Duration,
    /// Once a frame has begun, its next part must come within this time.
    pub frame_patience: Duration,
    /// Some of an answer must be taken within this time.
    pub answer_patience: Duration,
    /// How long the first member of an empty group waits for others before it gets its assignment.
    pub initial_rebalance_delay: Duration,
    /// Shortest and longest session time-out that a group member may ask for.
    pub session_timeout: (Duration, Duration),
    /// A group that has no members and commits nothing for so long is forgotten, with its positions.
    pub offsets_retention: Duration,
    /// How often segments are rolled by age, deleted by retention and given to the disk.
    pub maintenance_interval: Duration,
}

impl BrokerConfig {
    /// The usual settings, with everything kept in `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            advertise: None,
            fsync: FsyncPolicy::System,
            auto_create_topics: true,
            default_partitions: 1,
            topic_defaults: TopicSettings::default(),
            max_request_bytes: 100 << 20,
            request_memory_bytes: 24 << 20,
            max_connections: 4096,
            idle_timeout: Duration::from_secs(600),
            frame_patience: Duration::from_secs(5),
            answer_patience: Duration::from_secs(60),
            initial_rebalance_delay: Duration::from_millis(100),
            session_timeout: (Duration::from_millis(1000), Duration::from_secs(1800)),
            offsets_retention: Duration::from_secs(7 * 24 * 60 * 60),
            maintenance_interval: Duration::from_secs(1),
        }
    }
}
