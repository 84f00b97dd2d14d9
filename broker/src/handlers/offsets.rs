//! Committed offsets: OffsetCommit, OffsetFetch.

use std::collections::{BTreeMap, HashSet};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse, TopicName,
};

use super::context::{Context, text, unique};
use crate::blocking::blocking;
use crate::groups::offsets::{Committed, Offsets};

/// Longest note that may go with an offset, bytes.
const MAX_METADATA: usize = 4096;
/// Version of OffsetFetch from which several groups are asked at once.
const GROUPS_SINCE: i16 = 8;

pub fn commit(context: &Context<'_>, body: &OffsetCommitRequest) -> OffsetCommitResponse {
    let groups = &context.shared.groups;
    let instance = body.group_instance_id.as_deref();
    let checked = groups.check_commit(
        &body.group_id,
        &body.member_id,
        instance,
        body.generation_id_or_member_epoch,
    );
    // By partition: one that is named twice gets the last position, as it would in two commits.
    let mut accepted = BTreeMap::new();
    let mut topics = Vec::with_capacity(body.topics.len());
    for topic in &body.topics {
        let known = context.shared.topics.get(&topic.name);
        let partitions = topic.partitions.iter().map(|partition| {
            let metadata = partition.committed_metadata.as_deref().unwrap_or_default();
            let outcome = match &checked {
                Err(error) => Some(*error),
                Ok(())
                    if known
                        .as_ref()
                        .is_none_or(|t| t.partition(partition.partition_index).is_none()) =>
                {
                    Some(ResponseError::UnknownTopicOrPartition)
                }
                Ok(()) if metadata.len() > MAX_METADATA => Some(ResponseError::OffsetMetadataTooLarge),
                Ok(()) => None,
            };
            if outcome.is_none() {
                let committed = Committed {
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata: metadata.to_owned(),
                };
                accepted.insert((topic.name.to_string(), partition.partition_index), committed);
            }
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(outcome.map_or(0, |error| error.code()))
        });
        let partitions = partitions.collect();
        topics.push(
            OffsetCommitResponseTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions),
        );
    }
    let accepted = accepted.into_iter();
    let accepted = accepted.map(|((topic, partition), committed)| (topic, partition, committed));
    if let Err(error) = blocking(|| groups.commit(&body.group_id, accepted.collect())) {
        tracing::error!(group = %body.group_id.as_str(), %error, "cannot keep committed offsets");
        for partition in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            if partition.error_code == 0 {
                partition.error_code = ResponseError::CoordinatorNotAvailable.code();
            }
        }
    }
    OffsetCommitResponse::default().with_topics(topics)
}

/// A position as it is answered: offset, leader epoch and note; -1 when there is none.
fn position(offsets: &Offsets, group: &str, topic: &str, partition: i32) -> Committed {
    let none = Committed {
        offset: -1,
        leader_epoch: -1,
        metadata: String::new(),
    };
    offsets.get(group, topic, partition).unwrap_or(none)
}

/// The partitions that `group` has committed, by topic.
fn committed_partitions(offsets: &Offsets, group: &str) -> Vec<(TopicName, Vec<i32>)> {
    let mut topics: Vec<(TopicName, Vec<i32>)> = Vec::new();
    for (topic, partition) in offsets.all(group).into_keys() {
        match topics.last_mut() {
            Some((name, partitions)) if name.as_str() == topic => partitions.push(partition),
            _ => topics.push((TopicName(text(topic)), vec![partition])),
        }
    }
    topics
}

/// What is asked, each partition once. `None` asks for all that `group` has committed.
fn asked_partitions<'a>(
    offsets: &Offsets,
    group: &str,
    topics: Option<impl Iterator<Item = (&'a TopicName, &'a [i32])>>,
) -> Vec<(TopicName, Vec<i32>)> {
    let Some(topics) = topics else {
        return committed_partitions(offsets, group);
    };
    let mut seen = HashSet::new();
    let once = topics.map(|(name, partitions)| {
        let new = partitions.iter().filter(|index| seen.insert((name, **index)));
        (name.clone(), new.copied().collect())
    });
    once.collect()
}

pub fn fetch(context: &Context<'_>, version: i16, body: &OffsetFetchRequest) -> OffsetFetchResponse {
    let offsets = context.shared.groups.offsets();
    if version >= GROUPS_SINCE {
        let groups = unique(&body.groups, |group| group.group_id.as_str()).map(|group| {
            let topics = group.topics.as_ref();
            let topics = topics.map(|all| all.iter().map(|t| (&t.name, t.partition_indexes.as_slice())));
            let asked = asked_partitions(offsets, &group.group_id, topics);
            let topics = asked.into_iter().map(|(name, partitions)| {
                let partitions = partitions.into_iter().map(|index| {
                    let at = position(offsets, &group.group_id, &name, index);
                    OffsetFetchResponsePartitions::default()
                        .with_partition_index(index)
                        .with_committed_offset(at.offset)
                        .with_committed_leader_epoch(at.leader_epoch)
                        .with_metadata(Some(text(at.metadata)))
                });
                let partitions = partitions.collect();
                OffsetFetchResponseTopics::default()
                    .with_name(name)
                    .with_partitions(partitions)
            });
            let topics = topics.collect();
            OffsetFetchResponseGroup::default()
                .with_group_id(group.group_id.clone())
                .with_topics(topics)
        });
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    let topics = body.topics.as_ref();
    let topics = topics.map(|all| all.iter().map(|t| (&t.name, t.partition_indexes.as_slice())));
    let asked = asked_partitions(offsets, &body.group_id, topics);
    let topics = asked.into_iter().map(|(name, partitions)| {
        let partitions = partitions.into_iter().map(|index| {
            let at = position(offsets, &body.group_id, &name, index);
            OffsetFetchResponsePartition::default()
                .with_partition_index(index)
                .with_committed_offset(at.offset)
                .with_committed_leader_epoch(if version >= 5 { at.leader_epoch } else { -1 })
                .with_metadata(Some(text(at.metadata)))
        });
        let partitions = partitions.collect();
        OffsetFetchResponseTopic::default()
            .with_name(name)
            .with_partitions(partitions)
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}
