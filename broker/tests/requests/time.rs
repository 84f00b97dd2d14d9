//! Timestamps: the producer's, held to the clock, or the broker's.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::common::{Client, batch_at, broker, text};
use crate::helpers::{TOPIC, create, fetch, produce, produced, topic_name, versions};
use azulejo_broker::BrokerConfig;
use azulejo_broker::start_on_free_port;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::*;

const MINUTE: i64 = 60 * 1000;

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Changes a setting of the topic; gives the error code.
fn alter(client: &mut Client, name: &str, value: &str) -> i16 {
    let config = AlterableConfig::default()
        .with_name(text(name))
        .with_value(Some(text(value)));
    let resource = AlterConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text(TOPIC))
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    client.call(&request, 1).responses[0].error_code
}

/// The offset and the timestamp at or after `timestamp`.
fn offset_at(client: &mut Client, timestamp: i64) -> (i64, i64) {
    let partition = ListOffsetsPartition::default().with_timestamp(timestamp);
    let topic = ListOffsetsTopic::default()
        .with_name(topic_name(TOPIC))
        .with_partitions(vec![partition]);
    let response = client.call(&ListOffsetsRequest::default().with_topics(vec![topic]), 8);
    let partition = &response.topics[0].partitions[0];
    (partition.offset, partition.timestamp)
}

#[test]
fn the_brokers_time_is_in_the_answer_and_in_the_records_and_the_setting_outlasts_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = || BrokerConfig::new(folder.path());
    let running = start_on_free_port(config()).unwrap();
    let mut client = Client::connect(running.address());
    let configs = [
        ("message.timestamp.type", "LogAppendTime"),
        ("file.delete.delay.ms", "1000"),
    ];
    assert_eq!(create(&mut client, TOPIC, 1, &configs, 7), 0);
    for (end, version) in (1..).zip(versions(ApiKey::Produce)) {
        let before = now();
        // Whatever the producer's clock says.
        let timestamp = if version % 2 == 0 {
            5
        } else {
            now() + 100 * 24 * 60 * MINUTE
        };
        let request = produce(TOPIC, 0, batch_at(&[b"x"], None, timestamp));
        let response = client.call(&request, version);
        let partition = &response.responses[0].partition_responses[0];
        let stamp = partition.log_append_time_ms;
        assert_eq!(partition.error_code, 0);
        assert!((before..=now()).contains(&stamp), "version {version}: {stamp}");
        let (offset, found) = offset_at(&mut client, -3);
        assert!(offset < end && found <= now(), "{found}");
    }
    let response = client.call(&fetch(TOPIC, uuid::Uuid::nil(), 0, 0, 0, 12), 12);
    let records = response.responses[0].partitions[0].records.clone().unwrap();
    assert_eq!(records[22], 8, "the timestamp type of the batch");

    running.stop();
    let running = start_on_free_port(config()).unwrap();
    let mut client = Client::connect(running.address());
    let resource = DescribeConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text(TOPIC))
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
    let described = client.call(&request, 4).results[0].configs.clone();
    for (name, value) in configs {
        let config = described
            .iter()
            .find(|config| config.name.as_str() == name)
            .unwrap();
        assert_eq!(config.value.as_deref(), Some(value));
        assert_eq!(config.config_source, 1, "the topic's own");
    }
    let request = produce(TOPIC, 0, batch_at(&[b"x"], None, 5));
    let response = client.call(&request, 9);
    assert!(response.responses[0].partition_responses[0].log_append_time_ms > 5);
    running.stop();
}

#[test]
fn timestamps_that_a_topic_does_not_allow_are_refused_and_every_limit_can_be_changed() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    assert_eq!(create(&mut client, TOPIC, 1, &[], 7), 0);
    let code = |client: &mut Client, timestamp| {
        let request = produce(TOPIC, 0, batch_at(&[b"x"], None, timestamp));
        produced(client, &request, 9).0
    };
    let invalid = ResponseError::InvalidTimestamp.code();
    assert_eq!(code(&mut client, now() + 59 * MINUTE), 0, "an hour by default");
    assert_eq!(code(&mut client, now() + 61 * MINUTE), invalid);
    assert_eq!(code(&mut client, i64::MAX), invalid);
    assert_eq!(code(&mut client, 0), 0, "nothing is too old by default");

    assert_eq!(alter(&mut client, "message.timestamp.before.max.ms", "60000"), 0);
    assert_eq!(alter(&mut client, "message.timestamp.after.max.ms", "60000"), 0);
    assert_eq!(code(&mut client, now()), 0);
    assert_eq!(code(&mut client, now() - 2 * MINUTE), invalid);
    assert_eq!(code(&mut client, now() + 2 * MINUTE), invalid);

    let config = ResponseError::InvalidConfig.code();
    assert_eq!(alter(&mut client, "message.timestamp.after.max.ms", "-1"), config);
    assert_eq!(
        alter(&mut client, "message.timestamp.type", "logappendtime"),
        config
    );
    assert_eq!(alter(&mut client, "message.timestamp.type", "LogAppendTime"), 0);
    assert_eq!(code(&mut client, 0), 0, "the producer's does not matter any more");
}
