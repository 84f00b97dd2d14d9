//! Events in a second, over the last few seconds.

use std::collections::VecDeque;

use crate::Time;

const SPAN: Time = Time::from_secs(5);
const BUCKET: Time = Time::from_millis(100);

/// Counts events in buckets of a tenth of a second.
#[derive(Debug, Clone, Default)]
pub struct Rate {
    buckets: VecDeque<(Time, u32)>,
    since: Option<Time>,
}

impl Rate {
    /// Counts `events` that happened now.
    pub fn add(&mut self, events: u32, now: Time) {
        if events == 0 {
            return;
        }
        self.since.get_or_insert(now);
        match self.buckets.back_mut() {
            Some((at, count)) if now.saturating_sub(*at) < BUCKET => *count = count.saturating_add(events),
            _ => self.buckets.push_back((now, events)),
        }
        while self
            .buckets
            .front()
            .is_some_and(|(at, _)| now.saturating_sub(*at) > SPAN)
        {
            self.buckets.pop_front();
        }
    }

    /// Events in a second.
    pub fn per_second(&self, now: Time) -> f32 {
        let Some(since) = self.since else { return 0.0 };
        let events: u32 = self
            .buckets
            .iter()
            .filter(|(at, _)| now.saturating_sub(*at) <= SPAN)
            .map(|(_, count)| count)
            .sum();
        let span = now.saturating_sub(since).clamp(Time::from_millis(500), SPAN);
        events as f32 / span.as_secs_f32()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_the_last_seconds_and_fades() {
        let mut rate = Rate::default();
        for step in 0..100 {
            rate.add(2, Time::from_millis(step * 100));
        }
        let now = Time::from_secs(10);
        assert!(
            (rate.per_second(now) - 20.0).abs() < 1.0,
            "{}",
            rate.per_second(now)
        );
        assert_eq!(rate.per_second(now + Time::from_secs(6)), 0.0);
        assert!(rate.buckets.len() <= 51);
    }
}
