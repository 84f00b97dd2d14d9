//! DeleteRecords: what lies before an offset is given up.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};

use super::context::Context;
use crate::blocking::blocking;
use crate::log::partition::ReadError;

pub fn delete(context: &Context<'_>, body: &DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = body.topics.iter().map(|asked| {
        let topic = context.shared.topics.get(&asked.name);
        let partitions = asked.partitions.iter().map(|asked| {
            let result = DeleteRecordsPartitionResult::default()
                .with_partition_index(asked.partition_index)
                .with_low_watermark(-1);
            let Some(partition) = topic
                .as_ref()
                .and_then(|topic| topic.partition(asked.partition_index))
            else {
                return result.with_error_code(ResponseError::UnknownTopicOrPartition.code());
            };
            let settings = partition.settings();
            if settings.compact && !settings.delete {
                // As in Kafka: the latest record of a key is meant to stay.
                return result.with_error_code(ResponseError::PolicyViolation.code());
            }
            match blocking(|| partition.delete_records(asked.offset)) {
                Ok(start) => result.with_low_watermark(start),
                Err(ReadError::OutOfRange { .. }) => {
                    result.with_error_code(ResponseError::OffsetOutOfRange.code())
                }
                Err(ReadError::Deleted) => {
                    result.with_error_code(ResponseError::UnknownTopicOrPartition.code())
                }
                Err(ReadError::Storage(error)) => {
                    tracing::error!(partition = asked.partition_index, %error, "cannot delete records");
                    result.with_error_code(ResponseError::KafkaStorageError.code())
                }
            }
        });
        let partitions = partitions.collect();
        DeleteRecordsTopicResult::default()
            .with_name(asked.name.clone())
            .with_partitions(partitions)
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}
