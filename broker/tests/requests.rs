//! Every request in every version that is offered gets an answer that decodes; what is wrong is answered in the words
//! of the protocol.

mod common;

use std::time::{Duration, Instant};

use azulejo_broker::wire::request::OFFERED;
use bytes::Bytes;
use common::{Client, batch, batch_at, broker, broker_with, text};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::*;

const TOPIC: &str = "tiles";

fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

fn group(name: &str) -> GroupId {
    GroupId(text(name))
}

fn versions(key: ApiKey) -> std::ops::RangeInclusive<i16> {
    let (_, low, high) = OFFERED.into_iter().find(|(k, _, _)| *k == key).unwrap();
    low..=high
}

fn create(client: &mut Client, name: &str, partitions: i32, configs: &[(&str, &str)], version: i16) -> i16 {
    let configs = configs.iter().map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
    });
    let topic = CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(configs.collect());
    let request = CreateTopicsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(1000);
    client.call(&request, version).topics[0].error_code
}

fn produce(name: &str, partition: i32, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default()
        .with_index(partition)
        .with_records(Some(records));
    let topic = TopicProduceData::default()
        .with_name(topic_name(name))
        .with_partition_data(vec![data]);
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(1000)
        .with_topic_data(vec![topic])
}

/// Error code and base offset.
fn produced(client: &mut Client, request: &ProduceRequest, version: i16) -> (i16, i64) {
    let response = client.call(request, version);
    let partition = &response.responses[0].partition_responses[0];
    (partition.error_code, partition.base_offset)
}

fn fetch(name: &str, id: uuid::Uuid, offset: i64, wait: i32, min: i32, version: i16) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_partition(0)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_partitions(vec![partition]);
    let topic = if version >= 13 {
        topic.with_topic_id(id)
    } else {
        topic.with_topic(topic_name(name))
    };
    let request = FetchRequest::default()
        .with_max_wait_ms(wait)
        .with_min_bytes(min)
        .with_max_bytes(1 << 20);
    if version >= 15 {
        request
    } else {
        request.with_replica_id(BrokerId(-1))
    }
    .with_topics(vec![topic])
}

#[test]
fn api_versions_are_told_also_to_a_client_that_is_too_new() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    for version in versions(ApiKey::ApiVersions) {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(if version >= 3 { text("test") } else { text("") })
            .with_client_software_version(if version >= 3 { text("1") } else { text("") });
        let response = client.call(&request, version);
        assert_eq!((response.error_code, response.api_keys.len()), (0, OFFERED.len()));
        let transactions = [24, 25, 26, 28];
        assert!(
            response
                .api_keys
                .iter()
                .all(|api| !transactions.contains(&api.api_key))
        );
    }
    let mut newer = vec![0, 18, 0, 99, 0, 0, 0, 7];
    newer.extend_from_slice(&[0, 1, b'x', 0]);
    client.send_raw(&newer).unwrap();
    let mut answer = client.receive_raw().unwrap();
    use kafka_protocol::protocol::Decodable;
    let header = ResponseHeader::decode(&mut answer, 0).unwrap();
    let response = ApiVersionsResponse::decode(&mut answer, 0).unwrap();
    assert_eq!(
        (header.correlation_id, response.error_code),
        (7, ResponseError::UnsupportedVersion.code())
    );
    assert_eq!(response.api_keys.len(), OFFERED.len());
    // The connection goes on.
    assert_eq!(client.call(&ApiVersionsRequest::default(), 0).error_code, 0);
}

#[test]
fn what_is_not_offered_closes_the_connection() {
    let broker = broker();
    for (key, version) in [(0_i16, 2_i16), (22, 5), (24, 3), (68, 0), (9999, 0), (-1, 0)] {
        let mut client = Client::connect(broker.running.address());
        let mut frame = Vec::new();
        frame.extend_from_slice(&key.to_be_bytes());
        frame.extend_from_slice(&version.to_be_bytes());
        frame.extend_from_slice(&[0, 0, 0, 1, 0, 1, b'x', 0, 0, 0, 0, 0, 0]);
        client.send_raw(&frame).unwrap();
        assert!(client.receive_raw().is_none(), "{key} {version}");
    }
}

#[test]
fn topics_are_made_grown_described_and_deleted_in_every_version() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    for version in versions(ApiKey::CreateTopics) {
        let name = format!("t{version}");
        assert_eq!(
            create(&mut client, &name, 3, &[("retention.ms", "1000")], version),
            0
        );
        let exists = ResponseError::TopicAlreadyExists.code();
        assert_eq!(create(&mut client, &name, 3, &[], version), exists);
        for (name, partitions, configs, expected) in [
            ("bad/name", 1, &[][..], ResponseError::InvalidTopicException),
            ("..", 1, &[][..], ResponseError::InvalidTopicException),
            ("zero", 0, &[][..], ResponseError::InvalidPartitions),
            ("many", 1_000_000, &[][..], ResponseError::InvalidPartitions),
            (
                "wrong",
                1,
                &[("no.such.setting", "1")][..],
                ResponseError::InvalidConfig,
            ),
            (
                "compact",
                1,
                &[("cleanup.policy", "compact")][..],
                ResponseError::InvalidConfig,
            ),
        ] {
            assert_eq!(
                create(&mut client, name, partitions, configs, version),
                expected.code(),
                "{name}"
            );
        }
    }
    for version in versions(ApiKey::CreatePartitions) {
        let grow = |count| {
            let topic = CreatePartitionsTopic::default()
                .with_name(topic_name("t2"))
                .with_count(count)
                .with_assignments(None);
            CreatePartitionsRequest::default().with_topics(vec![topic])
        };
        let count = 4 + i32::from(version);
        assert_eq!(client.call(&grow(count), version).results[0].error_code, 0);
        let fewer = client.call(&grow(count), version).results[0].error_code;
        assert_eq!(fewer, ResponseError::InvalidPartitions.code());
    }
    for version in versions(ApiKey::Metadata) {
        let topics = |names: &[&str]| {
            let topic = |name: &&str| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
            names.iter().map(topic).collect::<Vec<_>>()
        };
        let request = MetadataRequest::default().with_topics(Some(topics(&["t2", "bad/name"])));
        let response = client.call(&request.with_allow_auto_topic_creation(true), version);
        assert_eq!(response.topics[0].partitions.len(), 7);
        assert_eq!(
            response.topics[1].error_code,
            ResponseError::InvalidTopicException.code()
        );
        assert_eq!(
            i32::from(broker.running.address().port()),
            response.brokers[0].port
        );
        let all = if version == 0 { Some(Vec::new()) } else { None };
        assert_eq!(
            client
                .call(&MetadataRequest::default().with_topics(all), version)
                .topics
                .len(),
            6
        );
        if version >= 1 {
            let none = MetadataRequest::default().with_topics(Some(Vec::new()));
            assert!(client.call(&none, version).topics.is_empty());
        }
        if version >= 4 {
            let no_create = MetadataRequest::default()
                .with_topics(Some(topics(&["missing"])))
                .with_allow_auto_topic_creation(false);
            let error = client.call(&no_create, version).topics[0].error_code;
            assert_eq!(error, ResponseError::UnknownTopicOrPartition.code());
        }
    }
    for version in versions(ApiKey::DeleteTopics) {
        let delete = |name: &str| {
            let name = topic_name(name);
            let request = DeleteTopicsRequest::default().with_timeout_ms(1000);
            if version >= 6 {
                request.with_topics(vec![DeleteTopicState::default().with_name(Some(name))])
            } else {
                request.with_topic_names(vec![name])
            }
        };
        let name = format!("t{}", version + 1);
        assert_eq!(
            client.call(&delete(&name), version).responses[0].error_code,
            0,
            "{name}"
        );
        let again = client.call(&delete(&name), version).responses[0].error_code;
        assert_eq!(again, ResponseError::UnknownTopicOrPartition.code());
    }
}

#[test]
fn automatic_topics_are_a_setting() {
    let with = broker_with(|config| config.default_partitions = 3);
    let without = broker_with(|config| config.auto_create_topics = false);
    let ask = |client: &mut Client| {
        let topic = MetadataRequestTopic::default().with_name(Some(topic_name("new")));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![topic]))
            .with_allow_auto_topic_creation(true);
        let response = client.call(&request, 12);
        (response.topics[0].error_code, response.topics[0].partitions.len())
    };
    assert_eq!(ask(&mut Client::connect(with.running.address())), (0, 3));
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(ask(&mut Client::connect(without.running.address())), (unknown, 0));
}

#[test]
fn records_are_produced_fetched_and_listed_in_every_version() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    assert_eq!(create(&mut client, TOPIC, 1, &[], 7), 0);
    let metadata = client.call(&MetadataRequest::default().with_topics(None), 12);
    let id = metadata.topics[0].topic_id;
    let mut end = 0;
    for version in versions(ApiKey::Produce) {
        let records = batch_at(&[b"one", b"two"], None, 1000 + i64::from(version));
        assert_eq!(
            produced(&mut client, &produce(TOPIC, 0, records), version),
            (0, end),
            "version {version}"
        );
        end += 2;
        let unknown = ResponseError::UnknownTopicOrPartition.code();
        assert_eq!(
            produced(&mut client, &produce("nowhere", 0, batch(&[b"x"], None)), version),
            (unknown, -1)
        );
        assert_eq!(
            produced(&mut client, &produce(TOPIC, 9, batch(&[b"x"], None)), version),
            (unknown, -1)
        );
        let mut damaged = batch(&[b"x"], None).to_vec();
        *damaged.last_mut().unwrap() ^= 1;
        let corrupt = ResponseError::CorruptMessage.code();
        assert_eq!(
            produced(&mut client, &produce(TOPIC, 0, damaged.into()), version),
            (corrupt, -1)
        );
        assert_eq!(
            produced(&mut client, &produce(TOPIC, 0, Bytes::new()), version),
            (corrupt, -1)
        );
        let acks = produce(TOPIC, 0, batch(&[b"x"], None)).with_acks(2);
        assert_eq!(
            produced(&mut client, &acks, version).0,
            ResponseError::InvalidRequiredAcks.code()
        );
        let large = vec![b'x'; 1_100_000];
        let too_large = ResponseError::MessageTooLarge.code();
        assert_eq!(
            produced(&mut client, &produce(TOPIC, 0, batch(&[&large], None)), version).0,
            too_large
        );
        // Nobody answers this one, so the next answer is to the next request.
        client.send(&produce(TOPIC, 0, batch(&[b"x"], None)).with_acks(0), version);
        end += 1;
    }
    for version in versions(ApiKey::Fetch) {
        let response = client.call(&fetch(TOPIC, id, 0, 0, 0, version), version);
        let partition = &response.responses[0].partitions[0];
        assert_eq!(
            (partition.error_code, partition.high_watermark),
            (0, end),
            "version {version}"
        );
        let records = partition.records.clone().unwrap();
        assert!(records.windows(3).any(|window| window == b"two"));
        let behind = client.call(&fetch(TOPIC, id, end + 1, 0, 0, version), version);
        let error = behind.responses[0].partitions[0].error_code;
        assert_eq!(error, ResponseError::OffsetOutOfRange.code());
        let other = uuid::Uuid::from_u128(5);
        let unknown = client.call(&fetch("nowhere", other, 0, 0, 0, version), version);
        let expected = if version >= 13 {
            ResponseError::UnknownTopicId
        } else {
            ResponseError::UnknownTopicOrPartition
        };
        assert_eq!(unknown.responses[0].partitions[0].error_code, expected.code());
    }
    for version in versions(ApiKey::ListOffsets) {
        let mut list = |timestamp| {
            let partition = ListOffsetsPartition::default().with_timestamp(timestamp);
            let topic = ListOffsetsTopic::default()
                .with_name(topic_name(TOPIC))
                .with_partitions(vec![partition]);
            let request = ListOffsetsRequest::default()
                .with_replica_id(BrokerId(-1))
                .with_topics(vec![topic]);
            let response = client.call(&request, version);
            let partition = &response.topics[0].partitions[0];
            (partition.error_code, partition.offset, partition.timestamp)
        };
        assert_eq!(list(-1), (0, end, -1));
        assert_eq!(list(-2), (0, 0, -1));
        assert_eq!(list(1005), (0, 6, 1005), "version {version}");
        assert_eq!(list(99_999), (0, -1, -1));
        assert_eq!(list(-3).1, 27);
    }
}

#[test]
fn a_fetch_waits_for_enough_and_no_longer() {
    let broker = broker();
    let mut reader = Client::connect(broker.running.address());
    let mut writer = Client::connect(broker.running.address());
    assert_eq!(create(&mut writer, TOPIC, 1, &[], 7), 0);
    let start = Instant::now();
    let nothing = reader.call(&fetch(TOPIC, uuid::Uuid::nil(), 0, 300, 1, 12), 12);
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(
        nothing.responses[0].partitions[0]
            .records
            .as_ref()
            .is_none_or(Bytes::is_empty)
    );

    reader.send(&fetch(TOPIC, uuid::Uuid::nil(), 0, 30_000, 150, 12), 12);
    let size = batch(&[b"x"], None).len();
    assert!(size < 150 && 2 * size < 150, "two are not enough");
    for n in 0..3 {
        if n == 2 {
            reader
                .stream
                .set_read_timeout(Some(Duration::from_millis(100)))
                .unwrap();
            let mut byte = [0];
            assert!(
                reader.stream.peek(&mut byte).is_err(),
                "answered before there was enough"
            );
            reader
                .stream
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
        }
        produced(&mut writer, &produce(TOPIC, 0, batch(&[b"x"], None)), 9);
    }
    let enough = reader.receive::<FetchRequest>(12);
    assert!(enough.responses[0].partitions[0].records.as_ref().unwrap().len() >= 150);
}

#[test]
fn without_acknowledgements_a_refusal_closes_the_connection() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    client.send(&produce("nowhere", 0, batch(&[b"x"], None)).with_acks(0), 9);
    assert!(client.receive_raw().is_none());
}

#[test]
fn records_without_a_timestamp_are_as_old_as_their_file() {
    let broker = broker_with(|config| config.maintenance_interval = Duration::from_millis(20));
    let mut client = Client::connect(broker.running.address());
    assert_eq!(create(&mut client, TOPIC, 1, &[], 7), 0);
    produced(&mut client, &produce(TOPIC, 0, batch_at(&[b"x"], None, -1)), 9);
    std::thread::sleep(Duration::from_millis(200));
    let response = client.call(&fetch(TOPIC, uuid::Uuid::nil(), 0, 0, 0, 12), 12);
    assert_eq!(response.responses[0].partitions[0].error_code, 0);
}

#[test]
fn fetch_limits_hold_but_one_batch_always_comes() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    assert_eq!(create(&mut client, TOPIC, 2, &[], 7), 0);
    let value = vec![b'v'; 10_000];
    for partition in 0..2 {
        for _ in 0..10 {
            produced(&mut client, &produce(TOPIC, partition, batch(&[&value], None)), 9);
        }
    }
    let size = batch(&[&value], None).len();
    let mut sizes = |max: usize, partition_max: usize| {
        let partition = |index| {
            FetchPartition::default()
                .with_partition(index)
                .with_partition_max_bytes(partition_max as i32)
        };
        let topic = FetchTopic::default()
            .with_topic(topic_name(TOPIC))
            .with_partitions(vec![partition(0), partition(1)]);
        let request = FetchRequest::default()
            .with_max_bytes(max as i32)
            .with_topics(vec![topic]);
        let response = client.call(&request.with_replica_id(BrokerId(-1)), 12);
        let length = |n: usize| {
            response.responses[0].partitions[n]
                .records
                .as_ref()
                .map_or(0, Bytes::len)
        };
        (length(0), length(1))
    };
    assert_eq!(sizes(1, 1), (size, 0), "one batch, however small the limit");
    assert_eq!(sizes(5 * size, 3 * size + 5), (3 * size, 2 * size));
    assert_eq!(sizes(1 << 20, 1), (size, 0));
    assert_eq!(sizes(1 << 20, 1 << 20), (10 * size, 10 * size));
}

#[test]
fn idempotent_producers_are_checked_and_get_ids_in_every_version() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    assert_eq!(create(&mut client, TOPIC, 1, &[], 7), 0);
    let mut ids = std::collections::HashSet::new();
    for version in versions(ApiKey::InitProducerId) {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(1000);
        let response = client.call(&request, version);
        assert_eq!((response.error_code, response.producer_epoch), (0, 0));
        assert!(ids.insert(response.producer_id));
        let transactional = request.with_transactional_id(Some(TransactionalId(text("t"))));
        assert_ne!(client.call(&transactional, version).error_code, 0);
    }
    let mut send = |epoch, sequence| {
        produced(
            &mut client,
            &produce(TOPIC, 0, batch(&[b"x"], Some((5, epoch, sequence)))),
            9,
        )
    };
    assert_eq!(send(0, 0), (0, 0));
    assert_eq!(send(0, 1), (0, 1));
    assert_eq!(send(0, 0), (0, 0), "a retry");
    assert_eq!(send(0, 3).0, ResponseError::OutOfOrderSequenceNumber.code());
    assert_eq!(send(1, 0), (0, 2), "a new epoch");
    assert_eq!(send(0, 2).0, ResponseError::InvalidProducerEpoch.code());
    let again = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_producer_id(ProducerId(5))
        .with_producer_epoch(1);
    let bumped = client.call(&again, 4);
    assert_eq!((bumped.producer_id, bumped.producer_epoch), (ProducerId(5), 2));
}

#[test]
fn a_group_lives_in_every_version() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    assert_eq!(create(&mut client, TOPIC, 1, &[], 7), 0);
    for version in versions(ApiKey::FindCoordinator) {
        let request = FindCoordinatorRequest::default();
        let response = if version >= 4 {
            client.call(
                &request.with_coordinator_keys(vec![text("a"), text("b")]),
                version,
            )
        } else {
            client.call(&request.with_key(text("a")), version)
        };
        assert_eq!(response.coordinators.len(), if version >= 4 { 2 } else { 0 });
        assert!(version >= 4 || response.node_id == BrokerId(1));
    }
    for version in versions(ApiKey::JoinGroup) {
        let name = format!("g{version}");
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text("range"))
            .with_metadata(Bytes::from_static(b"m"));
        let join = |member: &str| {
            JoinGroupRequest::default()
                .with_group_id(group(&name))
                .with_session_timeout_ms(6000)
                .with_rebalance_timeout_ms(6000)
                .with_member_id(text(member))
                .with_protocol_type(text("consumer"))
                .with_protocols(vec![protocol.clone()])
        };
        let mut joined = client.call(&join(""), version);
        if version >= 4 {
            assert_eq!(joined.error_code, ResponseError::MemberIdRequired.code());
            joined = client.call(&join(&joined.member_id), version);
        }
        assert_eq!(
            (joined.error_code, joined.generation_id, joined.members.len()),
            (0, 1, 1)
        );
        let member = joined.member_id.clone();
        let short = client
            .call(&join("").with_session_timeout_ms(1), version)
            .error_code;
        assert_eq!(short, ResponseError::InvalidSessionTimeout.code());

        let sync_version = version.min(5);
        let assignment = SyncGroupRequestAssignment::default()
            .with_member_id(member.clone())
            .with_assignment(Bytes::from_static(b"all"));
        let sync = SyncGroupRequest::default()
            .with_group_id(group(&name))
            .with_generation_id(1)
            .with_member_id(member.clone())
            .with_assignments(vec![assignment]);
        assert_eq!(
            client.call(&sync, sync_version).assignment,
            Bytes::from_static(b"all")
        );
        let heartbeat_version = version.min(4);
        let beat = HeartbeatRequest::default()
            .with_group_id(group(&name))
            .with_member_id(member.clone());
        assert_eq!(
            client
                .call(&beat.clone().with_generation_id(1), heartbeat_version)
                .error_code,
            0
        );
        let old = client
            .call(&beat.with_generation_id(0), heartbeat_version)
            .error_code;
        assert_eq!(old, ResponseError::IllegalGeneration.code());

        let commit_version = version.clamp(2, 9);
        let partition = |offset| OffsetCommitRequestPartition::default().with_committed_offset(offset);
        let commit = |generation, offset| {
            let topic = OffsetCommitRequestTopic::default()
                .with_name(topic_name(TOPIC))
                .with_partitions(vec![partition(offset)]);
            OffsetCommitRequest::default()
                .with_group_id(group(&name))
                .with_generation_id_or_member_epoch(generation)
                .with_member_id(member.clone())
                .with_topics(vec![topic])
        };
        let code = |response: OffsetCommitResponse| response.topics[0].partitions[0].error_code;
        assert_eq!(code(client.call(&commit(1, 42), commit_version)), 0);
        let old = code(client.call(&commit(0, 41), commit_version));
        assert_eq!(old, ResponseError::IllegalGeneration.code());

        let describe = DescribeGroupsRequest::default().with_groups(vec![group(&name), group("nobody")]);
        let described = client.call(&describe, version.min(5));
        assert_eq!(described.groups[0].group_state.as_str(), "Stable");
        assert_eq!(
            described.groups[0].members[0].member_assignment,
            Bytes::from_static(b"all")
        );
        assert_eq!(described.groups[1].group_state.as_str(), "Dead");
        let delete_version = version.min(2);
        let delete = DeleteGroupsRequest::default().with_groups_names(vec![group(&name), group("nobody")]);
        let results = client.call(&delete, delete_version).results;
        assert_eq!(results[0].error_code, ResponseError::NonEmptyGroup.code());
        assert_eq!(results[1].error_code, ResponseError::GroupIdNotFound.code());

        let leave_version = version.min(5);
        let leave = LeaveGroupRequest::default().with_group_id(group(&name));
        if leave_version >= 3 {
            let leave = leave.with_members(vec![MemberIdentity::default().with_member_id(member.clone())]);
            assert_eq!(client.call(&leave, leave_version).members[0].error_code, 0);
        } else {
            assert_eq!(
                client
                    .call(&leave.with_member_id(member), leave_version)
                    .error_code,
                0
            );
        }
        assert_eq!(client.call(&delete, delete_version).results[0].error_code, 0);
    }
    for version in versions(ApiKey::ListGroups) {
        assert_eq!(
            client.call(&ListGroupsRequest::default(), version).groups.len(),
            0
        );
    }
}

#[test]
fn offsets_are_committed_and_fetched_in_every_version() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    assert_eq!(create(&mut client, TOPIC, 2, &[], 7), 0);
    for version in versions(ApiKey::OffsetCommit) {
        let partition = |index, metadata: String| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(index)
                .with_committed_offset(i64::from(version))
                .with_committed_metadata(Some(text(&metadata)))
        };
        let partitions = vec![
            partition(0, "note".to_owned()),
            partition(1, "x".repeat(5000)),
            partition(7, String::new()),
        ];
        let topic = OffsetCommitRequestTopic::default()
            .with_name(topic_name(TOPIC))
            .with_partitions(partitions);
        let request = OffsetCommitRequest::default()
            .with_group_id(group("g"))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![topic]);
        let response = client.call(&request, version);
        let codes: Vec<i16> = response.topics[0]
            .partitions
            .iter()
            .map(|p| p.error_code)
            .collect();
        let expected = [
            0,
            ResponseError::OffsetMetadataTooLarge.code(),
            ResponseError::UnknownTopicOrPartition.code(),
        ];
        assert_eq!(codes, expected);
    }
    let last = i64::from(*versions(ApiKey::OffsetCommit).end());
    for version in versions(ApiKey::OffsetFetch) {
        for everything in [false, true] {
            if everything && version < 2 {
                continue;
            }
            let committed = if version >= 8 {
                let topic = OffsetFetchRequestTopics::default()
                    .with_name(topic_name(TOPIC))
                    .with_partition_indexes(vec![0, 1]);
                let group = OffsetFetchRequestGroup::default()
                    .with_group_id(group("g"))
                    .with_topics((!everything).then(|| vec![topic]));
                let request = OffsetFetchRequest::default().with_groups(vec![group]);
                let response = client.call(&request, version);
                let partitions = &response.groups[0].topics[0].partitions;
                partitions
                    .iter()
                    .map(|p| (p.committed_offset, p.metadata.clone()))
                    .collect::<Vec<_>>()
            } else {
                let topic = OffsetFetchRequestTopic::default()
                    .with_name(topic_name(TOPIC))
                    .with_partition_indexes(vec![0, 1]);
                let request = OffsetFetchRequest::default()
                    .with_group_id(group("g"))
                    .with_topics((!everything).then(|| vec![topic]));
                let response = client.call(&request, version);
                let partitions = &response.topics[0].partitions;
                partitions
                    .iter()
                    .map(|p| (p.committed_offset, p.metadata.clone()))
                    .collect::<Vec<_>>()
            };
            assert_eq!(committed[0], (last, Some(text("note"))), "version {version}");
            assert_eq!(
                committed.get(1),
                (!everything).then(|| (-1, Some(text("")))).as_ref()
            );
        }
    }
}

#[test]
fn settings_are_described_and_changed_in_every_version() {
    const TOPIC_RESOURCE: i8 = 2;
    const BROKER_RESOURCE: i8 = 4;
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    assert_eq!(create(&mut client, TOPIC, 1, &[("retention.ms", "1000")], 7), 0);
    let describe = |kind, name: &str| {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_configuration_keys(None);
        DescribeConfigsRequest::default()
            .with_resources(vec![resource])
            .with_include_synonyms(true)
    };
    let value = |client: &mut Client, key: &str| {
        let response = client.call(&describe(TOPIC_RESOURCE, TOPIC), 4);
        let found = response.results[0]
            .configs
            .iter()
            .find(|config| config.name.as_str() == key)
            .cloned();
        found
            .and_then(|config| config.value)
            .map(|value| value.to_string())
            .unwrap_or_default()
    };
    for version in versions(ApiKey::DescribeConfigs) {
        let response = client.call(&describe(TOPIC_RESOURCE, TOPIC), version);
        assert!(response.results[0].configs.len() >= 5);
        assert_eq!(
            client.call(&describe(BROKER_RESOURCE, "1"), version).results[0].error_code,
            0
        );
        assert_ne!(
            client.call(&describe(BROKER_RESOURCE, "2"), version).results[0].error_code,
            0
        );
        let unknown = client.call(&describe(TOPIC_RESOURCE, "nowhere"), version).results[0].error_code;
        assert_eq!(unknown, ResponseError::UnknownTopicOrPartition.code());
    }
    for version in versions(ApiKey::IncrementalAlterConfigs) {
        let alter = |operation, key: &str, value: Option<&str>| {
            let config = AlterableConfig::default()
                .with_name(text(key))
                .with_config_operation(operation)
                .with_value(value.map(text));
            let resource = AlterConfigsResource::default()
                .with_resource_type(TOPIC_RESOURCE)
                .with_resource_name(text(TOPIC))
                .with_configs(vec![config]);
            IncrementalAlterConfigsRequest::default().with_resources(vec![resource])
        };
        let mut code =
            |request: IncrementalAlterConfigsRequest| client.call(&request, version).responses[0].error_code;
        assert_eq!(code(alter(0, "max.message.bytes", Some("100"))), 0);
        let invalid = ResponseError::InvalidConfig.code();
        assert_eq!(code(alter(0, "max.message.bytes", Some("many"))), invalid);
        assert_eq!(code(alter(0, "nothing", Some("1"))), invalid);
        assert_eq!(code(alter(2, "max.message.bytes", Some("1"))), invalid);
        assert_eq!(
            (
                value(&mut client, "max.message.bytes"),
                value(&mut client, "retention.ms")
            ),
            ("100".to_owned(), "1000".to_owned())
        );
        let refused = produced(&mut client, &produce(TOPIC, 0, batch(&[&[b'x'; 200]], None)), 9).0;
        assert_eq!(refused, ResponseError::MessageTooLarge.code(), "in force at once");
        assert_eq!(
            client
                .call(&alter(1, "max.message.bytes", None), version)
                .responses[0]
                .error_code,
            0
        );
        assert_eq!(value(&mut client, "max.message.bytes"), "1048588");
    }
    for version in versions(ApiKey::AlterConfigs) {
        let config = alter_configs_request::AlterableConfig::default()
            .with_name(text("segment.bytes"))
            .with_value(Some(text("100000")));
        let resource = alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(TOPIC_RESOURCE)
            .with_resource_name(text(TOPIC))
            .with_configs(vec![config]);
        let request = AlterConfigsRequest::default().with_resources(vec![resource]);
        assert_eq!(client.call(&request, version).responses[0].error_code, 0);
        assert_eq!(value(&mut client, "segment.bytes"), "100000");
        assert_eq!(
            value(&mut client, "retention.ms"),
            "604800000",
            "what is not named goes back"
        );
    }
}

#[test]
fn records_are_deleted_and_the_cluster_described_in_every_version() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    assert_eq!(create(&mut client, TOPIC, 1, &[], 7), 0);
    for _ in 0..10 {
        produced(&mut client, &produce(TOPIC, 0, batch(&[b"x"], None)), 9);
    }
    for version in versions(ApiKey::DeleteRecords) {
        let mut delete = |name: &str, offset| {
            let partition = DeleteRecordsPartition::default().with_offset(offset);
            let topic = DeleteRecordsTopic::default()
                .with_name(topic_name(name))
                .with_partitions(vec![partition]);
            let response = client.call(&DeleteRecordsRequest::default().with_topics(vec![topic]), version);
            let partition = &response.topics[0].partitions[0];
            (partition.error_code, partition.low_watermark)
        };
        let offset = 2 + i64::from(version);
        assert_eq!(delete(TOPIC, offset), (0, offset));
        assert_eq!(delete(TOPIC, 11), (ResponseError::OffsetOutOfRange.code(), -1));
        assert_eq!(
            delete("nowhere", 0),
            (ResponseError::UnknownTopicOrPartition.code(), -1)
        );
    }
    let gone = client.call(&fetch(TOPIC, uuid::Uuid::nil(), 3, 0, 0, 12), 12);
    assert_eq!(
        gone.responses[0].partitions[0].error_code,
        ResponseError::OffsetOutOfRange.code()
    );
    for version in versions(ApiKey::DescribeCluster) {
        let response = client.call(&DescribeClusterRequest::default(), version);
        assert_eq!(
            (
                response.error_code,
                response.brokers.len(),
                response.controller_id
            ),
            (0, 1, BrokerId(1))
        );
    }
}
