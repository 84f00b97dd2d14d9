//! Which offset of a partition may be committed while its tiles finish in any order.
//!
//! Tiles of one partition render side by side, so tile 7 can be done before tile 5. Committing 8 then would lose
//! tile 5 if the worker died. Only the contiguous finished prefix counts: what is committed is the offset of the first
//! record that is not finished yet.

use std::collections::VecDeque;

/// The records of one partition that were taken, oldest first, until a finished prefix is handed out.
#[derive(Debug, Default)]
pub struct PartitionOffsets {
    /// Offset and whether it is finished. Offsets grow; they may have gaps where the broker dropped records.
    taken: VecDeque<(i64, bool)>,
    unfinished: usize,
}

impl PartitionOffsets {
    /// A record was taken. Kafka hands records out in order; an offset that is not beyond the last one means that the
    /// position was moved back, so what was known of the records from there on is forgotten: they come again.
    pub fn start(&mut self, offset: i64) {
        self.forget_from(offset);
        self.taken.push_back((offset, false));
        self.unfinished += 1;
    }

    /// Forgets the records from `offset` on, as if they had not been taken: whoever holds the partition next reads them.
    pub fn forget_from(&mut self, offset: i64) {
        while let Some(&(last, finished)) = self.taken.back() {
            if last < offset {
                break;
            }
            self.unfinished -= usize::from(!finished);
            self.taken.pop_back();
        }
    }

    /// The record at `offset` is done with. Returns the offset to commit (the next record to read) when the finished
    /// prefix grew. An offset that was not taken, or was finished before, changes nothing.
    pub fn finish(&mut self, offset: i64) -> Option<i64> {
        let index = self
            .taken
            .binary_search_by_key(&offset, |&(taken, _)| taken)
            .ok()?;
        let (_, finished) = &mut self.taken[index];
        if *finished {
            return None;
        }
        *finished = true;
        self.unfinished -= 1;
        let mut next = None;
        while let Some(&(offset, true)) = self.taken.front() {
            next = Some(offset + 1);
            self.taken.pop_front();
        }
        next
    }

    /// Records taken and not finished.
    pub fn unfinished(&self) -> usize {
        self.unfinished
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_later_tile_never_moves_the_offset_past_an_unfinished_one() {
        let mut offsets = PartitionOffsets::default();
        (5..8).for_each(|offset| offsets.start(offset));
        assert_eq!(offsets.finish(7), None);
        assert_eq!(offsets.finish(6), None);
        assert_eq!(offsets.finish(5), Some(8));
        assert_eq!(offsets.unfinished(), 0);
    }

    #[test]
    fn finishing_twice_or_something_unknown_changes_nothing() {
        let mut offsets = PartitionOffsets::default();
        offsets.start(1);
        offsets.start(2);
        assert_eq!(offsets.finish(9), None);
        assert_eq!(offsets.finish(2), None);
        assert_eq!(offsets.finish(2), None);
        assert_eq!(offsets.unfinished(), 1);
        assert_eq!(offsets.finish(1), Some(3));
        assert_eq!(offsets.finish(1), None);
    }

    #[test]
    fn a_position_moved_back_is_followed() {
        let mut offsets = PartitionOffsets::default();
        (10..13).for_each(|offset| offsets.start(offset));
        offsets.finish(11);
        offsets.start(11);
        assert_eq!(offsets.unfinished(), 2);
        assert_eq!(offsets.finish(10), Some(11));
        assert_eq!(offsets.finish(11), Some(12));
    }

    #[test]
    fn records_that_are_put_back_hold_the_offset_where_they_are() {
        let mut offsets = PartitionOffsets::default();
        (10..13).for_each(|offset| offsets.start(offset));
        offsets.forget_from(11);
        assert_eq!(offsets.unfinished(), 1);
        assert_eq!(offsets.finish(12), None);
        assert_eq!(offsets.finish(10), Some(11));
    }

    proptest! {
        /// Against the definition: the committed offset is that of the first unfinished record, in whatever order
        /// records finish and whatever gaps there are between them.
        #[test]
        fn what_is_committed_is_the_first_unfinished_record(
            gaps in proptest::collection::vec(1i64..4, 1..60),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 1..200),
        ) {
            let taken: Vec<i64> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            let mut offsets = PartitionOffsets::default();
            taken.iter().for_each(|&offset| offsets.start(offset));
            let mut finished = BTreeSet::new();
            let mut committed = taken[0];
            for index in order {
                let offset = *index.get(&taken);
                if let Some(next) = offsets.finish(offset) {
                    prop_assert!(next > committed || committed == taken[0]);
                    committed = next;
                }
                finished.insert(offset);
                let first_open = taken.iter().find(|offset| !finished.contains(offset));
                match first_open {
                    // Everything below it is finished, it is not.
                    Some(&open) => {
                        prop_assert!(committed <= open);
                        prop_assert!(taken.iter().all(|t| *t >= open || *t < committed));
                    }
                    None => prop_assert_eq!(committed, taken[taken.len() - 1] + 1),
                }
                prop_assert_eq!(offsets.unfinished(), taken.len() - finished.len());
            }
        }
    }
}
