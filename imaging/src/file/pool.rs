//! Threads that pack pieces of a file, whose results come back in the order in which the pieces were handed over.
//!
//! So the file is the same whatever the number of threads. What is under way or waits for a slower piece before it is bounded.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::FileError;

/// Most threads that are started.
const MAX_THREADS: usize = 16;

/// A piece to pack.
pub(super) trait Job: Send + 'static {
    /// What becomes of it.
    type Done: Send + 'static;

    /// Packs it.
    fn run(self) -> Result<Self::Done, FileError>;
}

/// What is told of a packed piece.
pub(super) type Put<'a, J> = dyn FnMut(<J as Job>::Done) -> Result<(), FileError> + 'a;

type Outcome<J> = (u64, Result<<J as Job>::Done, FileError>);

/// The threads, and the pieces that are done but not yet due.
pub(super) struct Pool<J: Job> {
    /// `None` where the caller's own thread does the work, and after the end.
    jobs: Option<Sender<(u64, J)>>,
    done: Receiver<Outcome<J>>,
    threads: Vec<JoinHandle<()>>,
    waiting: BTreeMap<u64, Result<J::Done, FileError>>,
    /// Pieces handed over, and those that were put.
    taken: u64,
    put: u64,
}

impl<J: Job> Pool<J> {
    /// With that many threads; 0 or 1 is the caller's own.
    pub(super) fn new(threads: usize) -> Self {
        let (jobs, receiver) = channel::<(u64, J)>();
        let (sender, done) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let count = if threads > 1 { threads.min(MAX_THREADS) } else { 0 };
        let threads: Vec<JoinHandle<()>> = (0..count)
            .map(|_| {
                let (receiver, sender) = (Arc::clone(&receiver), sender.clone());
                std::thread::spawn(move || work(&receiver, &sender))
            })
            .collect();
        Self {
            jobs: (count > 0).then_some(jobs),
            done,
            threads,
            waiting: BTreeMap::new(),
            taken: 0,
            put: 0,
        }
    }

    /// Hands over a piece. `put` gets those that are done and due, in order; it is waited for where too many are under way.
    pub(super) fn submit(&mut self, job: J, put: &mut Put<'_, J>) -> Result<(), FileError> {
        let Some(jobs) = &self.jobs else {
            return put(job.run()?);
        };
        jobs.send((self.taken, job)).map_err(|_| gone())?;
        self.taken += 1;
        let window = 2 * self.threads.len() as u64;
        while let Ok((index, result)) = self.done.try_recv() {
            self.waiting.insert(index, result);
        }
        while self.waiting.contains_key(&self.put) || self.taken - self.put >= window {
            self.put_next(put)?;
        }
        Ok(())
    }

    /// Waits for all that is left.
    pub(super) fn finish(&mut self, put: &mut Put<'_, J>) -> Result<(), FileError> {
        self.jobs = None;
        while self.put < self.taken {
            self.put_next(put)?;
        }
        Ok(())
    }

    /// Puts the piece that is due, once it is done.
    fn put_next(&mut self, put: &mut Put<'_, J>) -> Result<(), FileError> {
        let result = loop {
            if let Some(result) = self.waiting.remove(&self.put) {
                break result;
            }
            let (index, result) = self.done.recv().map_err(|_| gone())?;
            self.waiting.insert(index, result);
        };
        self.put += 1;
        put(result?)
    }
}

impl<J: Job> Drop for Pool<J> {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // What it had was given up.
            let _ = thread.join();
        }
    }
}

fn work<J: Job>(jobs: &Mutex<Receiver<(u64, J)>>, done: &Sender<Outcome<J>>) {
    loop {
        let job = match jobs.lock() {
            Ok(jobs) => jobs.recv(),
            Err(_) => return,
        };
        let Ok((index, job)) = job else { return };
        // A piece that is missing would be waited for.
        let result = catch_unwind(AssertUnwindSafe(|| job.run())).unwrap_or_else(|_| Err(gone()));
        if done.send((index, result)).is_err() {
            return;
        }
    }
}

fn gone() -> FileError {
    FileError::unsupported("a compressing thread ended early")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes longer the smaller its number is, so that later ones are done first.
    struct Late(u64);

    impl Job for Late {
        type Done = u64;

        fn run(self) -> Result<u64, FileError> {
            let turns = if self.0.is_multiple_of(7) { 200_000 } else { 10 };
            std::hint::black_box((0..turns).map(std::hint::black_box).sum::<u64>());
            assert!(self.0 != 1000, "a piece that is not packed");
            Ok(self.0)
        }
    }

    #[test]
    fn pieces_come_back_in_order_and_never_too_many_are_under_way() {
        for threads in [0, 1, 2, 5] {
            let mut pool = Pool::new(threads);
            let mut order = Vec::new();
            for index in 0..200 {
                pool.submit(Late(index), &mut |done| {
                    order.push(done);
                    Ok(())
                })
                .unwrap();
                assert!(index + 1 - (order.len() as u64) < 2 * threads.max(1) as u64);
            }
            pool.finish(&mut |done| {
                order.push(done);
                Ok(())
            })
            .unwrap();
            assert_eq!(order, (0..200).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_piece_whose_thread_panics_is_an_error_and_not_waited_for() {
        let mut pool = Pool::new(2);
        pool.submit(Late(1000), &mut |_| Ok(())).unwrap();
        pool.submit(Late(1), &mut |_| Ok(())).unwrap();
        assert!(pool.finish(&mut |_| Ok(())).is_err());
    }
}
