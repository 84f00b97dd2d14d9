//! The partitions that this worker holds, and what is under way in each.
//!
//! A [`Ticket`] goes along with every record that was taken and comes back when its result is acknowledged. It carries
//! the generation of the partition's assignment: a partition can be taken away and given back while a tile renders,
//! and what finishes then says nothing about the new assignment, which reads that record again.

use std::collections::BTreeMap;

use crate::offsets::PartitionOffsets;

/// One record that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// Partition of `tasks`.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Which assignment of the partition it was taken under.
    generation: u64,
}

#[derive(Debug)]
struct Held {
    generation: u64,
    offsets: PartitionOffsets,
}

/// The partitions held.
#[derive(Debug, Default)]
pub struct Assignment {
    held: BTreeMap<i32, Held>,
    generation: u64,
}

impl Assignment {
    /// `partitions` were given to this worker.
    pub fn assign(&mut self, partitions: impl IntoIterator<Item = i32>) {
        self.generation += 1;
        for partition in partitions {
            let held = Held {
                generation: self.generation,
                offsets: PartitionOffsets::default(),
            };
            self.held.insert(partition, held);
        }
    }

    /// `partitions` were taken away. What is under way in them no longer counts for offsets.
    pub fn revoke(&mut self, partitions: &[i32]) {
        self.generation += 1;
        for partition in partitions {
            self.held.remove(partition);
        }
    }

    /// A record was taken. `None` when its partition is not held: it was prefetched before a revocation.
    pub fn start(&mut self, partition: i32, offset: i64) -> Option<Ticket> {
        let held = self.held.get_mut(&partition)?;
        held.offsets.start(offset);
        Some(Ticket {
            partition,
            offset,
            generation: held.generation,
        })
    }

    /// A record is done with. Returns the offset to commit when its partition is still held under the same
    /// assignment and its finished prefix grew.
    pub fn finish(&mut self, ticket: Ticket) -> Option<i64> {
        let held = self.held.get_mut(&ticket.partition)?;
        if held.generation != ticket.generation {
            return None;
        }
        held.offsets.finish(ticket.offset)
    }

    /// A record and what was taken after it in its partition are left as if they had never been taken.
    pub fn put_back(&mut self, ticket: Ticket) {
        if let Some(held) = self.held.get_mut(&ticket.partition)
            && held.generation == ticket.generation
        {
            held.offsets.forget_from(ticket.offset);
        }
    }

    /// Records under way in `partitions`.
    pub fn unfinished_in(&self, partitions: &[i32]) -> usize {
        partitions
            .iter()
            .filter_map(|p| self.held.get(p))
            .map(|held| held.offsets.unfinished())
            .sum()
    }

    /// The partitions held, in order.
    pub fn partitions(&self) -> Vec<i32> {
        self.held.keys().copied().collect()
    }

    /// Counts up with every change.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_of_an_earlier_assignment_does_not_move_the_new_ones_offset() {
        let mut assignment = Assignment::default();
        assignment.assign([0, 1]);
        let old = assignment.start(0, 10).unwrap();
        assignment.revoke(&[0]);
        assert_eq!(assignment.finish(old), None, "not held any more");
        assignment.assign([0]);
        let new = assignment.start(0, 10).unwrap();
        assert_eq!(assignment.finish(old), None, "another assignment");
        assert_eq!(assignment.finish(new), Some(11));
    }

    #[test]
    fn records_of_a_partition_that_is_not_held_are_left_to_its_owner() {
        let mut assignment = Assignment::default();
        assignment.assign([3]);
        assert_eq!(assignment.start(4, 0), None);
        assignment.start(3, 0).unwrap();
        assert_eq!(assignment.unfinished_in(&[3, 4]), 1);
        assert_eq!(assignment.partitions(), [3]);
    }

    #[test]
    fn giving_one_partition_leaves_the_others_as_they_are() {
        let mut assignment = Assignment::default();
        assignment.assign([0]);
        let ticket = assignment.start(0, 5).unwrap();
        assignment.assign([1]);
        assert_eq!(assignment.finish(ticket), Some(6));
    }
}
