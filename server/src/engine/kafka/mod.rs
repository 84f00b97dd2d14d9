//! The engine's side of Kafka: what is sent, what is read, whether the cluster is there.
//!
//! [`outbox`] sends tiles, words and dead letters. [`collector`] reads the results, [`heartbeats`] what workers say of themselves.
//! [`owner`] sees to it that nobody else uses this server's topic. [`probe`] looks whether the cluster and the topics are there, [`trim`] deletes records that are done with. [`Line`] is what they
//! share.

pub mod collector;
pub mod heartbeats;
pub mod outbox;
pub mod owner;
pub mod probe;
pub mod trim;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use azulejo_protocol::health::TopicInfo;
use azulejo_protocol::{ControlMessage, JobId, Topics};
use azulejo_transport::reader::Look;
use azulejo_transport::{Access, KafkaSettings, TopicSettings};

use super::problems::{Aspect, Problems};
use super::tell::Tell;

/// Most words to the workers that are kept to be said again. One that is forgotten costs the rendering of tiles that nobody reads.
const MOST_UNSAID: usize = 1000;

/// What everything that talks to Kafka shares.
pub struct Line {
    /// How to reach the cluster.
    pub kafka: KafkaSettings,
    /// Names of the topics that all servers of an installation share.
    pub topics: Topics,
    /// This server's own topic of results.
    pub results: String,
    /// How topics that are missing are made.
    pub topic_settings: TopicSettings,
    /// Who this server is to the cluster.
    pub principal: String,
    /// Tells the core.
    pub tell: Tell,
    /// What does not work.
    pub problems: Problems,
    stopping: Mutex<bool>,
    bell: Condvar,
    connected: AtomicBool,
    /// Why the cluster does not answer, while it does not.
    away: Mutex<Option<String>>,
    /// The topics, as of the last look.
    seen: Mutex<Vec<TopicInfo>>,
    /// Bytes of pixels that fit a record of every topic of pixels, as of the last look.
    record_bytes: AtomicU64,
    /// Words to the workers that the cluster did not take, to be said again.
    unsaid: Mutex<Vec<ControlMessage>>,
    /// Counts how often topics were made: readers begin anew then.
    made: AtomicU64,
}

impl Line {
    /// A line to the cluster that `kafka` names.
    pub fn new(
        kafka: KafkaSettings,
        topics: Topics,
        results: String,
        topic_settings: TopicSettings,
        tell: Tell,
        problems: Problems,
    ) -> Arc<Self> {
        let principal = kafka.principal();
        let record_bytes = AtomicU64::new(topic_settings.record_bytes);
        Arc::new(Self {
            kafka,
            topics,
            results,
            topic_settings,
            principal,
            tell,
            problems,
            stopping: Mutex::new(false),
            bell: Condvar::new(),
            connected: AtomicBool::new(false),
            away: Mutex::default(),
            seen: Mutex::default(),
            record_bytes,
            unsaid: Mutex::default(),
            made: AtomicU64::new(0),
        })
    }

    /// Ends everything that reads or looks.
    pub fn stop(&self) {
        *self.stopping.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }

    /// Whether the engine is ending.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pauses for `most`, or until the engine ends.
    pub fn nap(&self, most: Duration) {
        let until = Instant::now() + most;
        let mut stopping = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        while !*stopping {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            stopping = self
                .bell
                .wait_timeout(stopping, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Whether the cluster answers, as of the last look.
    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Acquire)
    }

    /// Why the cluster does not answer, while it does not.
    pub fn away(&self) -> Option<String> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The topics, as of the last look.
    pub fn seen(&self) -> Vec<TopicInfo> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A look found this.
    fn note(&self, away: Option<String>, seen: Option<Vec<TopicInfo>>) {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = away;
        if let Some(seen) = seen {
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        }
    }

    /// A record goes to `topic`.
    fn writing<'a>(&'a self, topic: &'a str) -> Access<'a> {
        Access::new(&self.principal, "Write", topic)
    }

    /// Most bytes of pixels that a record may have: what this installation asks for, or less where a topic takes less.
    pub fn record_bytes(&self) -> u64 {
        self.record_bytes.load(Ordering::Acquire)
    }

    /// A look has shown how many bytes of pixels fit a record, now or before the start.
    pub fn set_record_bytes(&self, bytes: u64) {
        self.record_bytes.store(bytes, Ordering::Release);
    }

    /// The cluster did not take a word to the workers.
    fn leave_unsaid(&self, word: ControlMessage) {
        let mut unsaid = self.unsaid.lock().unwrap_or_else(PoisonError::into_inner);
        if unsaid.len() < MOST_UNSAID {
            unsaid.push(word);
        }
    }

    /// Something newer is said about `job`.
    fn forget_unsaid(&self, job: JobId) {
        let mut unsaid = self.unsaid.lock().unwrap_or_else(PoisonError::into_inner);
        unsaid.retain(
            |(ControlMessage::Cancel { job: other } | ControlMessage::Resume { job: other })| *other != job,
        );
    }

    /// The words that the cluster did not take, which are about to be said again.
    fn take_unsaid(&self) -> Vec<ControlMessage> {
        std::mem::take(&mut *self.unsaid.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How often topics were made.
    fn made(&self) -> u64 {
        self.made.load(Ordering::Acquire)
    }

    /// Name of a group that is never joined: librdkafka wants one of every consumer.
    fn group(&self) -> String {
        format!("{}-server", self.topics.worker_group)
    }

    /// Whether a look at `topic` says that it has to be read anew.
    fn is_lost(&self, look: Look, topic: &str) -> bool {
        match look {
            Look::Same => false,
            Look::Grown => {
                tracing::info!(topic, "more partitions are read");
                false
            }
            Look::Gone => {
                let sentence = format!("the topic '{topic}' is gone; it is made again");
                self.problems.set(topic, Aspect::Reading, &sentence);
                true
            }
            Look::Anew => {
                tracing::warn!(topic, "the topic was made anew; it is read from its beginning");
                true
            }
        }
    }

    /// Reading `topic` is in trouble; what does not pass by itself is a problem until [`Line::reads`] clears it.
    fn cannot_read(&self, topic: &str, trouble: &azulejo_transport::Trouble) {
        if trouble.class == azulejo_transport::Class::Installation {
            self.problems.set(topic, Aspect::Reading, &trouble.reason);
        } else {
            tracing::debug!(topic, %trouble, "reading");
        }
    }

    /// Something was read of `topic`.
    fn reads(&self, topic: &str) {
        self.problems.clear(topic, Aspect::Reading);
    }

    /// Runs `reader` again and again while the cluster is there, until the engine ends.
    fn keep_reading(&self, topic: &str, mut reader: impl FnMut() -> Result<(), azulejo_transport::Trouble>) {
        while !self.is_stopping() {
            if !self.is_connected() {
                self.nap(Duration::from_millis(50));
                continue;
            }
            match reader() {
                Ok(()) => {}
                Err(trouble) => {
                    // While it is made again that is said already.
                    if !self.problems.has(topic, Aspect::Topic) {
                        let sentence = format!("the topic '{topic}' cannot be read: {trouble}");
                        self.problems.set(topic, Aspect::Reading, &sentence);
                    }
                    self.nap(Duration::from_secs(1));
                }
            }
        }
    }
}
