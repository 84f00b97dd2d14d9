//! Requests that several files make.

use crate::common::{Client, text};
use azulejo_broker::wire::request::OFFERED;
use bytes::Bytes;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::*;

pub const TOPIC: &str = "tiles";

pub fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

pub fn group(name: &str) -> GroupId {
    GroupId(text(name))
}

pub fn versions(key: ApiKey) -> std::ops::RangeInclusive<i16> {
    let (_, low, high) = OFFERED.into_iter().find(|(k, _, _)| *k == key).unwrap();
    low..=high
}

pub fn create(
    client: &mut Client,
    name: &str,
    partitions: i32,
    configs: &[(&str, &str)],
    version: i16,
) -> i16 {
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

pub fn produce(name: &str, partition: i32, records: Bytes) -> ProduceRequest {
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
pub fn produced(client: &mut Client, request: &ProduceRequest, version: i16) -> (i16, i64) {
    let response = client.call(request, version);
    let partition = &response.responses[0].partition_responses[0];
    (partition.error_code, partition.base_offset)
}

pub fn fetch(name: &str, id: uuid::Uuid, offset: i64, wait: i32, min: i32, version: i16) -> FetchRequest {
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
