//! Clients that announce much, send little and take their answers slowly: nobody else waits for them.

mod common;

use std::io::{Read, Write};
use std::time::Duration;

use common::{Client, batch, broker, broker_with, text};
use kafka_protocol::messages::*;

fn is_alive(broker: &common::TestBroker) {
    let mut client = Client::connect(broker.running.address());
    assert_eq!(client.call(&ApiVersionsRequest::default(), 0).error_code, 0);
}

/// Announces a Produce of `length` bytes and sends the first `sent` of them.
fn announce(broker: &common::TestBroker, length: u32, sent: usize) -> Client {
    let mut client = Client::connect(broker.running.address());
    client.stream.write_all(&length.to_be_bytes()).unwrap();
    client.stream.write_all(&vec![0; sent]).unwrap();
    client
}

#[test]
fn nobody_waits_for_a_client_that_announces_much_and_sends_little() {
    let broker = broker();
    // One that waits for records, and some whose frames would fill the memory for requests, with and without a beginning.
    let mut waiting = Client::connect(broker.running.address());
    let wanted = fetch_request::FetchTopic::default()
        .with_topic(TopicName(text("t")))
        .with_partitions(vec![fetch_request::FetchPartition::default()]);
    let topic = create_topics_request::CreatableTopic::default()
        .with_name(TopicName(text("t")))
        .with_num_partitions(1)
        .with_replication_factor(1);
    waiting.call(&CreateTopicsRequest::default().with_topics(vec![topic]), 7);
    let fetch = FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(20_000)
        .with_min_bytes(1)
        .with_topics(vec![wanted]);
    waiting.send(&fetch, 12);
    let _stalled: Vec<_> = [0, 2, 100_000, 100_000]
        .map(|sent| announce(&broker, 25 << 20, sent))
        .into();
    let start = std::time::Instant::now();
    is_alive(&broker);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn a_producer_that_stalls_gives_its_place_to_others_in_time() {
    let broker = broker_with(|config| config.frame_patience = Duration::from_millis(200));
    let mut stalled: Vec<_> = (0..3).map(|_| announce(&broker, 25 << 20, 100_000)).collect();
    let value = vec![b'v'; 900_000];
    let metadata = metadata_request::MetadataRequestTopic::default().with_name(Some(TopicName(text("t"))));
    let metadata = MetadataRequest::default()
        .with_topics(Some(vec![metadata]))
        .with_allow_auto_topic_creation(true);
    let mut client = Client::connect(broker.running.address());
    client.call(&metadata, 12);
    let start = std::time::Instant::now();
    let response = client.call(&produce_one("t", &value), 9);
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    for client in &mut stalled {
        assert!(client.receive_raw().is_none(), "closed");
    }
}

fn produce_one(topic: &str, value: &[u8]) -> ProduceRequest {
    let data = produce_request::PartitionProduceData::default().with_records(Some(batch(&[value], None)));
    let topic = produce_request::TopicProduceData::default()
        .with_name(TopicName(text(topic)))
        .with_partition_data(vec![data]);
    ProduceRequest::default()
        .with_acks(-1)
        .with_topic_data(vec![topic])
}

#[test]
fn only_what_brings_records_may_be_large() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    // A Fetch of 3 MiB, of which only the start is ever sent.
    client.stream.write_all(&(3_u32 << 20).to_be_bytes()).unwrap();
    client.stream.write_all(&[0, 1, 0, 12]).unwrap();
    assert!(client.receive_raw().is_none());
    is_alive(&broker);
}

#[test]
fn an_answer_may_take_long_as_long_as_some_of_it_is_taken() {
    let broker = broker_with(|config| {
        config.answer_patience = Duration::from_millis(400);
        config.topic_defaults.max_message_bytes = 20 << 20;
    });
    let mut client = Client::connect(broker.running.address());
    let topic = create_topics_request::CreatableTopic::default()
        .with_name(TopicName(text("t")))
        .with_num_partitions(1)
        .with_replication_factor(1);
    client.call(&CreateTopicsRequest::default().with_topics(vec![topic]), 7);
    let value = vec![b'v'; 16 << 20];
    let stored = client.call(&produce_one("t", &value), 9);
    assert_eq!(stored.responses[0].partition_responses[0].error_code, 0);
    let wanted = fetch_request::FetchTopic::default()
        .with_topic(TopicName(text("t")))
        .with_partitions(vec![
            fetch_request::FetchPartition::default().with_partition_max_bytes(1 << 30),
        ]);
    let fetch = FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_bytes(1 << 30)
        .with_topics(vec![wanted]);

    // Slowly: a little every now and then, for several times the patience.
    client.send(&fetch, 12);
    let mut length = [0; 4];
    client.stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    for part in answer.chunks_mut(1 << 20) {
        std::thread::sleep(Duration::from_millis(100));
        client.stream.read_exact(part).unwrap();
    }
    // Not at all: the broker gives up.
    client.send(&fetch, 12);
    std::thread::sleep(Duration::from_millis(1500));
    let mut rest = Vec::new();
    let _ = client.stream.read_to_end(&mut rest);
    assert!(rest.len() < answer.len(), "{} bytes", rest.len());
}
