//! What Kafka's own tools ask for beside records, groups and topics: sizes on disk, leaders, positions given up, topics by
//! the page.

use crate::common::{Client, batch, broker, text};
use crate::helpers::{TOPIC, create, group, produce, produced, topic_name, versions};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::*;

#[test]
fn sizes_of_logs_are_told_of_all_partitions_or_of_those_asked_for_in_every_version() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    create(&mut client, TOPIC, 2, &[], 7);
    create(&mut client, "other", 1, &[], 7);
    let records = batch(&[b"value"], None);
    produced(&mut client, &produce(TOPIC, 1, records.clone()), 9);
    for version in versions(ApiKey::DescribeLogDirs) {
        let all = DescribeLogDirsRequest::default().with_topics(None);
        let mut response = client.call(&all, version);
        let result = response.results.remove(0);
        assert!(response.results.is_empty(), "one folder");
        assert_eq!(result.log_dir.as_str(), broker.folder.path().to_str().unwrap());
        let sizes: Vec<(String, Vec<i64>)> = result
            .topics
            .iter()
            .map(|topic| {
                let sizes = topic.partitions.iter().map(|partition| partition.partition_size);
                (topic.name.to_string(), sizes.collect())
            })
            .collect();
        let expected = [("other", vec![0]), (TOPIC, vec![0, records.len() as i64])];
        assert_eq!(sizes, expected.map(|(name, sizes)| (name.to_owned(), sizes)));
        if version >= 4 {
            assert!(result.usable_bytes > 0 && result.usable_bytes <= result.total_bytes);
        }

        let asked = DescribableLogDirTopic::default()
            .with_topic(topic_name(TOPIC))
            .with_partitions(vec![1, 1, 7]);
        let nowhere = DescribableLogDirTopic::default()
            .with_topic(topic_name("nowhere"))
            .with_partitions(vec![0]);
        let some = DescribeLogDirsRequest::default().with_topics(Some(vec![asked, nowhere]));
        let topics = client.call(&some, version).results.remove(0).topics;
        assert_eq!(topics.len(), 1);
        assert_eq!(topics[0].partitions.len(), 1);
        assert_eq!(topics[0].partitions[0].partition_index, 1);
    }
}

#[test]
fn the_only_leader_epoch_ends_with_the_log_in_every_version() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    create(&mut client, TOPIC, 1, &[], 7);
    produced(&mut client, &produce(TOPIC, 0, batch(&[b"a", b"b"], None)), 9);
    for version in versions(ApiKey::OffsetForLeaderEpoch) {
        let mut end = |name: &str, index, current, epoch| {
            let partition = OffsetForLeaderPartition::default()
                .with_partition(index)
                .with_current_leader_epoch(current)
                .with_leader_epoch(epoch);
            let topic = OffsetForLeaderTopic::default()
                .with_topic(topic_name(name))
                .with_partitions(vec![partition]);
            let request = OffsetForLeaderEpochRequest::default().with_topics(vec![topic]);
            let request = if version >= 3 {
                request.with_replica_id(BrokerId(-1))
            } else {
                request
            };
            let response = client.call(&request, version);
            let partition = &response.topics[0].partitions[0];
            (partition.error_code, partition.leader_epoch, partition.end_offset)
        };
        assert_eq!(end(TOPIC, 0, 0, 0), (0, 0, 2));
        assert_eq!(end(TOPIC, 0, -1, 0), (0, 0, 2));
        assert_eq!(end(TOPIC, 0, 0, 5), (0, -1, -1), "there is no such epoch yet");
        assert_eq!(
            end(TOPIC, 0, 3, 0),
            (ResponseError::UnknownLeaderEpoch.code(), -1, -1)
        );
        let unknown = ResponseError::UnknownTopicOrPartition.code();
        assert_eq!(end(TOPIC, 1, 0, 0), (unknown, -1, -1));
        assert_eq!(end("nowhere", 0, 0, 0), (unknown, -1, -1));
    }
    for version in versions(ApiKey::ListPartitionReassignments) {
        let request = ListPartitionReassignmentsRequest::default().with_topics(None);
        let response = client.call(&request, version);
        assert_eq!((response.error_code, response.topics.len()), (0, 0));
    }
}

#[test]
fn topics_are_described_a_page_at_a_time_until_all_are() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    for (name, partitions) in [("c", 4), ("a", 3), ("b", 1)] {
        create(&mut client, name, partitions, &[], 7);
    }
    let wanted = |names: &[&str]| {
        let topics = names
            .iter()
            .map(|name| TopicRequest::default().with_name(topic_name(name)));
        DescribeTopicPartitionsRequest::default().with_topics(topics.collect())
    };
    let described = |names: &[&str], limit, client: &mut Client| {
        let mut request = wanted(names).with_response_partition_limit(limit);
        let mut pages = Vec::new();
        loop {
            let response = client.call(&request, 0);
            let page = response.topics.iter().map(|topic| {
                let indexes = topic.partitions.iter().map(|partition| partition.partition_index);
                let name = topic
                    .name
                    .as_ref()
                    .map(|name| name.to_string())
                    .unwrap_or_default();
                (name, topic.error_code, indexes.collect::<Vec<_>>())
            });
            pages.push(page.collect::<Vec<_>>());
            let Some(next) = response.next_cursor else {
                return pages;
            };
            assert!(pages.len() < 20, "it ends");
            let cursor = Cursor::default()
                .with_topic_name(next.topic_name)
                .with_partition_index(next.partition_index);
            request = request.with_cursor(Some(cursor));
        }
    };
    let row = |name: &str, error, indexes: std::ops::Range<i32>| {
        (name.to_owned(), error, indexes.collect::<Vec<_>>())
    };
    assert_eq!(
        described(&[], 2000, &mut client),
        [[row("a", 0, 0..3), row("b", 0, 0..1), row("c", 0, 0..4)]]
    );
    assert_eq!(
        described(&[], 2, &mut client),
        [
            vec![row("a", 0, 0..2)],
            vec![row("a", 0, 2..3), row("b", 0, 0..1)],
            vec![row("c", 0, 0..2)],
            vec![row("c", 0, 2..4)],
        ]
    );
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    let invalid = ResponseError::InvalidTopicException.code();
    assert_eq!(
        described(&["nowhere", "b", "b", "no/name"], 0, &mut client),
        [
            vec![row("b", 0, 0..1)],
            vec![row("no/name", invalid, 0..0), row("nowhere", unknown, 0..0)],
        ]
    );
    let topic = client
        .call(&wanted(&["b"]).with_response_partition_limit(1), 0)
        .topics
        .remove(0);
    assert!(!topic.topic_id.is_nil());
    assert_eq!(topic.partitions[0].isr_nodes, [BrokerId(1)]);
}

#[test]
fn positions_are_given_up_but_not_those_in_topics_that_a_member_reads() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    create(&mut client, TOPIC, 2, &[], 7);
    create(&mut client, "read", 1, &[], 7);
    let delete = |client: &mut Client, group_name: &str, topic: &str, indexes: &[i32]| {
        let partitions = indexes
            .iter()
            .map(|index| OffsetDeleteRequestPartition::default().with_partition_index(*index));
        let topic = OffsetDeleteRequestTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(partitions.collect());
        let request = OffsetDeleteRequest::default()
            .with_group_id(group(group_name))
            .with_topics(vec![topic]);
        let response = client.call(&request, 0);
        let codes = response.topics.iter().flat_map(|topic| &topic.partitions);
        (
            response.error_code,
            codes.map(|partition| partition.error_code).collect::<Vec<_>>(),
        )
    };
    let commit = |client: &mut Client, topic: &str, member: &str, generation| {
        let partition = |index| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(index)
                .with_committed_offset(0)
        };
        let topic = OffsetCommitRequestTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![partition(0), partition(1)]);
        let request = OffsetCommitRequest::default()
            .with_group_id(group("g"))
            .with_member_id(text(member))
            .with_generation_id_or_member_epoch(generation)
            .with_topics(vec![topic]);
        client.call(&request, 8);
    };
    let left = |client: &mut Client| {
        let request = OffsetFetchRequest::default()
            .with_group_id(group("g"))
            .with_topics(None);
        let response = client.call(&request, 7);
        let left = response.topics.iter().flat_map(|topic| {
            let partitions = topic.partitions.iter();
            partitions.map(|partition| format!("{}-{}", topic.name.as_str(), partition.partition_index))
        });
        left.collect::<Vec<_>>()
    };
    let not_found = ResponseError::GroupIdNotFound.code();
    assert_eq!(delete(&mut client, "g", TOPIC, &[0]), (not_found, vec![]));
    commit(&mut client, TOPIC, "", -1);
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(
        delete(&mut client, "g", TOPIC, &[1, 1, 9]),
        (0, vec![0, 0, unknown])
    );
    assert_eq!(left(&mut client), ["tiles-0"]);

    let join = |member: &str| {
        // Version 0, one topic, no more.
        let subscription = [&[0, 0, 0, 0, 0, 1, 0, 4][..], b"read", &[0xff; 4]].concat();
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text("range"))
            .with_metadata(subscription.into());
        JoinGroupRequest::default()
            .with_group_id(group("g"))
            .with_member_id(text(member))
            .with_session_timeout_ms(30_000)
            .with_rebalance_timeout_ms(30_000)
            .with_protocol_type(text("consumer"))
            .with_protocols(vec![protocol])
    };
    let member = client.call(&join(""), 5).member_id;
    let joined = client.call(&join(&member), 5);
    assert_eq!(joined.error_code, 0);
    let assignment = SyncGroupRequestAssignment::default().with_member_id(member.clone());
    let sync = SyncGroupRequest::default()
        .with_group_id(group("g"))
        .with_generation_id(joined.generation_id)
        .with_member_id(member.clone())
        .with_assignments(vec![assignment]);
    assert_eq!(client.call(&sync, 3).error_code, 0);
    commit(&mut client, "read", &member, joined.generation_id);
    let reads = ResponseError::GroupSubscribedToTopic.code();
    assert_eq!(delete(&mut client, "g", "read", &[0]), (0, vec![reads]));
    assert_eq!(left(&mut client), ["read-0", "tiles-0"]);
    assert_eq!(
        delete(&mut client, "g", TOPIC, &[0]),
        (0, vec![0]),
        "which it does not read"
    );
    assert_eq!(left(&mut client), ["read-0"]);

    broker.running.stop();
}
