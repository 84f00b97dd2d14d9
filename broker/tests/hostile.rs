//! Whatever is sent: the broker stays up, answers others, and takes no memory for what was only announced.
//!
//! The seeded runs here are short; the same entries are fuzz targets in `fuzz/`.

mod common;
#[path = "common/decode.rs"]
mod decode;
#[path = "common/recover.rs"]
mod recover;

use std::io::{Read, Write};
use std::time::Duration;

use azulejo_broker::wire::request::{OFFERED, Request};
use bytes::Bytes;
use common::{Client, Random, batch, broker, broker_with, frame, text};
use decode::decode;
use kafka_protocol::messages::*;

fn is_alive(broker: &common::TestBroker) {
    let mut client = Client::connect(broker.running.address());
    assert_eq!(client.call(&ApiVersionsRequest::default(), 0).error_code, 0);
}

/// Requests to start from: real ones go deeper than noise.
fn seeds() -> Vec<Vec<u8>> {
    use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
    use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
    use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
    let name = || TopicName(text("tiles"));
    let data = PartitionProduceData::default().with_records(Some(batch(&[b"a", b"b"], Some((1, 0, 0)))));
    let topic = TopicProduceData::default()
        .with_name(name())
        .with_partition_data(vec![data]);
    let produce = ProduceRequest::default()
        .with_acks(1)
        .with_topic_data(vec![topic]);
    let fetch_topic = FetchTopic::default()
        .with_topic(name())
        .with_partitions(vec![FetchPartition::default()]);
    let fetch = FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_topics(vec![fetch_topic]);
    let wanted = MetadataRequestTopic::default().with_name(Some(name()));
    let metadata = MetadataRequest::default().with_topics(Some(vec![wanted]));
    let create_topic = create_topics_request::CreatableTopic::default()
        .with_name(name())
        .with_num_partitions(1);
    let create = CreateTopicsRequest::default().with_topics(vec![create_topic]);
    let protocol = join_group_request::JoinGroupRequestProtocol::default().with_name(text("range"));
    let join = JoinGroupRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_session_timeout_ms(6000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    let commit_topic = offset_commit_request::OffsetCommitRequestTopic::default()
        .with_name(name())
        .with_partitions(vec![
            offset_commit_request::OffsetCommitRequestPartition::default(),
        ]);
    let commit = OffsetCommitRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_topics(vec![commit_topic]);
    vec![
        frame(&produce, 3, 1),
        frame(&produce, 9, 1),
        frame(&fetch, 4, 1),
        frame(&fetch, 12, 1),
        frame(&metadata, 1, 1),
        frame(&metadata, 12, 1),
        frame(&create, 2, 1),
        frame(&create, 7, 1),
        frame(&join, 2, 1),
        frame(&join, 9, 1),
        frame(&commit, 2, 1),
        frame(&commit, 9, 1),
    ]
}

/// A seed with a few bytes changed, cut, doubled or made large.
fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes.truncate(at.max(8)),
            2 => bytes[at] = 0xff,
            3 => {
                let end = (at + 4).min(bytes.len());
                bytes[at..end].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff][..end - at]);
            }
            4 => {
                let tail = bytes[at..].to_vec();
                bytes.extend_from_slice(&tail);
            }
            _ => bytes[at] ^= 1 << random.below(8),
        }
    }
    bytes
}

#[test]
fn every_decoder_takes_arbitrary_bytes() {
    let mut random = Random(0x5eed_0001);
    for (key, low, high) in OFFERED {
        for version in low..=high {
            for _ in 0..150 {
                let length = random.below(200);
                let body: Vec<u8> = (0..length)
                    .map(|_| random.next() as u8 & random.next() as u8)
                    .collect();
                decode(key, Bytes::from(body), version);
            }
        }
    }
    let seeds = seeds();
    for _ in 0..30_000 {
        if let Ok(request) = Request::read(mutated(&seeds, &mut random).into()) {
            decode(request.key, request.body.clone(), request.version);
        }
    }
}

#[test]
fn recovery_takes_a_log_with_any_file_damaged() {
    let mut random = Random(0x5eed_0003);
    for which in 0..=255_u8 {
        let length = [0, 3, 9, 300][random.below(4)];
        let bytes: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        recover::recover(which, &bytes);
        // Digits in place of digits: what is written down is well formed and wrong.
        let digits: Vec<u8> = (0..4)
            .flat_map(|_| [0, random.below(80) as u8, b'0' + random.below(10) as u8])
            .collect();
        recover::recover(which & !0x20, &digits);
    }
}

#[test]
fn a_broker_that_is_sent_noise_goes_on() {
    let broker = broker();
    let seeds = seeds();
    let mut random = Random(0x5eed_0002);
    for _ in 0..300 {
        let mut client = Client::connect(broker.running.address());
        client
            .stream
            .set_read_timeout(Some(Duration::from_millis(5)))
            .unwrap();
        for _ in 0..4 {
            if client.send_raw(&mutated(&seeds, &mut random)).is_err() {
                break;
            }
        }
        let mut answer = [0; 1000];
        let _ = client.stream.read(&mut answer);
    }
    is_alive(&broker);
}

#[test]
fn frames_that_are_too_large_or_negative_are_refused() {
    let broker = broker_with(|config| config.max_request_bytes = 10_000);
    for length in [10_001_u32, u32::MAX, 1 << 31, 0x7fff_ffff] {
        let mut client = Client::connect(broker.running.address());
        client.stream.write_all(&length.to_be_bytes()).unwrap();
        assert!(client.receive_raw().is_none(), "{length}");
    }
    is_alive(&broker);
}

#[test]
fn connections_beyond_the_limit_are_refused_until_there_is_room() {
    let broker = broker_with(|config| config.max_connections = 3);
    let greet = || {
        let mut client = Client::connect(broker.running.address());
        let asked = client.send_raw(&frame(&ApiVersionsRequest::default(), 0, 1));
        asked.ok().and_then(|()| client.receive_raw()).map(|_| client)
    };
    let mut open: Vec<_> = (0..3).map(|_| greet().expect("there is room")).collect();
    assert!(greet().is_none());
    open.pop();
    let again = (0..200).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        greet()
    });
    assert!(again.is_some(), "there is room again");
}

#[test]
fn a_silent_connection_is_closed() {
    let broker = broker_with(|config| config.idle_timeout = Duration::from_millis(100));
    let mut client = Client::connect(broker.running.address());
    client
        .stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut byte = [0];
    assert_eq!(
        client.stream.read(&mut byte).ok(),
        Some(0),
        "closed, not timed out"
    );
}

#[test]
fn more_requests_than_memory_wait_their_turn() {
    let broker = broker_with(|config| config.request_memory_bytes = 100_000);
    let value = vec![b'v'; 300_000];
    let data = produce_request::PartitionProduceData::default().with_records(Some(batch(&[&value], None)));
    let topic = produce_request::TopicProduceData::default()
        .with_name(TopicName(text("t")))
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_topic_data(vec![topic]);
    let wanted = metadata_request::MetadataRequestTopic::default().with_name(Some(TopicName(text("t"))));
    let metadata = MetadataRequest::default()
        .with_topics(Some(vec![wanted]))
        .with_allow_auto_topic_creation(true);
    Client::connect(broker.running.address()).call(&metadata, 12);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let mut client = Client::connect(broker.running.address());
                for _ in 0..10 {
                    let response = client.call(&request, 9);
                    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
                }
            });
        }
    });
}

#[test]
fn a_name_that_is_repeated_is_answered_once() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    let topic = create_topics_request::CreatableTopic::default()
        .with_name(TopicName(text("t")))
        .with_num_partitions(12)
        .with_replication_factor(1);
    client.call(&CreateTopicsRequest::default().with_topics(vec![topic]), 7);
    let wanted = metadata_request::MetadataRequestTopic::default().with_name(Some(TopicName(text("t"))));
    let request = MetadataRequest::default().with_topics(Some(vec![wanted; 20_000]));
    assert_eq!(client.call(&request, 1).topics.len(), 1);

    let resource = describe_configs_request::DescribeConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text("t"))
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default().with_resources(vec![resource; 20_000]);
    assert_eq!(client.call(&request, 1).results.len(), 1);

    let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(text("g")); 20_000]);
    assert_eq!(client.call(&request, 5).groups.len(), 1);

    let topic = offset_fetch_request::OffsetFetchRequestTopics::default()
        .with_name(TopicName(text("t")))
        .with_partition_indexes(vec![0; 5_000]);
    let group = offset_fetch_request::OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(text("g")))
        .with_topics(Some(vec![topic]));
    let request = OffsetFetchRequest::default().with_groups(vec![group; 3]);
    let groups = client.call(&request, 8).groups;
    assert_eq!((groups.len(), groups[0].topics[0].partitions.len()), (1, 1));

    let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text("g"); 20_000]);
    assert_eq!(client.call(&request, 4).coordinators.len(), 1);
}
