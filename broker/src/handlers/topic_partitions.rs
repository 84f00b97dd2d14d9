//! DescribeTopicPartitions: what Metadata says of topics, a page at a time.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, TopicName,
};

use super::context::{Context, text};
use crate::shared::NODE_ID;
use crate::topics::Topic;
use crate::topics::topic::is_valid_name;

/// Most partitions of an answer, whatever a client asks for; Kafka's default of `max.request.partition.size.limit`.
const MOST: usize = 2000;

pub fn describe(
    context: &Context<'_>,
    body: &DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let topics = &context.shared.topics;
    let all = body.topics.is_empty();
    // In the order of names, each once: that is what a cursor goes by.
    let mut names: BTreeSet<String> = if all {
        topics.all().iter().map(|topic| topic.name.clone()).collect()
    } else {
        body.topics.iter().map(|topic| topic.name.to_string()).collect()
    };
    let mut first_partition = 0;
    if let Some(cursor) = &body.cursor {
        names = names.split_off(cursor.topic_name.as_str());
        if names
            .first()
            .is_some_and(|name| *name == cursor.topic_name.as_str())
        {
            first_partition = usize::try_from(cursor.partition_index).unwrap_or(0);
        }
    }
    let mut room = usize::try_from(body.response_partition_limit)
        .unwrap_or(0)
        .clamp(1, MOST);
    let mut described = Vec::new();
    let mut next = None;
    for name in names {
        let from = std::mem::take(&mut first_partition);
        if room == 0 {
            next = Some((name, 0));
            break;
        }
        let Some(topic) = topics.get(&name) else {
            // One that was deleted a moment ago is none that was asked for by name.
            if !all {
                described.push(missing(&name));
            }
            continue;
        };
        let count = topic.partitions().len();
        let to = count.min(from.saturating_add(room));
        room -= to.saturating_sub(from);
        described.push(describe_one(&topic, from..to));
        if to < count {
            next = Some((name, to));
            break;
        }
    }
    let cursor = next.map(|(name, partition)| {
        Cursor::default()
            .with_topic_name(TopicName(text(name)))
            .with_partition_index(i32::try_from(partition).unwrap_or(i32::MAX))
    });
    DescribeTopicPartitionsResponse::default()
        .with_topics(described)
        .with_next_cursor(cursor)
}

fn missing(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let error = if is_valid_name(name) {
        ResponseError::UnknownTopicOrPartition
    } else {
        ResponseError::InvalidTopicException
    };
    DescribeTopicPartitionsResponseTopic::default()
        .with_error_code(error.code())
        .with_name(Some(TopicName(text(name))))
}

fn describe_one(topic: &Topic, indexes: std::ops::Range<usize>) -> DescribeTopicPartitionsResponseTopic {
    let here = || vec![BrokerId(NODE_ID)];
    let partitions = indexes.map(|index| {
        DescribeTopicPartitionsResponsePartition::default()
            .with_partition_index(i32::try_from(index).unwrap_or(i32::MAX))
            .with_leader_id(BrokerId(NODE_ID))
            .with_leader_epoch(0)
            .with_replica_nodes(here())
            .with_isr_nodes(here())
            .with_eligible_leader_replicas(Some(Vec::new()))
            .with_last_known_elr(Some(Vec::new()))
    });
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(TopicName(text(topic.name.clone()))))
        .with_topic_id(topic.id)
        .with_partitions(partitions.collect())
}
