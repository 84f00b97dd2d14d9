//! Fetch: stored batches, as they are, from the files; if there are too few, as soon as there are more.
//!
//! Fetch sessions are not offered (the session id answered is always 0), so every request names its partitions.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::context::{Context, Failure};
use crate::blocking::blocking;
use crate::log::partition::{Partition, ReadError};
use crate::topics::Topic;
use crate::wire::request::Request;
use crate::wire::response::{self, FileRange, Reply};
use crate::wire::splice::{MAX_PLACEHOLDER, placeholder};

/// Longest wait for more records, whatever a client asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Records this close to the end of a log are in memory: they came in a moment ago.
const JUST_WRITTEN: i64 = 8;
/// Version of Fetch from which topics are named by their ids.
const TOPIC_IDS_SINCE: i16 = 13;

/// A topic of the request with its partitions, found.
struct Wanted {
    topic: Option<Arc<Topic>>,
    partitions: Vec<Option<Arc<Partition>>>,
}

pub async fn handle(context: &Context<'_>, request: &Request) -> Result<Reply, Failure> {
    let body: FetchRequest = request.body()?;
    if body.session_id != 0 {
        let error = ResponseError::FetchSessionIdNotFound.code();
        let message = FetchResponse::default().with_error_code(error);
        return response::encode(request, request.version, &message, Vec::new()).map_err(Failure::Encode);
    }
    let wanted: Vec<Wanted> = body
        .topics
        .iter()
        .map(|topic| find(context, request.version, topic))
        .collect();
    let deadline = Instant::now() + LONGEST_WAIT.min(Duration::from_millis(body.max_wait_ms.max(0) as u64));
    let notify = Arc::new(Notify::new());
    let mut registrations = Vec::new();
    loop {
        let found = if waits_for_disk(&body, &wanted) {
            blocking(|| read_all(request.version, &body, &wanted))
        } else {
            read_all(request.version, &body, &wanted)
        };
        let enough = found.bytes >= usize::try_from(body.min_bytes).unwrap_or(0);
        if enough || found.has_error || Instant::now() >= deadline {
            return found.encode(request);
        }
        if registrations.is_empty() {
            let partitions = wanted.iter().flat_map(|w| w.partitions.iter().flatten());
            registrations = partitions
                .map(|partition| partition.waiters().register(&notify))
                .collect();
            if !registrations.is_empty() {
                // Look again: something may have come in between.
                continue;
            }
        }
        let _ = tokio::time::timeout_at(deadline, notify.notified()).await;
    }
}

/// Whether reading may have to wait for the disk: not when there is nothing to read, nor for what was just written.
fn waits_for_disk(body: &FetchRequest, wanted: &[Wanted]) -> bool {
    let mut all = body.topics.iter().zip(wanted).flat_map(|(topic, wanted)| {
        let asked = topic.partitions.iter().map(|asked| asked.fetch_offset);
        asked.zip(&wanted.partitions)
    });
    all.any(|(offset, partition)| {
        let end = partition.as_ref().map_or(offset, |partition| partition.log_end());
        end.saturating_sub(offset) > JUST_WRITTEN
    })
}

fn find(
    context: &Context<'_>,
    version: i16,
    wanted: &kafka_protocol::messages::fetch_request::FetchTopic,
) -> Wanted {
    let topics = &context.shared.topics;
    let topic = if version >= TOPIC_IDS_SINCE {
        topics.get_by_id(wanted.topic_id)
    } else {
        topics.get(&wanted.topic)
    };
    let partition = |index| topic.as_ref().and_then(|topic| topic.partition(index));
    let partitions = wanted.partitions.iter().map(|p| partition(p.partition)).collect();
    Wanted { topic, partitions }
}

/// What a fetch comes to at this moment.
struct Found {
    responses: Vec<FetchableTopicResponse>,
    ranges: Vec<FileRange>,
    bytes: usize,
    has_error: bool,
}

impl Found {
    fn encode(self, request: &Request) -> Result<Reply, Failure> {
        let message = FetchResponse::default().with_responses(self.responses);
        response::encode(request, request.version, &message, self.ranges).map_err(Failure::Encode)
    }
}

fn read_all(version: i16, body: &FetchRequest, wanted: &[Wanted]) -> Found {
    let limit = usize::try_from(body.max_bytes).unwrap_or(0).min(MAX_PLACEHOLDER);
    let mut found = Found {
        responses: Vec::new(),
        ranges: Vec::new(),
        bytes: 0,
        has_error: false,
    };
    for (topic, wanted) in body.topics.iter().zip(wanted) {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for (asked, partition) in topic.partitions.iter().zip(&wanted.partitions) {
            let data = empty(asked.partition);
            let Some(partition) = partition.as_ref().filter(|partition| !partition.is_deleted()) else {
                let by_id = version >= TOPIC_IDS_SINCE && wanted.topic.is_none();
                let error = if by_id {
                    ResponseError::UnknownTopicId
                } else {
                    ResponseError::UnknownTopicOrPartition
                };
                found.has_error = true;
                partitions.push(data.with_error_code(error.code()));
                continue;
            };
            let room = limit.saturating_sub(found.bytes);
            let most = usize::try_from(asked.partition_max_bytes).unwrap_or(0).min(room);
            let read = partition.read(asked.fetch_offset, most as u64, found.bytes == 0);
            // A batch can be read a moment before the end of the log is moved behind it.
            let read_to = read
                .as_ref()
                .ok()
                .and_then(Option::as_ref)
                .map_or(0, |range| range.next_offset);
            let end = partition.log_end().max(read_to);
            let data = data
                .with_high_watermark(end)
                .with_last_stable_offset(end)
                .with_log_start_offset(partition.log_start());
            partitions.push(match read {
                Ok(Some(range)) if range.length <= MAX_PLACEHOLDER => {
                    found.bytes += range.length;
                    let data = data.with_records(Some(placeholder(range.length)));
                    found.ranges.push(range);
                    data
                }
                Ok(None) => data,
                Ok(Some(_)) => {
                    found.has_error = true;
                    data.with_error_code(ResponseError::MessageTooLarge.code())
                }
                Err(error) => {
                    found.has_error = true;
                    data.with_error_code(read_error(&error).code())
                }
            });
        }
        found.responses.push(
            FetchableTopicResponse::default()
                .with_topic(topic.topic.clone())
                .with_topic_id(topic.topic_id)
                .with_partitions(partitions),
        );
    }
    found
}

fn empty(index: i32) -> PartitionData {
    PartitionData::default()
        .with_partition_index(index)
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_aborted_transactions(Some(Vec::new()))
        .with_preferred_read_replica(BrokerId(-1))
        .with_records(Some(bytes::Bytes::new()))
}

fn read_error(error: &ReadError) -> ResponseError {
    match error {
        ReadError::OutOfRange { .. } => ResponseError::OffsetOutOfRange,
        ReadError::Deleted => ResponseError::UnknownTopicOrPartition,
        ReadError::Storage(error) => {
            tracing::error!(%error, "cannot read a log");
            ResponseError::KafkaStorageError
        }
    }
}
