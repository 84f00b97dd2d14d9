//! What is offered, and topics: made, grown, described, deleted.

use crate::common::{Client, broker, broker_with, text};
use crate::helpers::{create, topic_name, versions};
use azulejo_broker::wire::request::OFFERED;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::*;

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
                "policy",
                1,
                &[("cleanup.policy", "compress")][..],
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
