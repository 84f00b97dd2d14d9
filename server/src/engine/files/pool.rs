//! A few threads for long work with files: decoding, encoding, checking scratch files. Kept apart from the async runtime's
//! blocking threads, so that neither starves the other, and few, so that memory stays bounded.
//!
//! Work is done in steps of about a tenth of a second; after a step it goes to the back of the queue. So the decoding of a
//! small image waits for a step of each of those before it, and not for their end.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::engine::threads::{self, Alarm};

/// Work that can be left off and taken up.
pub trait Work: Send {
    /// Does a part of it.
    fn step(&mut self) -> Next;

    /// A step ended in a panic: the work is given up.
    fn panicked(&mut self);
}

/// What comes after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The next step.
    Again,
    /// The next step, not before this time has passed.
    Later(Duration),
    /// Nothing.
    Done,
}

#[derive(Default)]
struct Queue {
    ready: VecDeque<Box<dyn Work>>,
    later: BTreeMap<(Instant, u64), Box<dyn Work>>,
    counter: u64,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    bell: Condvar,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next work that is due; `None` when the pool is closed and nothing is ready.
    fn next(&self) -> Option<Box<dyn Work>> {
        let mut queue = self.queue();
        loop {
            let now = Instant::now();
            while queue
                .later
                .first_key_value()
                .is_some_and(|((at, _), _)| *at <= now)
            {
                if let Some((_, work)) = queue.later.pop_first() {
                    queue.ready.push_back(work);
                }
            }
            if let Some(work) = queue.ready.pop_front() {
                return Some(work);
            }
            if queue.closed {
                return None;
            }
            let nap = queue
                .later
                .first_key_value()
                .map_or(Duration::from_secs(60), |((at, _), _)| {
                    at.saturating_duration_since(now)
                });
            queue = self
                .bell
                .wait_timeout(queue, nap)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn put(&self, work: Box<dyn Work>, pause: Option<Duration>) {
        let mut queue = self.queue();
        // What was left off when the engine ends is taken up by the next start.
        if queue.closed {
            return;
        }
        match pause {
            None => queue.ready.push_back(work),
            Some(pause) => {
                queue.counter += 1;
                let key = (Instant::now() + pause, queue.counter);
                queue.later.insert(key, work);
            }
        }
        drop(queue);
        self.bell.notify_one();
    }
}

/// Threads that take work from one queue.
pub struct Pool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Pool {
    /// Starts `threads` threads.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(name: &str, threads: usize, alarm: &Alarm) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::default());
        let threads = (0..threads)
            .map(|_| {
                let (work, over) = (shared.clone(), shared.clone());
                threads::spawn(name, alarm, move || over.queue().closed, move || serve(&work))
            })
            .collect::<Result<_, _>>()
            .with_context(|| format!("cannot start the threads '{name}'"))?;
        Ok(Self {
            shared,
            threads: Mutex::new(threads),
        })
    }

    /// Queues `work`. After [`Pool::close`] it is dropped.
    pub fn submit(&self, work: Box<dyn Work>) {
        self.shared.put(work, None);
    }

    /// Ends the threads after the steps that are under way.
    pub fn close(&self) {
        {
            let mut queue = self.shared.queue();
            queue.closed = true;
            queue.later.clear();
            queue.ready.clear();
        }
        self.shared.bell.notify_all();
        for thread in self
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            drop(thread.join());
        }
    }
}

fn serve(shared: &Shared) {
    while let Some(mut work) = shared.next() {
        match catch_unwind(AssertUnwindSafe(|| work.step())) {
            Ok(Next::Again) => shared.put(work, None),
            Ok(Next::Later(pause)) => shared.put(work, Some(pause)),
            Ok(Next::Done) => {}
            // One bad file must not cost the installation a thread.
            Err(_) => {
                tracing::error!("work with a job's files ended in a panic");
                work.panicked();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    struct Steps {
        name: &'static str,
        left: u32,
        panics: bool,
        told: Sender<String>,
    }

    impl Work for Steps {
        fn step(&mut self) -> Next {
            assert!(!self.panics, "on purpose");
            drop(self.told.send(self.name.to_owned()));
            self.left -= 1;
            match self.left {
                0 => Next::Done,
                left if left % 2 == 0 => Next::Later(Duration::from_millis(1)),
                _ => Next::Again,
            }
        }

        fn panicked(&mut self) {
            drop(self.told.send(format!("{} panicked", self.name)));
        }
    }

    #[test]
    fn short_work_does_not_wait_for_long_work_and_a_panic_ends_only_its_own() {
        let pool = Pool::start("test", 1, &(Arc::new(|_: &str| {}) as Alarm)).unwrap();
        let (told, heard) = channel();
        let work = |name, left, panics| {
            Box::new(Steps {
                name,
                left,
                panics,
                told: told.clone(),
            })
        };
        pool.submit(work("bad", 1, true));
        pool.submit(work("long", 100, false));
        pool.submit(work("short", 1, false));
        drop(told);
        let order: Vec<String> = heard.iter().take(102).collect();
        pool.close();
        assert_eq!(order[0], "bad panicked");
        let short = order.iter().position(|name| name == "short").unwrap();
        assert!(short <= 3, "{order:?}");
        assert_eq!(order.iter().filter(|name| *name == "long").count(), 100);
    }
}
