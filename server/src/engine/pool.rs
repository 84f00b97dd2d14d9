//! A few threads for long work with files: decoding, encoding, checking scratch files. Kept apart from the async
//! runtime's blocking threads, so that neither starves the other, and few, so that memory stays bounded.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::Context;

type Work = Box<dyn FnOnce() + Send>;

/// Threads that take work from one queue.
pub struct Pool {
    queue: Mutex<Option<Sender<Work>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Pool {
    /// Starts `threads` threads.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(name: &str, threads: usize) -> anyhow::Result<Self> {
        let (queue, work) = mpsc::channel();
        let work = Arc::new(Mutex::new(work));
        let threads = (0..threads)
            .map(|_| {
                let work = work.clone();
                std::thread::Builder::new()
                    .name(name.to_owned())
                    .spawn(move || serve(&work))
            })
            .collect::<Result<_, _>>()
            .with_context(|| format!("cannot start the threads '{name}'"))?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            threads: Mutex::new(threads),
        })
    }

    /// Queues `work`. After [`Pool::close`] it is dropped.
    pub fn submit(&self, work: impl FnOnce() + Send + 'static) {
        if let Some(queue) = &*self.queue.lock().unwrap_or_else(PoisonError::into_inner) {
            // The threads live as long as the queue.
            drop(queue.send(Box::new(work)));
        }
    }

    /// Finishes what is queued and ends the threads.
    pub fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
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

fn serve(work: &Mutex<Receiver<Work>>) {
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(next) = next else { return };
        // One bad file must not cost the installation a thread.
        if catch_unwind(AssertUnwindSafe(next)).is_err() {
            tracing::error!("work with a job's files ended in a panic");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_panic_does_not_end_the_pool_and_closing_finishes_the_queue() {
        let pool = Pool::start("test", 1).unwrap();
        let count = Arc::new(AtomicU32::new(0));
        pool.submit(|| panic!("on purpose"));
        for _ in 0..10 {
            let count = count.clone();
            pool.submit(move || {
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
        pool.close();
        assert_eq!(count.load(Ordering::Relaxed), 10);
    }
}
