//! Numbers the tellings of jobs, so that whoever hears two of them out of order knows which is the newer one.
//!
//! A number is drawn *before* the state is looked at: what carries a higher number was looked at later. For a job under way it is
//! drawn while the core is held, for a stored one on the database's one thread that reads, so of two tellings from the same
//! place the one with the higher number also is the newer one. A job is told from one place at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers of one start. With this many bits a number fits what JavaScript counts exactly (2^53) up to the 131,072nd start.
const BITS: u32 = 36;

/// The numbers of this process: those of a later start of the server are all higher.
#[derive(Debug, Clone)]
pub struct Revisions(Arc<AtomicU64>);

impl Revisions {
    /// The numbers of the server's start `epoch`.
    pub fn new(epoch: u64) -> Self {
        Self(Arc::new(AtomicU64::new(epoch << BITS)))
    }

    /// A number that is higher than all before.
    pub fn draw(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_also_over_a_restart_and_javascript_can_count_them() {
        let first = Revisions::new(1);
        let numbers: Vec<u64> = (0..1000).map(|_| first.draw()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b));
        let second = Revisions::new(2);
        assert!(second.draw() > numbers[999]);
        assert!(Revisions::new((1 << 17) - 1).draw() < 1 << 53);
    }
}
