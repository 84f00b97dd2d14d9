//! How long a worker may be silent before it is taken for lost.
//!
//! Three of its intervals, which with the usual interval of a second is soon: a heartbeat that is late by a slow line must not
//! count as a death. So each worker's own line is the measure. A worker whose heartbeats came unevenly of late has an interval
//! and twice the most by which one of them was late, at most 30 s (or three intervals, where these are more).

use std::collections::VecDeque;

use crate::Time;

/// Silent for so many intervals: lost.
const LOST_AFTER_INTERVALS: u32 = 3;
/// Gaps that are remembered. One gap that was long makes a worker's loss be noticed later for so many heartbeats.
const REMEMBERED: usize = 60;
/// What late heartbeats can raise the patience to.
const LONGEST: Time = Time::from_secs(30);

/// By how much the latest heartbeats of a worker were late.
#[derive(Debug, Default)]
pub(super) struct Lateness {
    /// When the latest heartbeat arrived, if the time until the next one says anything.
    arrived: Option<Time>,
    /// By how much each gap was longer than the interval, seconds.
    late: VecDeque<f32>,
    most: f32,
}

impl Lateness {
    /// A heartbeat arrived. One that was read late, `in_time` being false, says when it was sent by another clock than ours: no
    /// gap follows from it.
    pub(super) fn arrived(&mut self, in_time: bool, interval: Time, now: Time) {
        let before = std::mem::replace(&mut self.arrived, in_time.then_some(now));
        let Some(before) = before.filter(|_| in_time) else {
            return;
        };
        let gap = now.saturating_sub(before);
        // What a worker says in between, because its state changed, says nothing of its regular heartbeats, and must not drive
        // them out of what is remembered.
        if gap * 2 < interval {
            return;
        }
        if self.late.len() == REMEMBERED {
            self.late.pop_front();
        }
        self.late.push_back(gap.saturating_sub(interval).as_secs_f32());
        self.most = self.late.iter().copied().fold(0.0, f32::max);
    }

    /// Nobody could be heard for a while: the gap that this makes is not the worker's.
    pub(super) fn interrupted(&mut self) {
        self.arrived = None;
    }

    /// How long the worker may be silent.
    pub(super) fn patience(&self, interval: Time) -> Time {
        let least = interval * LOST_AFTER_INTERVALS;
        let late = Time::from_secs_f32(self.most);
        (interval + late * 2).clamp(least, least.max(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Time = Time::from_secs(1);

    /// The patience after heartbeats at these times, seconds, of a worker whose interval is a second.
    fn after(times: &[f64]) -> f64 {
        let mut lateness = Lateness::default();
        for at in times {
            lateness.arrived(true, SECOND, Time::from_secs_f64(*at));
        }
        lateness.patience(SECOND).as_secs_f64()
    }

    #[test]
    fn three_intervals_where_heartbeats_come_evenly_or_none_came_yet() {
        assert_eq!(Lateness::default().patience(SECOND * 5), SECOND * 15);
        assert_eq!(after(&[0.0]), 3.0);
        assert_eq!(after(&[0.0, 1.0, 2.1, 3.0, 3.2, 3.4, 4.4]), 3.0);
        assert_eq!(after(&[0.0, 2.0, 3.0]), 3.0, "a second late is within it");
    }

    #[test]
    fn a_late_heartbeat_raises_the_patience_beyond_the_gap_that_it_made() {
        assert_eq!(after(&[0.0, 2.5, 3.5]), 4.0);
        assert_eq!(after(&[0.0, 5.0, 6.0]), 9.0);
        assert_eq!(after(&[0.0, 600.0]), 30.0, "and no further than this");
    }

    #[test]
    fn a_long_interval_is_not_cut_short() {
        let mut lateness = Lateness::default();
        let interval = SECOND * 20;
        lateness.arrived(true, interval, Time::ZERO);
        lateness.arrived(true, interval, SECOND * 500);
        assert_eq!(lateness.patience(interval), interval * 3);
    }

    #[test]
    fn what_was_late_long_ago_is_forgotten() {
        let mut times = vec![0.0, 5.0];
        times.extend((1..REMEMBERED).map(|step| 5.0 + step as f64));
        assert_eq!(after(&times), 9.0);
        times.push(5.0 + REMEMBERED as f64);
        assert_eq!(after(&times), 3.0);
    }

    #[test]
    fn what_is_said_between_two_heartbeats_drives_none_out() {
        let mut times = vec![0.0, 5.0];
        times.extend((1..1000).map(|step| 5.0 + f64::from(step) / 100.0));
        assert_eq!(after(&times), 9.0);
    }

    #[test]
    fn neither_what_was_read_late_nor_an_interruption_makes_a_gap() {
        let mut lateness = Lateness::default();
        for at in [0, 20, 40] {
            lateness.arrived(false, SECOND, SECOND * at);
        }
        lateness.arrived(true, SECOND, SECOND * 59);
        assert_eq!(lateness.patience(SECOND), SECOND * 3);
        lateness.interrupted();
        lateness.arrived(true, SECOND, SECOND * 90);
        assert_eq!(lateness.patience(SECOND), SECOND * 3);
        lateness.arrived(true, SECOND, SECOND * 95);
        assert_eq!(lateness.patience(SECOND), SECOND * 9);
    }
}
