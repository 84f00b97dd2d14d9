//! Which jobs are active, and whose turn it is.
//!
//! An active job has open files, a decoder and a mosaic in memory, so only some can be. Places are divided into lanes by the
//! size of the jobs: a job of a few tiles never waits behind jobs of thousands, whatever their number. Within a lane jobs go in
//! the order of their arrival. A place that its own lane does not need goes to a smaller job, which will not keep it long;
//! never to a larger one. Every lane has places of its own and active jobs take turns tile by tile, so each job gets on.

use std::collections::VecDeque;

use azulejo_protocol::JobId;

/// Tiles up to which a job belongs to each lane; the last lane takes the rest.
const LIMITS: [u32; LANES - 1] = [16, 256, 4096];
/// Lanes.
pub const LANES: usize = 4;
/// Places of each lane.
pub const PLACES: usize = 4;

/// The lane of a job that has so many tiles to do.
pub fn lane(tiles: u32) -> usize {
    LIMITS
        .iter()
        .position(|limit| tiles <= *limit)
        .unwrap_or(LANES - 1)
}

/// Jobs that wait, and jobs that are active.
#[derive(Debug, Default)]
pub struct Lanes {
    waiting: [VecDeque<JobId>; LANES],
    taken: [usize; LANES],
    /// Active jobs with the lane whose place they have; the next one first.
    turns: VecDeque<(JobId, usize)>,
}

impl Lanes {
    /// A job with so many tiles to do waits for a place.
    pub fn wait(&mut self, job: JobId, tiles: u32) {
        self.waiting[lane(tiles)].push_back(job);
    }

    /// The next job that gets a place, if there is one for it.
    pub fn activate(&mut self) -> Option<JobId> {
        let free = |taken: usize| taken < PLACES;
        let own = (0..LANES).find(|lane| free(self.taken[*lane]) && !self.waiting[*lane].is_empty());
        let (from, place) = match own {
            Some(lane) => (lane, lane),
            None => {
                let place = (0..LANES).find(|lane| free(self.taken[*lane]))?;
                let place = (place..LANES).find(|place| {
                    free(self.taken[*place]) && (0..*place).any(|lane| !self.waiting[lane].is_empty())
                })?;
                let from = (0..place).find(|lane| !self.waiting[*lane].is_empty())?;
                (from, place)
            }
        };
        let job = self.waiting[from].pop_front()?;
        self.taken[place] += 1;
        self.turns.push_back((job, place));
        Some(job)
    }

    /// Takes a job out, wherever it is.
    pub fn remove(&mut self, job: JobId) {
        for waiting in &mut self.waiting {
            waiting.retain(|other| *other != job);
        }
        if let Some(index) = self.turns.iter().position(|(other, _)| *other == job)
            && let Some((_, place)) = self.turns.remove(index)
        {
            self.taken[place] -= 1;
        }
    }

    /// Active jobs.
    pub fn active(&self) -> usize {
        self.turns.len()
    }

    /// The job whose turn it is; the turn passes to the next.
    pub fn turn(&mut self) -> Option<JobId> {
        let next = self.turns.pop_front()?;
        self.turns.push_back(next);
        Some(next.0)
    }

    /// The turn did not use what it was given: it stays with the job.
    pub fn give_back_turn(&mut self) {
        if let Some(last) = self.turns.pop_back() {
            self.turns.push_front(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(number: u128) -> JobId {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&number.to_be_bytes());
        JobId(uuid::Uuid::from_bytes(bytes))
    }

    #[test]
    fn a_small_job_does_not_wait_behind_large_ones() {
        let mut lanes = Lanes::default();
        for number in 0..40 {
            lanes.wait(job(number), 1000);
        }
        let mut active = 0;
        while lanes.activate().is_some() {
            active += 1;
        }
        assert_eq!(active, 2 * PLACES, "its own places and those of the larger lane");
        lanes.wait(job(100), 1);
        assert_eq!(lanes.activate(), Some(job(100)));
        assert_eq!(lanes.activate(), None);
    }

    #[test]
    fn places_of_smaller_jobs_are_kept_for_them_and_those_of_larger_ones_come_back() {
        let mut lanes = Lanes::default();
        for number in 0..40 {
            lanes.wait(job(number), 1);
        }
        let mut active = Vec::new();
        while let Some(job) = lanes.activate() {
            active.push(job);
        }
        assert_eq!(active.len(), LANES * PLACES);
        lanes.wait(job(100), 1 << 20);
        assert_eq!(lanes.activate(), None);
        // The places of the largest lane were lent last.
        lanes.remove(active[LANES * PLACES - 1]);
        assert_eq!(lanes.activate(), Some(job(100)));
    }

    #[test]
    fn jobs_take_turns() {
        let mut lanes = Lanes::default();
        for number in 0..3 {
            lanes.wait(job(number), 1);
        }
        while lanes.activate().is_some() {}
        let turns: Vec<_> = (0..4).filter_map(|_| lanes.turn()).collect();
        assert_eq!(turns, [job(0), job(1), job(2), job(0)]);
        lanes.give_back_turn();
        assert_eq!(lanes.turn(), Some(job(0)));
        lanes.remove(job(1));
        assert_eq!(lanes.turn(), Some(job(2)));
        assert_eq!(lanes.active(), 2);
    }
}
