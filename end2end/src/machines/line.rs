//! What becomes of packets from one machine to another: lost, late, or gone as long as the line is cut.

use std::time::{Duration, Instant};

/// How long packets wait for a line that is busy before the next ones are dropped, as in `tbf`.
const PATIENCE: Duration = Duration::from_millis(200);

/// How a line is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Time that a packet takes, one way.
    pub delay: Duration,
    /// Share of packets that are lost, 0 to 1.
    pub loss: f64,
    /// Bytes in a second; `None` for as many as come.
    pub rate: Option<u32>,
}

impl Quality {
    /// What programs on one machine have.
    pub const PERFECT: Self = Self {
        delay: Duration::ZERO,
        loss: 0.0,
        rate: None,
    };
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is there at this time.
    Arrives(Instant),
    /// The line lost it, or had no room.
    Lost,
    /// The line is cut.
    Cut,
}

/// The way from one machine to another; the way back is another.
#[derive(Debug, Clone)]
pub struct Line {
    quality: Quality,
    is_cut: bool,
    /// When all is sent that waits for a line with a rate.
    free: Option<Instant>,
}

impl Line {
    /// A line.
    pub fn new(quality: Quality) -> Self {
        Self {
            quality,
            is_cut: false,
            free: None,
        }
    }

    /// Cuts it, or joins it again.
    pub fn cut(&mut self, is_cut: bool) {
        self.is_cut = is_cut;
    }

    /// What becomes of a packet of `bytes` that is sent now. `chance` is anything from 0 to 1, of which each is as likely.
    pub fn send(&mut self, now: Instant, bytes: usize, chance: f64) -> Fate {
        if self.is_cut {
            return Fate::Cut;
        }
        if chance < self.quality.loss {
            return Fate::Lost;
        }
        let Some(rate) = self.quality.rate else {
            return Fate::Arrives(now + self.quality.delay);
        };
        let begins = self.free.map_or(now, |free| free.max(now));
        if begins > now + PATIENCE {
            return Fate::Lost;
        }
        let sent = begins + Duration::from_secs_f64(bytes as f64 / f64::from(rate.max(1)));
        self.free = Some(sent);
        Fate::Arrives(sent + self.quality.delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(10);

    #[test]
    fn a_packet_is_late_or_lost_or_meets_a_cut() {
        let mut line = Line::new(Quality {
            delay: DELAY,
            loss: 0.01,
            rate: None,
        });
        let now = Instant::now();
        assert_eq!(line.send(now, 1500, 0.5), Fate::Arrives(now + DELAY));
        assert_eq!(line.send(now, 1500, 0.01), Fate::Arrives(now + DELAY));
        assert_eq!(line.send(now, 1500, 0.0099), Fate::Lost);
        line.cut(true);
        assert_eq!(line.send(now, 1500, 0.5), Fate::Cut);
        line.cut(false);
        assert_eq!(line.send(now, 1500, 0.5), Fate::Arrives(now + DELAY));
    }

    #[test]
    fn a_line_with_a_rate_sends_one_packet_after_the_other_and_drops_what_waits_too_long() {
        let mut line = Line::new(Quality {
            delay: DELAY,
            loss: 0.0,
            rate: Some(10_000),
        });
        let now = Instant::now();
        let packet = Duration::from_millis(100);
        assert_eq!(line.send(now, 1000, 0.5), Fate::Arrives(now + packet + DELAY));
        assert_eq!(line.send(now, 1000, 0.5), Fate::Arrives(now + packet * 2 + DELAY));
        assert_eq!(line.send(now, 1000, 0.5), Fate::Arrives(now + packet * 3 + DELAY));
        assert_eq!(line.send(now, 1000, 0.5), Fate::Lost);
        let later = now + packet;
        assert_eq!(
            line.send(later, 1000, 0.5),
            Fate::Arrives(now + packet * 4 + DELAY)
        );
        let idle = now + packet * 10;
        assert_eq!(line.send(idle, 1000, 0.5), Fate::Arrives(idle + packet + DELAY));
    }
}
