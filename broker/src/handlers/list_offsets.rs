//! ListOffsets: the earliest, the latest, the one at a point in time.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use super::context::Context;
use crate::blocking::blocking;
use crate::log::partition::Partition;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
/// Without tiered storage the same as the earliest.
const EARLIEST_LOCAL: i64 = -4;
/// The latest in tiered storage: there is none.
const LATEST_TIERED: i64 = -5;

/// Version of ListOffsets from which the leader epoch is told.
const EPOCH_SINCE: i16 = 4;

pub fn handle(context: &Context<'_>, version: i16, request: &ListOffsetsRequest) -> ListOffsetsResponse {
    let topics = request.topics.iter().map(|asked| {
        let topic = context.shared.topics.get(&asked.name);
        let partitions = asked.partitions.iter().map(|asked| {
            let response = ListOffsetsPartitionResponse::default()
                .with_partition_index(asked.partition_index)
                .with_timestamp(-1)
                .with_offset(-1);
            let Some(partition) = topic
                .as_ref()
                .and_then(|topic| topic.partition(asked.partition_index))
            else {
                return response.with_error_code(ResponseError::UnknownTopicOrPartition.code());
            };
            match blocking(|| look_up(&partition, asked.timestamp)) {
                Ok((offset, timestamp)) => {
                    let leader_epoch = if offset < 0 || version < EPOCH_SINCE {
                        -1
                    } else {
                        0
                    };
                    response
                        .with_offset(offset)
                        .with_timestamp(timestamp)
                        .with_leader_epoch(leader_epoch)
                }
                Err(error) => response.with_error_code(error.code()),
            }
        });
        ListOffsetsTopicResponse::default()
            .with_name(asked.name.clone())
            .with_partitions(partitions.collect())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

fn look_up(partition: &Partition, timestamp: i64) -> Result<(i64, i64), ResponseError> {
    let found = match timestamp {
        LATEST => return Ok((partition.log_end(), -1)),
        EARLIEST | EARLIEST_LOCAL => return Ok((partition.log_start(), -1)),
        LATEST_TIERED => return Ok((-1, -1)),
        MAX_TIMESTAMP => partition.latest_timestamp(),
        timestamp if timestamp >= 0 => partition.offset_for_timestamp(timestamp),
        _ => return Err(ResponseError::UnsupportedVersion),
    };
    match found {
        Ok(found) => Ok(found.unwrap_or((-1, -1))),
        Err(error) => {
            tracing::error!(%error, "cannot look up an offset by time");
            Err(ResponseError::KafkaStorageError)
        }
    }
}
