//! Tasks that were taken from Kafka and wait for a slot, in the order in which they came.
//!
//! An inherited task, one that was meant for another process which perhaps died of it, is rendered with nothing else
//! in hand: it waits until every slot is free, and what came after it waits until it is done. If the worker dies of it, too,
//! no other tile is under suspicion.

use std::collections::VecDeque;

use crate::task::Task;

/// The tasks that wait, and whether an inherited one is being rendered.
#[derive(Debug, Default)]
pub struct Turns {
    waiting: VecDeque<Task>,
    alone: bool,
}

impl Turns {
    /// A task waits for its turn.
    pub fn add(&mut self, task: Task) {
        self.waiting.push_back(task);
    }

    /// The task whose turn it is while `busy` of `capacity` places are taken.
    pub fn next(&mut self, busy: usize, capacity: usize) -> Option<Task> {
        self.alone &= busy > 0;
        let inherited = self.waiting.front()?.inherited;
        let free = if inherited { busy == 0 } else { busy < capacity };
        if self.alone || !free {
            return None;
        }
        self.alone = inherited;
        self.waiting.pop_front()
    }

    /// Whether a task that came now could go to a slot at once, should it be an ordinary one.
    pub fn room(&self, busy: usize, capacity: usize) -> bool {
        self.waiting.is_empty() && busy < capacity && (busy == 0 || !self.alone)
    }

    /// Takes back the waiting tasks for which `which` holds, oldest first.
    pub fn take_back(&mut self, which: impl Fn(&Task) -> bool) -> Vec<Task> {
        let (back, stay) = self.waiting.drain(..).partition(|task| which(task));
        self.waiting = stay;
        Vec::from(back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::Assignment;
    use crate::task::tests::header;
    use azulejo_imaging::Region;

    fn task(offset: i64, inherited: bool) -> Task {
        let mut assignment = Assignment::default();
        assignment.assign([(offset % 2) as i32]);
        let all = Region::new(0, 0, 1, 1);
        Task {
            header: header("grayscale", all, all),
            pixels: Vec::new(),
            ticket: assignment.start((offset % 2) as i32, offset).unwrap(),
            inherited,
        }
    }

    fn next(turns: &mut Turns, busy: usize) -> Option<i64> {
        turns.next(busy, 3).map(|task| task.ticket.offset)
    }

    #[test]
    fn ordinary_tasks_go_out_as_long_as_there_is_room() {
        let mut turns = Turns::default();
        (0..4).for_each(|offset| turns.add(task(offset, false)));
        for offset in 0..3 {
            assert_eq!(next(&mut turns, offset as usize), Some(offset));
        }
        assert_eq!(next(&mut turns, 3), None);
        assert_eq!(next(&mut turns, 2), Some(3));
        assert!(turns.room(2, 3) && !turns.room(3, 3));
    }

    #[test]
    fn an_inherited_task_is_alone_and_the_order_stays() {
        let mut turns = Turns::default();
        for (offset, inherited) in [(0, false), (1, true), (2, true), (3, false)] {
            turns.add(task(offset, inherited));
        }
        assert_eq!(next(&mut turns, 0), Some(0));
        assert_eq!(next(&mut turns, 1), None, "a slot is busy");
        assert_eq!(next(&mut turns, 0), Some(1));
        assert_eq!(next(&mut turns, 1), None, "the inherited one is in hand");
        assert_eq!(next(&mut turns, 0), Some(2));
        assert_eq!(next(&mut turns, 1), None, "an ordinary one waits, too");
        assert!(!turns.room(1, 3));
        assert_eq!(next(&mut turns, 0), Some(3));
        assert!(turns.room(1, 3));
    }

    #[test]
    fn nothing_is_polled_while_an_inherited_task_is_in_hand() {
        let mut turns = Turns::default();
        turns.add(task(0, true));
        assert_eq!(next(&mut turns, 0), Some(0));
        assert!(!turns.room(1, 3));
        assert!(turns.room(0, 3), "it is done");
    }

    #[test]
    fn tasks_of_a_partition_can_be_taken_back() {
        let mut turns = Turns::default();
        (0..5).for_each(|offset| turns.add(task(offset, true)));
        let back = turns.take_back(|task| task.ticket.partition == 1);
        let offsets: Vec<i64> = back.iter().map(|task| task.ticket.offset).collect();
        assert_eq!(offsets, [1, 3]);
        assert_eq!(next(&mut turns, 0), Some(0));
    }
}
