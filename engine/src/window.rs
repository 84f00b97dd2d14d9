//! How many tiles a worker may have outstanding: as many as fill its slots and the way to it and back.
//!
//! A record is on its way for a time that has nothing to do with how long a tile takes. If a worker with `S` slots works
//! `work` on a tile and a tile is on the way for `way` in both directions together, then `S * (1 + way / work)` tiles keep
//! it busy (Little's law: throughput times latency). Fewer starve it; more only wait in queues and push pixels out of caches.
//!
//! Both times are measured. `work` is the mean of what the worker says. `way` is the least of what is seen of tiles that
//! cannot have waited for a slot: they were sent while fewer tiles than slots were outstanding ("clean"). As that does not
//! happen while a worker is kept busy, the window shrinks to the slots for one round when the estimate is old, as BBR does to
//! probe its round trip.
//!
//! Where the server or the broker is slower than the worker, filling the worker is not possible and filling the queues before
//! it is no use: as in BBR the window is bounded by twice what was really answered in a round trip, which lets it double each
//! round while that helps.

use std::collections::VecDeque;

use crate::Time;

/// An estimate of the way that is older than this is measured anew.
const WAY_AGE: Time = Time::from_secs(30);
/// How long the best rate of answers is believed.
const RATE_AGE: Time = Time::from_secs(5);
/// Weight of a new measurement of the work, one in so many.
const WORK_WEIGHT: u32 = 8;
/// Most tiles outstanding at one worker.
const MAX_WINDOW: u32 = 100_000;

/// The window of one worker.
#[derive(Debug, Clone)]
pub struct Window {
    slots: u32,
    way: Option<Time>,
    /// When the way was measured last.
    measured: Time,
    /// Since when the window is kept small to measure the way.
    probing: Option<Time>,
    work: Option<Time>,
    answered: u64,
    /// Answers in a second, the best first: a decreasing queue.
    rates: VecDeque<(Time, f64)>,
}

/// What is noted when a tile is sent, to be measured by when it is answered.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    sent: Time,
    answered: u64,
    clean: bool,
}

impl Stamp {
    /// The tile is rendered with nothing else in hand, so it may wait although a slot is free.
    pub fn alone(self) -> Self {
        Self { clean: false, ..self }
    }
}

impl Window {
    /// The window of a worker of which nothing is known but its slots.
    pub fn new(slots: u32, now: Time) -> Self {
        Self {
            slots: slots.max(1),
            way: None,
            measured: now,
            probing: None,
            work: None,
            answered: 0,
            rates: VecDeque::new(),
        }
    }

    /// The worker says how many slots it has, and time has passed. A probe whose tiles are never answered ends by itself, or they
    /// would keep everything else from the worker.
    pub fn look(&mut self, slots: u32, now: Time) {
        self.slots = slots.max(1);
        if self
            .probing
            .is_some_and(|since| now.saturating_sub(since) > WAY_AGE)
        {
            self.probing = None;
            self.measured = now;
        }
    }

    /// Tiles that it may have outstanding: never fewer than its slots.
    pub fn size(&self) -> u32 {
        let floor = 2 * self.slots + 2;
        if self.probing.is_some() {
            return self.slots;
        }
        let (Some(way), Some(work)) = (self.way, self.work) else {
            return floor;
        };
        let slots = f64::from(self.slots);
        let work = work.as_secs_f64().max(1e-5);
        let round = way.as_secs_f64() + work;
        let full = 1.25 * slots * round / work + slots;
        let useful = self
            .rates
            .front()
            .map_or(0.0, |(_, rate)| 2.0 * rate * round + slots + 1.0);
        let size = full.min(useful).ceil() as u32;
        size.clamp(floor, MAX_WINDOW.max(floor))
    }

    /// A tile is sent while `outstanding` others are.
    pub fn sent(&mut self, outstanding: u32, now: Time) -> Stamp {
        Stamp {
            sent: now,
            answered: self.answered,
            clean: outstanding < self.slots,
        }
    }

    /// It was answered and stored; the worker took `work` for it.
    pub fn answered(&mut self, stamp: Stamp, work: Time, now: Time) {
        self.answered += 1;
        let total = now.saturating_sub(stamp.sent);
        self.work = Some(match self.work {
            None => work,
            Some(mean) => (mean * (WORK_WEIGHT - 1) + work) / WORK_WEIGHT,
        });
        if stamp.clean {
            let way = total.saturating_sub(work);
            let old = now.saturating_sub(self.measured) > WAY_AGE;
            match self.way {
                Some(known) if known < way && !old && self.probing.is_none() => {}
                _ => {
                    self.way = Some(way);
                    self.measured = now;
                }
            }
            self.probing = None;
        } else if self.probing.is_none() && now.saturating_sub(self.measured) > WAY_AGE.max(total * 16) {
            self.probing = Some(now);
        }
        let span = total.as_secs_f64();
        if span > 0.0 {
            let rate = (self.answered - stamp.answered) as f64 / span;
            while self.rates.back().is_some_and(|(_, other)| *other <= rate) {
                self.rates.pop_back();
            }
            self.rates.push_back((now, rate));
            let age = RATE_AGE.max(total * 8);
            while self.rates.len() > 1
                && self
                    .rates
                    .front()
                    .is_some_and(|(at, _)| now.saturating_sub(*at) > age)
            {
                self.rates.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A worker at the end of a long line: gives the share of time that its slots worked, after a warm-up.
    fn busy(slots: u32, way: Time, work: Time, rounds: u32) -> (f64, u32) {
        let mut window = Window::new(slots, Time::ZERO);
        let mut now = Time::ZERO;
        // When each slot is free again, and the answers on their way.
        let mut free = vec![Time::ZERO; slots as usize];
        let mut answers: BTreeMap<(Time, u64), Stamp> = BTreeMap::new();
        let (mut id, mut out, mut worked) = (0, 0, Time::ZERO);
        let end = (way + work) * rounds;
        let warm = end / 2;
        let mut largest = 0;
        while now < end {
            while out < window.size() {
                let stamp = window.sent(out, now);
                out += 1;
                let slot = free.iter_mut().min().unwrap();
                let begin = (now + way / 2).max(*slot);
                *slot = begin + work;
                if begin >= warm && *slot <= end {
                    worked += work;
                }
                id += 1;
                answers.insert((*slot + way / 2, id), stamp);
            }
            largest = largest.max(out);
            let ((at, _), stamp) = answers.pop_first().unwrap();
            now = at;
            out -= 1;
            window.answered(stamp, work, now);
        }
        (
            worked.as_secs_f64() / (end - warm).as_secs_f64() / f64::from(slots),
            largest,
        )
    }

    #[test]
    fn slots_are_kept_busy_whatever_the_way_and_the_work() {
        for slots in [1, 2, 8] {
            for way in [200u64, 2_000, 50_000, 500_000] {
                for work in [1_000u64, 5_000, 100_000, 10_000_000] {
                    let (share, largest) = busy(slots, Time::from_micros(way), Time::from_micros(work), 60);
                    assert!(
                        share > 0.93,
                        "{slots} slots, way {way}, work {work}: {share} of the time"
                    );
                    let needed = f64::from(slots) * (1.0 + way as f64 / work as f64);
                    assert!(
                        f64::from(largest) <= 2.0 * needed + 3.0 * f64::from(slots) + 4.0,
                        "{slots} slots, way {way}, work {work}: {largest} outstanding, {needed} needed"
                    );
                }
            }
        }
    }

    #[test]
    fn a_probe_that_nobody_answers_ends() {
        let mut window = Window::new(2, Time::ZERO);
        let work = Time::from_millis(10);
        // A window that is always full is never clean, so the way is measured anew in the end.
        for tick in 0..4000 {
            let now = work * tick;
            let stamp = window.sent(5, now);
            window.answered(stamp, work, now + work);
        }
        let now = work * 4000;
        assert_eq!(window.size(), 2, "it probes");
        window.look(2, now);
        assert_eq!(window.size(), 2);
        window.look(2, now + WAY_AGE + work);
        assert!(window.size() > 2);
    }

    #[test]
    fn a_worker_of_which_nothing_is_known_gets_a_few_tiles() {
        assert_eq!(Window::new(4, Time::ZERO).size(), 10);
    }
}
