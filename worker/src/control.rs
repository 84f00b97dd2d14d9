//! The topic `control`: which jobs nobody waits for any more.
//!
//! Every worker reads all of it, with a consumer of its own that is in no group. It begins a little before the end,
//! so that a worker that was started after a cancellation knows of it, too.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use azulejo_protocol::{ControlMessage, JobId};
use azulejo_transport::reader::{Event, Look};
use azulejo_transport::{Class, Occasionally, Reader, Start, Trouble};
use rdkafka::message::{BorrowedMessage, Message};
use tracing::{debug, info, warn};

use crate::config::Settings;
use crate::trouble::Troubles;

/// Cancelled jobs that are remembered. One that is forgotten costs the rendering of tiles that nobody reads.
const MAX_CANCELLED: usize = 10_000;

/// Records read from before the worker's start, per partition.
const LOOK_BACK: i64 = 1000;

/// Pause before the topic is looked up again.
const RETRY: Duration = Duration::from_secs(2);

/// How often it is looked whether the topic is as it was.
const LOOK: Duration = Duration::from_secs(5);

const POLL: Duration = Duration::from_millis(200);

/// The jobs cancelled last.
#[derive(Debug, Default)]
pub struct Cancelled(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    jobs: HashSet<JobId>,
    order: VecDeque<JobId>,
}

impl Cancelled {
    /// Whether tiles of `job` need not be rendered.
    pub fn contains(&self, job: JobId) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .jobs
            .contains(&job)
    }

    /// Follows a word from the server.
    pub fn apply(&self, message: &ControlMessage) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match message {
            ControlMessage::Cancel { job } => {
                if recent.jobs.insert(*job) {
                    recent.order.push_back(*job);
                }
                if recent.order.len() > MAX_CANCELLED
                    && let Some(oldest) = recent.order.pop_front()
                {
                    recent.jobs.remove(&oldest);
                }
            }
            ControlMessage::Resume { job } => {
                if recent.jobs.remove(job) {
                    recent.order.retain(|other| other != job);
                }
            }
        }
    }
}

/// Reads `control` on a thread of its own, for as long as somebody else has `cancelled`.
///
/// # Errors
/// The system gives no thread.
pub fn follow(
    settings: &Settings,
    cancelled: &Arc<Cancelled>,
    troubles: &Arc<Troubles>,
) -> std::io::Result<()> {
    let (settings, troubles) = (settings.clone(), Arc::clone(troubles));
    let cancelled = Arc::downgrade(cancelled);
    std::thread::Builder::new()
        .name("control".into())
        .spawn(move || {
            while cancelled.strong_count() > 0 {
                match read(&settings, &cancelled, &troubles) {
                    Err(trouble) if trouble.class == Class::Installation => {
                        troubles.report(&settings.topics.control, &trouble.reason);
                    }
                    Err(trouble) => warn!("cannot read cancellations yet: {trouble}"),
                    Ok(()) => {}
                }
                std::thread::sleep(RETRY);
            }
        })
        .map(drop)
}

/// Reads until the topic is gone, or nobody wants to know any more.
fn read(settings: &Settings, cancelled: &Weak<Cancelled>, troubles: &Troubles) -> Result<(), Trouble> {
    let topic = &settings.topics.control;
    // The group is never joined; under a prefix rights may be given by it all the same.
    let group = format!("{}-control", settings.topics.worker_group);
    let mut reader = Reader::open(
        &settings.kafka,
        &settings.id,
        &group,
        topic,
        &Start::Tail(LOOK_BACK),
    )?;
    let mut looked = Instant::now();
    let quiet = Occasionally::default();
    loop {
        match reader.poll(POLL) {
            Some(Event::Record(record)) => {
                let Some(cancelled) = cancelled.upgrade() else {
                    return Ok(());
                };
                troubles.clear(topic);
                follow_record(&record, topic, &cancelled);
            }
            Some(Event::Trouble(trouble)) if trouble.class == Class::Installation => {
                troubles.report(topic, &trouble.reason);
            }
            Some(Event::Trouble(trouble)) if quiet.now() => warn!("Kafka: {trouble}; trying again"),
            Some(Event::Trouble(trouble)) => debug!("Kafka: {trouble}"),
            Some(Event::End(_)) | None if cancelled.strong_count() == 0 => return Ok(()),
            Some(Event::End(_)) => troubles.clear(topic),
            None => {}
        }
        if looked.elapsed() > LOOK {
            looked = Instant::now();
            match reader.look() {
                Look::Gone => {
                    warn!("the topic '{topic}' is gone; waiting until the server has made it again");
                    return Ok(());
                }
                Look::Anew => {
                    info!("the topic '{topic}' was made again");
                    return Ok(());
                }
                Look::Same | Look::Grown => {}
            }
        }
    }
}

fn follow_record(record: &BorrowedMessage<'_>, topic: &str, cancelled: &Cancelled) {
    match ControlMessage::from_json(record.payload().unwrap_or_default()) {
        Ok(None) => debug!(
            offset = record.offset(),
            "a word of '{topic}' that is not known here"
        ),
        Ok(Some(message)) => {
            info!(?message, "control");
            cancelled.apply(&message);
        }
        Err(error) => warn!(
            offset = record.offset(),
            "a record of '{topic}' does not parse: {error}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn job(number: usize) -> JobId {
        JobId(Uuid::from_u128(number as u128))
    }

    #[test]
    fn a_resumed_job_is_rendered_again() {
        let cancelled = Cancelled::default();
        cancelled.apply(&ControlMessage::Cancel { job: job(1) });
        assert!(cancelled.contains(job(1)) && !cancelled.contains(job(2)));
        cancelled.apply(&ControlMessage::Resume { job: job(1) });
        assert!(!cancelled.contains(job(1)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let cancelled = Cancelled::default();
        for number in 0..=MAX_CANCELLED {
            cancelled.apply(&ControlMessage::Cancel { job: job(number) });
            cancelled.apply(&ControlMessage::Cancel { job: job(number) });
        }
        assert!(
            !cancelled.contains(job(0))
                && cancelled.contains(job(1))
                && cancelled.contains(job(MAX_CANCELLED))
        );
    }
}
