//! OffsetDelete: an administrator makes a group forget its positions in partitions that it does not read any more.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use super::context::Context;
use crate::blocking::blocking;

pub fn delete(context: &Context<'_>, body: &OffsetDeleteRequest) -> OffsetDeleteResponse {
    let groups = &context.shared.groups;
    let failed = |error: ResponseError| OffsetDeleteResponse::default().with_error_code(error.code());
    let read = match groups.topics_in_use(&body.group_id) {
        Ok(read) => read,
        Err(error) => return failed(error),
    };
    let mut given_up = BTreeSet::new();
    let topics = body.topics.iter().map(|asked| {
        let topic = context.shared.topics.get(&asked.name);
        let partitions = asked.partitions.iter().map(|asked_partition| {
            let index = asked_partition.partition_index;
            let error = if topic
                .as_ref()
                .is_none_or(|topic| topic.partition(index).is_none())
            {
                ResponseError::UnknownTopicOrPartition.code()
            } else if read.has(&asked.name) {
                ResponseError::GroupSubscribedToTopic.code()
            } else {
                given_up.insert((asked.name.to_string(), index));
                0
            };
            OffsetDeleteResponsePartition::default()
                .with_partition_index(index)
                .with_error_code(error)
        });
        OffsetDeleteResponseTopic::default()
            .with_name(asked.name.clone())
            .with_partitions(partitions.collect())
    });
    let topics = topics.collect();
    let given_up = given_up.into_iter().collect();
    if let Err(error) = blocking(|| groups.offsets().delete_positions(&body.group_id, given_up)) {
        tracing::error!(group = %body.group_id.as_str(), %error, "cannot write the journal of offsets");
        return failed(ResponseError::KafkaStorageError);
    }
    OffsetDeleteResponse::default().with_topics(topics)
}
