//! Tiles in a second, over the last few seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back the rate looks.
const SPAN: Duration = Duration::from_secs(5);
/// Tiles that come within this time are counted together, so that the memory is bounded.
const BUCKET: Duration = Duration::from_millis(100);

/// Counts events over a sliding span.
#[derive(Debug, Default)]
pub struct Rate {
    buckets: VecDeque<(Instant, u32)>,
    /// When counting began: a rate over less than the span divides by what there was.
    since: Option<Instant>,
}

impl Rate {
    /// Counts `events` at `now`.
    pub fn add(&mut self, events: u32, now: Instant) {
        self.since.get_or_insert(now);
        match self.buckets.back_mut() {
            Some((at, count)) if now.saturating_duration_since(*at) < BUCKET => *count += events,
            _ => self.buckets.push_back((now, events)),
        }
        while self
            .buckets
            .front()
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) > SPAN)
        {
            self.buckets.pop_front();
        }
    }

    /// Events in a second.
    pub fn per_second(&self, now: Instant) -> f32 {
        let Some(since) = self.since else { return 0.0 };
        let recent = |at: &Instant| now.saturating_duration_since(*at) <= SPAN;
        let events: u32 = self
            .buckets
            .iter()
            .filter(|(at, _)| recent(at))
            .map(|(_, count)| count)
            .sum();
        let span = now
            .saturating_duration_since(since)
            .clamp(Duration::from_millis(500), SPAN);
        events as f32 / span.as_secs_f32()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_the_last_seconds_and_fades() {
        let start = Instant::now();
        let mut rate = Rate::default();
        for step in 0..100 {
            rate.add(2, start + Duration::from_millis(step * 100));
        }
        let now = start + Duration::from_secs(10);
        assert!(
            (rate.per_second(now) - 20.0).abs() < 1.0,
            "{}",
            rate.per_second(now)
        );
        assert_eq!(rate.per_second(now + Duration::from_secs(6)), 0.0);
        assert!(rate.buckets.len() <= 51);
    }
}
