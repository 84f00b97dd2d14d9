//! Records: produced, fetched, found by time, and what is wrong with them.

use crate::common::{Client, batch, batch_at, broker, broker_with, text};
use crate::helpers::{TOPIC, create, fetch, produce, produced, topic_name, versions};
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::*;
use std::time::{Duration, Instant};

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
            &produce(TOPIC, 0, batch(&[b"x"], Some((500, epoch, sequence)))),
            9,
        )
    };
    assert_eq!(send(0, 0), (0, 0));
    assert_eq!(send(0, 1), (0, 1));
    assert_eq!(send(0, 0), (0, 0), "a retry");
    assert_eq!(send(0, 3).0, ResponseError::OutOfOrderSequenceNumber.code());
    assert_eq!(send(1, 0), (0, 2), "a new epoch");
    assert_eq!(send(0, 2).0, ResponseError::InvalidProducerEpoch.code());
    // Whoever names an id that it may not have gets another one, and cannot shut its producer out.
    let again = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_producer_id(ProducerId(500))
        .with_producer_epoch(1);
    let given = client.call(&again, 4);
    assert_eq!((given.error_code, given.producer_epoch), (0, 0));
    assert!(given.producer_id != ProducerId(500) && ids.insert(given.producer_id));
    let sent = produce(TOPIC, 0, batch(&[b"x"], Some((500, 1, 1))));
    assert_eq!(produced(&mut client, &sent, 9), (0, 3));
}
