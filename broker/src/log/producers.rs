//! What a partition knows of idempotent producers, so that a retry is stored once and a gap is noticed.
//!
//! Per producer: its epoch and the last five batches (a client has at most five requests in flight). A batch that
//! is among them is a retry and gets the offset that it got the first time. Anything else must carry the next
//! sequence number. The state is written beside the log when a segment is rolled and when the broker closes; what is
//! younger is read from the headers of the log.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::batch::BatchHeader;

/// Batches of a producer that are remembered: as many as clients keep in flight.
const REMEMBERED: usize = 5;
/// Most producers of a partition that are remembered; beyond, the one silent for longest is forgotten.
const MAX_PRODUCERS: usize = 10_000;

/// A batch that was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    first: i32,
    last: i32,
    offset: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Producer {
    epoch: i16,
    batches: VecDeque<Stored>,
}

/// All producers of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Producers {
    by_id: HashMap<i64, Producer>,
}

/// What is to be done with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Store it.
    New,
    /// It is stored already, at this offset.
    Duplicate(i64),
}

/// Why a batch of an idempotent producer is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SequenceError {
    /// A gap, or an old batch that is not remembered.
    #[error("sequence {got} of producer {producer} does not follow {last}")]
    OutOfOrder {
        /// Producer id.
        producer: i64,
        /// Last sequence number stored.
        last: i32,
        /// First sequence number of the batch.
        got: i32,
    },
    /// A newer instance of the producer has taken over.
    #[error("epoch {got} of producer {producer} is older than {current}")]
    OldEpoch {
        /// Producer id.
        producer: i64,
        /// Epoch known.
        current: i16,
        /// Epoch of the batch.
        got: i16,
    },
}

/// Sequence number `steps` after `sequence`: after the largest comes 0.
fn advance(sequence: i32, steps: i32) -> i32 {
    let sum = i64::from(sequence) + i64::from(steps);
    i32::try_from(sum).unwrap_or_else(|_| (sum - i64::from(i32::MAX) - 1) as i32)
}

impl Producers {
    /// Judges a batch by its header.
    ///
    /// # Errors
    /// See [`SequenceError`].
    pub fn check(&self, header: &BatchHeader) -> Result<Verdict, SequenceError> {
        if !header.is_idempotent() {
            return Ok(Verdict::New);
        }
        // A producer that is not known may begin anywhere: its state was dropped with the records.
        let Some(known) = self.by_id.get(&header.producer_id) else {
            return Ok(Verdict::New);
        };
        let producer = header.producer_id;
        if header.producer_epoch < known.epoch {
            let (current, got) = (known.epoch, header.producer_epoch);
            return Err(SequenceError::OldEpoch {
                producer,
                current,
                got,
            });
        }
        let first = header.base_sequence;
        let last_known = known.batches.back().map_or(-1, |batch| batch.last);
        if header.producer_epoch > known.epoch {
            // A new epoch counts from the start.
            let out_of_order = SequenceError::OutOfOrder {
                producer,
                last: -1,
                got: first,
            };
            return if first == 0 {
                Ok(Verdict::New)
            } else {
                Err(out_of_order)
            };
        }
        let last = advance(first, header.last_offset_delta);
        if let Some(stored) = known.batches.iter().find(|b| (b.first, b.last) == (first, last)) {
            return Ok(Verdict::Duplicate(stored.offset));
        }
        if first == advance(last_known, 1) {
            Ok(Verdict::New)
        } else {
            Err(SequenceError::OutOfOrder {
                producer,
                last: last_known,
                got: first,
            })
        }
    }

    /// Takes note of a stored batch.
    pub fn record(&mut self, header: &BatchHeader) {
        if !header.is_idempotent() {
            return;
        }
        if self.by_id.len() >= MAX_PRODUCERS && !self.by_id.contains_key(&header.producer_id) {
            // By offsets, which are the broker's own: timestamps are whatever a client says.
            let last_offset = |producer: &Producer| producer.batches.back().map_or(-1, |batch| batch.offset);
            let oldest = self
                .by_id
                .iter()
                .min_by_key(|(_, producer)| last_offset(producer))
                .map(|(id, _)| *id);
            oldest.map(|id| self.by_id.remove(&id));
        }
        let producer = self.by_id.entry(header.producer_id).or_insert_with(|| Producer {
            epoch: header.producer_epoch,
            batches: VecDeque::new(),
        });
        if header.producer_epoch != producer.epoch {
            producer.epoch = header.producer_epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == REMEMBERED {
            producer.batches.pop_front();
        }
        producer.batches.push_back(Stored {
            first: header.base_sequence,
            last: advance(header.base_sequence, header.last_offset_delta),
            offset: header.base_offset,
        });
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.by_id.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::batch::tests::sample;

    fn header(epoch: i16, sequence: i32, records: i32, offset: i64) -> BatchHeader {
        let batch = sample(records, 1, Some((9, epoch, sequence)), 5);
        BatchHeader {
            base_offset: offset,
            ..BatchHeader::read(&batch).unwrap()
        }
    }

    fn stored(producers: &mut Producers, header: BatchHeader) {
        assert_eq!(producers.check(&header), Ok(Verdict::New));
        producers.record(&header);
    }

    #[test]
    fn a_retry_gets_the_offset_of_the_first_try() {
        let mut producers = Producers::default();
        for n in 0..7 {
            stored(&mut producers, header(0, n * 2, 2, i64::from(n) * 2 + 100));
        }
        assert_eq!(producers.check(&header(0, 12, 2, 0)), Ok(Verdict::Duplicate(112)));
        assert_eq!(producers.check(&header(0, 4, 2, 0)), Ok(Verdict::Duplicate(104)));
        assert!(
            producers.check(&header(0, 2, 2, 0)).is_err(),
            "older than what is remembered"
        );
    }

    #[test]
    fn a_gap_is_refused() {
        let mut producers = Producers::default();
        stored(&mut producers, header(0, 0, 3, 0));
        let gap = SequenceError::OutOfOrder {
            producer: 9,
            last: 2,
            got: 4,
        };
        assert_eq!(producers.check(&header(0, 4, 1, 0)), Err(gap));
        assert_eq!(producers.check(&header(0, 3, 1, 0)), Ok(Verdict::New));
    }

    #[test]
    fn a_new_epoch_counts_from_zero_and_shuts_out_the_old() {
        let mut producers = Producers::default();
        stored(&mut producers, header(0, 0, 1, 0));
        assert!(producers.check(&header(1, 1, 1, 0)).is_err());
        stored(&mut producers, header(1, 0, 1, 1));
        let old = SequenceError::OldEpoch {
            producer: 9,
            current: 1,
            got: 0,
        };
        assert_eq!(producers.check(&header(0, 1, 1, 0)), Err(old));
    }

    #[test]
    fn sequence_numbers_wrap() {
        let mut producers = Producers::default();
        stored(&mut producers, header(0, i32::MAX - 1, 3, 0));
        assert_eq!(producers.check(&header(0, 1, 1, 0)), Ok(Verdict::New));
        assert_eq!(
            (advance(i32::MAX, 1), advance(i32::MAX - 1, 2), advance(-1, 1)),
            (0, 0, 0)
        );
    }

    #[test]
    fn the_producer_forgotten_first_is_the_one_that_stored_longest_ago_whatever_its_clock_says() {
        let mut producers = Producers::default();
        for id in 0..=MAX_PRODUCERS as i64 {
            let mut header = header(0, 0, 1, id);
            // The clocks of the first ones are far ahead.
            (header.producer_id, header.max_timestamp) = (id, i64::MAX - id);
            producers.record(&header);
        }
        assert_eq!(producers.by_id.len(), MAX_PRODUCERS);
        assert!(!producers.by_id.contains_key(&0));
        assert!(producers.by_id.contains_key(&(MAX_PRODUCERS as i64)));
    }
}
