//! The collector: one thread that reads the results, stores their pixels and remembers how far it read.
//!
//! **Positions.** The collector belongs to no consumer group. It assigns itself every partition of the results at the
//! position in SQLite, or at the beginning where there is none. A batch of results is handled in this order: the pixels
//! go to the job's scratch file; then *one* transaction marks the tiles and moves the positions; then the memory follows. A
//! crash before the transaction reads the same results again and writes the same pixels to the same place; a crash
//! after it has lost nothing. A position that the broker does not have (its log was trimmed, or it lost its data) starts over
//! at the earliest record; what that brings again is recognised, and what is gone for good is overdue and sent again.
//!
//! **Opening.** No tile is sent before the results that lay in the log at the start have been read: after a restart the
//! tiles that were out are mostly answered there. A partition is read when its position has passed what was its end, or when
//! the consumer says that it stands at the end: the last records may be none of ours (control batches of a transaction),
//! or may be deleted before they are read.
//!
//! **Strictness.** A record whose headers or length are not what they must be goes to the dead letters and the position
//! moves on. Results of unknown or ended jobs, and further ones of a tile that is done, are ignored.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;
use azulejo_protocol::{JobId, ResultHeader, Timestamp};
use azulejo_transport::from_message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, Message, OwnedHeaders};
use rdkafka::{Offset, TopicPartitionList};

use super::assembler;
use super::disk;
use super::live::Verdict;
use super::outcome::{Failure, Mark, store_batch};
use super::quiet::Quiet;
use super::run::Run;
use super::shared::Shared;
use super::store::tiles;

/// Most results in one transaction.
const BATCH: usize = 64;
/// Longest time that a result waits for its transaction while others keep coming.
const BATCH_TIME: Duration = Duration::from_millis(50);
/// How long a batch waits for one more result. Short: a tile's credit is free only once it is stored, so whatever waits
/// here keeps a worker idle.
const COMPANY: Duration = Duration::from_millis(2);
const BROKER_TIMEOUT: Duration = Duration::from_secs(5);

/// What was read and is not stored yet.
#[derive(Default)]
pub struct Batch {
    /// Next offset of each partition that something was read of.
    pub positions: HashMap<i32, i64>,
    /// Tiles whose pixels are in scratch.
    pub marks: Vec<Mark>,
    /// Error results.
    pub failures: Vec<Failure>,
    /// Jobs that cannot go on, and why.
    pub broken: Vec<(Arc<Run>, String)>,
    records: usize,
}

impl Batch {
    /// Whether this batch already has the pixels of the tile or, for an error, any answer.
    fn has(&self, job: JobId, tile: u32, error: bool) -> bool {
        self.marks
            .iter()
            .any(|mark| mark.run.spec.id() == job && mark.tile == tile)
            || (error
                && self
                    .failures
                    .iter()
                    .any(|other| other.run.spec.id() == job && other.tile == tile))
    }
}

/// Reads results until the engine stops or the topic gets more partitions. Returns early when the broker's partitions
/// cannot be read.
///
/// # Errors
/// The broker does not say which partitions there are, or librdkafka refuses the settings.
pub fn run(shared: &Arc<Shared>) -> anyhow::Result<()> {
    let consumer = consumer(shared)?;
    let mut behind = assign(shared, &consumer)?;
    let mut batch = Batch::default();
    let mut began = Instant::now();
    tell_what_goes_on(shared);
    // Partitions at whose end the consumer stands, though what it read of them may not be stored yet.
    let mut ended = Vec::new();
    open_when_caught_up(shared, &mut behind, &batch);
    while !shared.is_stopping() && !shared.results_grew.swap(false, Ordering::AcqRel) {
        let wait = if batch.records == 0 {
            Duration::from_millis(100)
        } else {
            COMPANY
        };
        let mut alone = false;
        match consumer.poll(wait) {
            Some(Ok(message)) => {
                if batch.records == 0 {
                    began = Instant::now();
                }
                take(shared, &message, &mut batch);
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => ended.push(partition),
            Some(Err(error)) => tracing::debug!(%error, "reading results"),
            None => alone = true,
        }
        let due = alone || batch.records >= BATCH || began.elapsed() >= BATCH_TIME;
        if batch.records > 0 && due {
            store(shared, std::mem::take(&mut batch), &mut behind);
        }
        if batch.records == 0 && !ended.is_empty() {
            behind.retain(|partition, _| !ended.contains(partition));
            ended.clear();
            open_when_caught_up(shared, &mut behind, &batch);
        }
    }
    if batch.records > 0 {
        store(shared, batch, &mut behind);
    }
    Ok(())
}

/// Before the first tile: workers may remember a cancellation of a job that goes on, because the process that took it back,
/// or ended the job without having stored that, died before it said so.
fn tell_what_goes_on(shared: &Shared) {
    let jobs: Vec<JobId> = {
        let core = shared.core();
        if core.open {
            return;
        }
        core.jobs().map(|job| job.run.spec.id()).collect()
    };
    if !jobs.is_empty() {
        shared.resume(jobs);
        shared.outbox.flush(BROKER_TIMEOUT);
    }
}

fn consumer(shared: &Shared) -> anyhow::Result<BaseConsumer<Quiet>> {
    let mut config = shared.config.kafka.consumer("azulejo-server-results");
    config
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("enable.partition.eof", "true")
        // A queue that was full for a moment is filled again at once, not after a second.
        .set("fetch.queue.backoff.ms", "5");
    // Only names the client: with partitions that it assigned itself it joins no group.
    config.set(
        "group.id",
        format!("{}-server", shared.config.topics.worker_group),
    );
    config
        .create_with_context(Quiet)
        .context("cannot make the consumer of results")
}

/// Assigns every partition; gives, for each, the offset up to which there were records at this moment.
fn assign(shared: &Shared, consumer: &BaseConsumer<Quiet>) -> anyhow::Result<HashMap<i32, i64>> {
    let topic = &shared.config.topics.results;
    let metadata = consumer
        .fetch_metadata(Some(topic), BROKER_TIMEOUT)
        .context("reading the partitions")?;
    let partitions: Vec<i32> = metadata
        .topics()
        .iter()
        .filter(|found| found.name() == topic)
        .flat_map(|found| found.partitions().iter().map(|partition| partition.id()))
        .collect();
    anyhow::ensure!(!partitions.is_empty(), "the topic {topic} has no partitions");
    let name = topic.clone();
    let stored: HashMap<i32, i64> = shared
        .store
        .read_blocking(move |db| tiles::positions(db, &name))?
        .into_iter()
        .collect();
    let mut list = TopicPartitionList::new();
    let mut behind = HashMap::new();
    for partition in partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition, BROKER_TIMEOUT)?;
        let position = match stored.get(&partition) {
            Some(offset) if (low..=high).contains(offset) => *offset,
            Some(offset) => {
                tracing::warn!(
                    partition,
                    offset,
                    low,
                    high,
                    "the results were cut off; reading what there is"
                );
                low
            }
            None => low,
        };
        list.add_partition_offset(topic, partition, Offset::Offset(position))?;
        if position < high {
            behind.insert(partition, high);
        }
    }
    consumer.assign(&list)?;
    shared.result_partitions.store(list.count(), Ordering::Release);
    Ok(behind)
}

fn open_when_caught_up(shared: &Shared, behind: &mut HashMap<i32, i64>, batch: &Batch) {
    behind.retain(|partition, end| {
        batch
            .positions
            .get(partition)
            .is_none_or(|position| position < end)
    });
    if behind.is_empty() {
        let mut core = shared.core();
        if !core.open {
            core.open = true;
            shared.state.wake();
        }
    }
}

/// Handles one record: its pixels go to scratch, everything else into `batch`.
fn take(shared: &Arc<Shared>, message: &BorrowedMessage<'_>, batch: &mut Batch) {
    batch.records += 1;
    batch.positions.insert(message.partition(), message.offset() + 1);
    let value = message.payload().unwrap_or_default();
    let header = match ResultHeader::from_headers(&from_message(message.headers()))
        .and_then(|header| header.check_value(value).map(|()| header))
    {
        Ok(header) => header,
        Err(error) => return refuse(shared, message, &error.to_string()),
    };
    let (run, verdict) = {
        let core = shared.core();
        let Some(job) = core.job(header.job) else { return };
        let verdict = match header.error {
            None => job.judge_pixels(header.tile),
            Some(_) => job.judge_error(header.tile, header.attempt),
        };
        (job.run.clone(), verdict)
    };
    let spec = &run.spec;
    if spec.grid.region(header.tile) != Some(header.output) {
        return refuse(shared, message, "the tile of this job has another rectangle");
    }
    if header.error.is_none() && header.format != spec.row.output_format {
        return refuse(shared, message, "the result of this job has another pixel format");
    }
    if verdict == Verdict::Duplicate || batch.has(header.job, header.tile, header.error.is_some()) {
        return;
    }
    if let Some(error) = header.error {
        batch.failures.push(Failure {
            run,
            tile: header.tile,
            attempt: header.attempt,
            worker: header.worker,
            micros: header.micros,
            error,
        });
        return;
    }
    if let Err(error) = run.write_tile(header.output, value) {
        let reason = disk::explain("storing a tile", &error);
        batch.broken.push((run, reason));
        return;
    }
    batch.marks.push(Mark {
        run,
        tile: header.tile,
        attempt: header.attempt,
        worker: header.worker,
        micros: header.micros,
        checksum: crc32fast::hash(value),
    });
}

fn refuse(shared: &Shared, message: &BorrowedMessage<'_>, reason: &str) {
    let place = format!("{}/{}/{}", message.topic(), message.partition(), message.offset());
    tracing::warn!(place, reason, "a result is refused");
    let headers = message
        .headers()
        .map_or_else(OwnedHeaders::new, |headers| headers.detach());
    let headers = headers
        .insert(Header {
            key: "refused",
            value: Some(reason),
        })
        .insert(Header {
            key: "from",
            value: Some(&place),
        });
    shared.outbox.dead_letter(
        message.key().unwrap_or_default(),
        message.payload().unwrap_or_default(),
        headers,
    );
}

/// Stores a batch and lets the memory, the encoder and the dispatchers follow.
fn store(shared: &Arc<Shared>, batch: Batch, behind: &mut HashMap<i32, i64>) {
    let now = Instant::now();
    let wall = Timestamp::now_utc();
    if !store_batch(shared, &batch, now, wall) {
        return;
    }
    open_when_caught_up(shared, behind, &batch);
    let mut jobs: Vec<&Arc<Run>> = Vec::new();
    for mark in &batch.marks {
        if !jobs.iter().any(|run| run.serial == mark.run.serial) {
            jobs.push(&mark.run);
        }
    }
    for run in jobs {
        shared.changed(run.spec.id());
        assembler::advance(shared, run);
    }
    for (run, reason) in &batch.broken {
        shared.fail(run, reason);
    }
    shared.state.wake();
}
