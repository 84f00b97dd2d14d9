//! Who waits for new records of a partition.
//!
//! A fetch registers the same [`Notify`] with every partition it asks for, then looks, then waits. An append wakes
//! all that are registered. Registration ends with the guard, so a partition that nobody writes to gathers nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The waiters of one partition.
#[derive(Debug, Default)]
pub struct Waiters {
    count: AtomicUsize,
    waiting: Mutex<HashMap<usize, Arc<Notify>>>,
}

/// Ends a registration when dropped.
#[derive(Debug)]
pub struct Registration<'a> {
    waiters: &'a Waiters,
    key: usize,
}

impl Waiters {
    /// Wakes `notify` at every append until the guard is dropped.
    pub fn register(&self, notify: &Arc<Notify>) -> Registration<'_> {
        // The address tells registrations apart: a fetch registers once with each partition.
        let key = Arc::as_ptr(notify) as usize;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(key, Arc::clone(notify));
        self.count.store(waiting.len(), Ordering::SeqCst);
        Registration { waiters: self, key }
    }

    /// Wakes everyone.
    pub fn wake(&self) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        for notify in self
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
        {
            notify.notify_one();
        }
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        let mut waiting = self
            .waiters
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        waiting.remove(&self.key);
        self.waiters.count.store(waiting.len(), Ordering::SeqCst);
    }
}
