//! Settings, deletion of records, and the cluster.

use crate::common::{Client, batch, broker, text};
use crate::helpers::{TOPIC, create, fetch, produce, produced, topic_name, versions};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::*;

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
