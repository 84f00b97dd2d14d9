//! The slots: one thread each, which renders tiles one after the other and publishes their results.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender};

use crate::control::Cancelled;
use crate::heartbeat;
use crate::monitor::Monitor;
use crate::publisher::{Event, Publisher};
use crate::task::{self, Task};

/// Memory of rendered tasks, for the next ones: a worker at full speed allocates nothing for its inputs.
#[derive(Debug, Default)]
pub struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// A copy of `bytes`, in memory that was used before where there is some.
    pub fn copy(&self, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
            .unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// Takes memory back; keeps at most `most` pieces.
    pub fn give_back(&self, buffer: Vec<u8>, most: usize) {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < most {
            free.push(buffer);
        }
    }
}

/// What every slot works with.
#[derive(Clone)]
pub struct Workshop {
    /// Tasks to render; the slots end when it is closed and empty.
    pub tasks: Receiver<Task>,
    /// Where results go.
    pub publisher: Publisher,
    /// Where the consumer's thread hears that a slot is free.
    pub events: Sender<Event>,
    /// Jobs that nobody waits for.
    pub cancelled: Arc<Cancelled>,
    /// The worker's account of itself.
    pub monitor: Arc<Monitor>,
    /// Spare memory.
    pub buffers: Arc<Buffers>,
}

/// Starts `count` slots.
///
/// # Errors
/// When the system gives no more threads.
pub fn spawn(count: usize, workshop: &Workshop) -> std::io::Result<Vec<JoinHandle<()>>> {
    (0..count)
        .map(|slot| {
            let workshop = workshop.clone();
            std::thread::Builder::new()
                .name(format!("slot-{slot}"))
                .spawn(move || workshop.run(slot, count))
        })
        .collect()
}

impl Workshop {
    fn run(self, slot: usize, count: usize) {
        for task in &self.tasks {
            self.work(slot, task, count);
            // The receiver lives on the consumer's thread, which outlives the tasks it handed out.
            let _ = self.events.send(Event::SlotFree);
        }
    }

    fn work(&self, slot: usize, task: Task, count: usize) {
        let Task {
            header,
            pixels,
            ticket,
            inherited,
        } = task;
        if self.cancelled.contains(header.job) {
            self.buffers.give_back(pixels, count + 1);
            let _ = self.events.send(Event::Answered(ticket));
            return;
        }
        self.monitor.begin(slot, header.job, header.tile);
        if inherited {
            let tile = format!("{}/{}/{}", header.job, header.tile, header.attempt);
            heartbeat::say_alone(&self.monitor, &self.publisher, tile);
        }
        let mut rendered = task::run(&header, pixels);
        if let Err(error) = &rendered.outcome {
            tracing::warn!(job = %header.job, tile = header.tile, attempt = header.attempt, "tile failed: {error}");
        }
        self.publisher.result(&header, &rendered, ticket);
        self.monitor.end(slot, rendered.micros, rendered.outcome.is_err());
        if inherited {
            self.monitor.set_alone(None);
            self.monitor.announce();
        }
        if let Some(spare) = rendered.spare.take() {
            self.buffers.give_back(spare, count + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_not_hoarded() {
        let buffers = Buffers::default();
        let first = buffers.copy(&[1; 1000]);
        let address = first.as_ptr();
        buffers.give_back(first, 1);
        buffers.give_back(vec![0; 10], 1);
        let second = buffers.copy(&[2; 900]);
        assert_eq!((second.as_ptr(), second.len()), (address, 900));
        assert_eq!(buffers.copy(&[3; 3]), [3; 3]);
    }
}
