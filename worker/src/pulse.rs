//! Signs of life: when the consumer's thread last went round, and when Kafka last acknowledged a heartbeat. What `GET /live`
//! and `GET /ready` answer from.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The consumer's thread goes round several times a second; its longest wait is for a cluster that does not answer. After this
/// time without a turn it hangs.
const STUCK: Duration = Duration::from_secs(120);

/// A worker whose heartbeats were not acknowledged for so long, and for three times their interval, does not reach Kafka.
const DEAF: Duration = Duration::from_secs(10);

/// When there was last a sign of each kind, in milliseconds since the start; 0 for never.
#[derive(Debug)]
pub struct Pulse {
    started: Instant,
    turned: AtomicU64,
    heard: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            turned: AtomicU64::new(0),
            heard: AtomicU64::new(0),
        }
    }
}

impl Pulse {
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The consumer's thread went round.
    pub fn turn(&self) {
        self.turned.store(self.now(), Relaxed);
    }

    /// Kafka has acknowledged a heartbeat.
    pub fn hear(&self) {
        // Never 0, which stands for never.
        self.heard.store(self.now().max(1), Relaxed);
    }

    /// Whether the consumer's thread still goes round. True also while Kafka is away: waiting is what it does then.
    pub fn is_turning(&self) -> bool {
        is_fresh(self.now(), self.turned.load(Relaxed), STUCK)
    }

    /// Whether heartbeats, sent every `interval`, reach Kafka.
    pub fn is_heard(&self, interval: Duration) -> bool {
        let heard = self.heard.load(Relaxed);
        heard > 0 && is_fresh(self.now(), heard, DEAF.max(3 * interval))
    }
}

fn is_fresh(now: u64, at: u64, within: Duration) -> bool {
    u128::from(now.saturating_sub(at)) <= within.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_heard_once_kafka_has_acknowledged_a_heartbeat() {
        let pulse = Pulse::default();
        assert!(pulse.is_turning() && !pulse.is_heard(Duration::from_secs(1)));
        pulse.hear();
        assert!(pulse.is_heard(Duration::from_secs(1)));
    }

    #[test]
    fn a_sign_of_life_ages() {
        let limit = Duration::from_secs(10);
        assert!(is_fresh(15_000, 5_000, limit));
        assert!(!is_fresh(15_001, 5_000, limit));
        assert!(is_fresh(0, 5_000, limit), "a clock that is read a moment earlier");
    }
}
