//! What concerns leaders and replicas, of which there is one each: OffsetForLeaderEpoch, ListPartitionReassignments.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{
    ListPartitionReassignmentsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
};

use super::context::Context;

/// The only leader epoch there is: the leader never changes.
const EPOCH: i32 = 0;
/// No epoch, or no offset.
const UNDEFINED: i32 = -1;

/// Where an epoch ends: the only one at the end of the log. A client that knows a later offset has read what was lost since,
/// and learns so.
pub fn end_of_epoch(
    context: &Context<'_>,
    body: &OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = body.topics.iter().map(|asked| {
        let topic = context.shared.topics.get(&asked.topic);
        let partitions = asked.partitions.iter().map(|asked| {
            let end = EpochEndOffset::default()
                .with_partition(asked.partition)
                .with_leader_epoch(UNDEFINED)
                .with_end_offset(UNDEFINED.into());
            let Some(partition) = topic.as_ref().and_then(|topic| topic.partition(asked.partition)) else {
                return end.with_error_code(ResponseError::UnknownTopicOrPartition.code());
            };
            match (asked.current_leader_epoch, asked.leader_epoch) {
                (current, _) if current > EPOCH => {
                    end.with_error_code(ResponseError::UnknownLeaderEpoch.code())
                }
                (_, EPOCH) => end.with_leader_epoch(EPOCH).with_end_offset(partition.log_end()),
                // No record was ever written in another one.
                _ => end,
            }
        });
        OffsetForLeaderTopicResult::default()
            .with_topic(asked.topic.clone())
            .with_partitions(partitions.collect())
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

/// No partition is ever on its way to another broker.
pub fn reassignments() -> ListPartitionReassignmentsResponse {
    ListPartitionReassignmentsResponse::default()
}
