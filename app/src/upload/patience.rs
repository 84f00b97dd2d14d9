//! How long it is tried again after the line was cut.

/// Pauses before the next try, milliseconds; the last one is repeated.
const PAUSES: [i32; 4] = [1000, 2000, 4000, 8000];

/// Time without progress after which it is given up, milliseconds.
const MOST: i64 = 60_000;

/// Tries since something last arrived. Times are milliseconds on any clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    since: i64,
    tries: usize,
}

impl Patience {
    /// Full patience at `now`.
    pub fn new(now: i64) -> Self {
        Self { since: now, tries: 0 }
    }

    /// Milliseconds to wait for the next try; `None` when it is time to give up.
    pub fn pause(&mut self, now: i64) -> Option<i32> {
        // A line that is cut after a long time of sending gets its minute from the cut.
        if self.tries == 0 {
            self.since = now;
        }
        if now - self.since >= MOST {
            return None;
        }
        let pause = PAUSES[self.tries.min(PAUSES.len() - 1)];
        self.tries += 1;
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_after_about_a_minute() {
        let (mut now, mut pauses) = (5_000_000, Vec::new());
        let mut patience = Patience::new(0);
        while let Some(pause) = patience.pause(now) {
            now += i64::from(pause);
            pauses.push(pause);
        }
        assert_eq!(pauses[..6], [1000, 2000, 4000, 8000, 8000, 8000]);
        assert!((60_000..70_000).contains(&(now - 5_000_000)), "{now}");
        assert_eq!(Patience::new(now).pause(now), Some(1000));
    }
}
