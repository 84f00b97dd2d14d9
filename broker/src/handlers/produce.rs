//! Produce: checked, given offsets, stored as they came.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::context::{Context, Failure, sentence, text};
use crate::blocking::blocking;
use crate::clock::now_ms;
use crate::log::batch::{BatchHeader, ZSTD};
use crate::log::partition::AppendError;
use crate::log::produced::BatchError;
use crate::log::producers::SequenceError;
use crate::topics::Topic;
use crate::wire::request::Request;
use crate::wire::response::{self, Reply};

/// Version of Produce from which zstd may be used.
const ZSTD_SINCE: i16 = 7;

pub fn handle(context: &Context<'_>, request: &Request) -> Result<Reply, Failure> {
    let body: ProduceRequest = request.body()?;
    let refused = if !matches!(body.acks, -1..=1) {
        Some((
            ResponseError::InvalidRequiredAcks,
            format!("acks={}: it is 0, 1 or all", body.acks),
        ))
    } else if body.transactional_id.is_some() {
        let why = "transactions are not offered by this broker".to_owned();
        Some((ResponseError::TransactionalIdAuthorizationFailed, why))
    } else {
        None
    };
    let responses: Vec<TopicProduceResponse> = blocking(|| {
        let topics = body.topic_data.iter().map(|data| {
            let topic = context.shared.topics.get(&data.name);
            let partitions = data.partition_data.iter().map(|partition| match &refused {
                Some((error, why)) => failed(partition.index, *error, why.clone()),
                None => store(request.version, topic.as_deref(), partition),
            });
            TopicProduceResponse::default()
                .with_name(data.name.clone())
                .with_partition_responses(partitions.collect())
        });
        topics.collect()
    });
    if body.acks == 0 {
        let mut partitions = responses.iter().flat_map(|topic| &topic.partition_responses);
        let refused = partitions.find(|partition| partition.error_code != 0);
        return match refused.and_then(|partition| partition.error_message.as_ref()) {
            // As Kafka does: a client without acknowledgements would never learn of it otherwise.
            Some(why) => Err(Failure::Unanswered(why.to_string())),
            None => Ok(Reply::None),
        };
    }
    let message = ProduceResponse::default().with_responses(responses);
    response::encode(request, request.version, &message, Vec::new()).map_err(Failure::Encode)
}

fn failed(index: i32, error: ResponseError, why: String) -> PartitionProduceResponse {
    PartitionProduceResponse::default()
        .with_index(index)
        .with_error_code(error.code())
        .with_base_offset(-1)
        .with_log_append_time_ms(-1)
        .with_error_message(Some(text(why)))
}

fn store(version: i16, topic: Option<&Topic>, data: &PartitionProduceData) -> PartitionProduceResponse {
    let index = data.index;
    let Some(partition) = topic.and_then(|topic| topic.partition(index)) else {
        return failed(
            index,
            ResponseError::UnknownTopicOrPartition,
            "there is no such partition".to_owned(),
        );
    };
    let batch = data.records.as_deref().unwrap_or_default();
    if version < ZSTD_SINCE && BatchHeader::read(batch).is_some_and(|header| header.compression() == ZSTD) {
        let why = "zstd needs Produce version 7 or later".to_owned();
        return failed(index, ResponseError::UnsupportedCompressionType, why);
    }
    match partition.append(batch, now_ms()) {
        Ok(appended) => PartitionProduceResponse::default()
            .with_index(index)
            .with_base_offset(appended.base_offset)
            .with_log_append_time_ms(appended.append_time.unwrap_or(-1))
            .with_log_start_offset(partition.log_start()),
        Err(error) => {
            let topic = topic.map_or("", |topic| &topic.name);
            if let AppendError::Storage(error) = &error {
                tracing::error!(topic, partition = index, %error, "cannot write to a log");
            } else {
                tracing::debug!(topic, partition = index, %error, "records refused");
            }
            let message = sentence(&error).map(|s| s.to_string()).unwrap_or_default();
            failed(index, response_error(&error), message)
        }
    }
}

fn response_error(error: &AppendError) -> ResponseError {
    match error {
        AppendError::Batch(BatchError::Corrupt(_)) => ResponseError::CorruptMessage,
        AppendError::Batch(BatchError::Invalid(_)) => ResponseError::InvalidRecord,
        AppendError::Batch(BatchError::OldFormat(_)) => ResponseError::UnsupportedForMessageFormat,
        AppendError::Batch(BatchError::AppendTime) | AppendError::Timestamp(_) => {
            ResponseError::InvalidTimestamp
        }
        AppendError::Keyless => ResponseError::InvalidRecord,
        AppendError::Batch(BatchError::Transactional) => ResponseError::InvalidTxnState,
        AppendError::TooLarge { .. } => ResponseError::MessageTooLarge,
        AppendError::Sequence(SequenceError::OutOfOrder { .. }) => ResponseError::OutOfOrderSequenceNumber,
        AppendError::Sequence(SequenceError::OldEpoch { .. }) => ResponseError::InvalidProducerEpoch,
        AppendError::Deleted => ResponseError::UnknownTopicOrPartition,
        AppendError::Storage(_) | AppendError::Failed => ResponseError::KafkaStorageError,
    }
}
