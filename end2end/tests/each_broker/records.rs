//! Conformance of the broker: records go in and come out, all of them, in order, as they were.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use azulejo_end2end::kafka_broker::{AnyBroker, BrokerProcess, segment_bytes};
use azulejo_end2end::kafka_clients::{PATIENCE, ask, client, fresh, new_topic, next, reader, take, text};
use azulejo_end2end::kafka_kcat::kcat;
use futures::future::join_all;
use rdkafka::Timestamp;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, FutureProducer, FutureRecord, Producer as _, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

type Bulk = ThreadedProducer<rdkafka::producer::DefaultProducerContext>;

/// Produces `count` records, numbered by key, of `size` bytes to partition 0, and reads them back: none is missing, none
/// doubled, all in order.
async fn nothing_missing(count: usize, size: usize, settings: &[(&str, &str)]) -> Result<()> {
    let broker = AnyBroker::start()?;
    let topic = new_topic(broker.address(), "bulk", 1, &[("max.message.bytes", "2000000")]).await?;
    let mut all = vec![
        ("enable.idempotence", "true"),
        ("message.max.bytes", "2000000"),
        ("linger.ms", "5"),
    ];
    all.extend_from_slice(settings);
    let producer: Bulk = client(broker.address(), &all)?;
    let payload: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
    for number in 0..count {
        let key = number.to_string();
        let mut record = BaseRecord::to(&topic).partition(0).key(&key).payload(&payload);
        while let Err((error, back)) = producer.send(record) {
            assert_eq!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            std::thread::sleep(Duration::from_millis(5));
            record = back;
        }
    }
    producer.flush(Duration::from_secs(120))?;
    let consumer = reader(broker.address(), &topic, 1)?;
    for number in 0..count {
        let message = next(&consumer).with_context(|| format!("record {number} of {count}"))?;
        assert_eq!(message.offset(), number as i64);
        assert_eq!(message.key(), Some(number.to_string().as_bytes()));
        assert_eq!(message.payload(), Some(payload.as_slice()));
    }
    let (low, high) = consumer.fetch_watermarks(&topic, 0, PATIENCE)?;
    assert_eq!((low, high), (0, count as i64));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_small_records_are_all_there_in_order() -> Result<()> {
    nothing_missing(50_000, 1000, &[("queue.buffering.max.messages", "10000")]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_large_records_are_all_there_in_order() -> Result<()> {
    nothing_missing(
        500,
        1_200_000,
        &[("queue.buffering.max.kbytes", "32768"), ("linger.ms", "0")],
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_values_headers_and_timestamps_come_back_as_they_were() -> Result<()> {
    let broker = AnyBroker::start()?;
    let topic = new_topic(broker.address(), "content", 1, &[]).await?;
    let producer: FutureProducer = client(broker.address(), &[("acks", "1")])?;
    let headers = || {
        OwnedHeaders::new()
            .insert(Header {
                key: "text",
                value: Some("ü"),
            })
            .insert(Header {
                key: "empty",
                value: Some(""),
            })
            .insert(Header {
                key: "none",
                value: None::<&str>,
            })
            .insert(Header {
                key: "text",
                value: Some("again"),
            })
    };
    let records = [
        FutureRecord::to(&topic)
            .key("k")
            .payload("v")
            .headers(headers())
            .timestamp(1_234_567_890_123),
        FutureRecord::to(&topic).key("only a key").timestamp(5),
        FutureRecord::to(&topic).payload("only a value").timestamp(6),
        FutureRecord::to(&topic).timestamp(7),
        FutureRecord::to(&topic).key("").payload("").timestamp(8),
    ];
    for record in records {
        producer
            .send(record, PATIENCE)
            .await
            .map_err(|(error, _)| error)?;
    }
    let read = take(&reader(broker.address(), &topic, 1)?, 5)?;
    let content: Vec<_> = read.iter().map(|m| (m.key(), m.payload())).collect();
    type Part<'a> = Option<&'a [u8]>;
    let expected: [(Part<'_>, Part<'_>); 5] = [
        (Some(b"k"), Some(b"v")),
        (Some(b"only a key"), None),
        (None, Some(b"only a value")),
        (None, None),
        (Some(b""), Some(b"")),
    ];
    assert_eq!(content, expected);
    assert_eq!(read[0].timestamp(), Timestamp::CreateTime(1_234_567_890_123));
    let got = read[0].headers().context("headers")?;
    let got: Vec<_> = got
        .iter()
        .map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec)))
        .collect();
    let wanted = [
        ("text", Some("ü")),
        ("empty", Some("")),
        ("none", None),
        ("text", Some("again")),
    ];
    let wanted = wanted.map(|(key, value)| (key.to_owned(), value.map(|v| v.as_bytes().to_vec())));
    assert_eq!(got, wanted);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_compression_is_stored_and_served() -> Result<()> {
    let broker = AnyBroker::start()?;
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = new_topic(broker.address(), codec, 1, &[]).await?;
        let lines: String = (0..500)
            .map(|n| format!("line {n} of many that look much alike\n"))
            .collect();
        // This build of rdkafka has no zstd; Debian's kcat has.
        kcat(
            broker.address(),
            &["-P", "-t", &topic, "-z", codec],
            lines.as_bytes(),
        )?;
        let read = kcat(broker.address(), &["-C", "-t", &topic, "-e", "-q"], &[])?;
        assert_eq!(String::from_utf8(read)?, lines, "{codec}");
        if codec != "zstd" {
            let first = take(&reader(broker.address(), &topic, 1)?, 500)?;
            assert_eq!(
                text(&first[499]),
                "line 499 of many that look much alike",
                "{codec}"
            );
            let producer: FutureProducer = client(broker.address(), &[("compression.type", codec)])?;
            let sent = join_all((0..100).map(|_| {
                producer.send(
                    FutureRecord::<(), str>::to(&topic).payload("the same again and again"),
                    PATIENCE,
                )
            }));
            assert!(sent.await.iter().all(Result::is_ok), "{codec}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_keep_their_order_and_are_apart() -> Result<()> {
    let broker = AnyBroker::start()?;
    let topic = new_topic(broker.address(), "apart", 6, &[]).await?;
    let producer: FutureProducer = client(broker.address(), &[("enable.idempotence", "true")])?;
    let values: Vec<String> = (0..3000).map(|n| n.to_string()).collect();
    let sent = join_all(values.iter().enumerate().map(|(n, value)| {
        producer.send(
            FutureRecord::<(), str>::to(&topic)
                .partition(n as i32 % 6)
                .payload(value),
            PATIENCE,
        )
    }));
    assert!(sent.await.iter().all(Result::is_ok));
    let mut last = [-1_i64; 6];
    let mut seen = [0; 6];
    for message in take(&reader(broker.address(), &topic, 6)?, 3000)? {
        let number: i64 = text(&message).parse()?;
        let partition = message.partition() as usize;
        assert_eq!(number % 6, partition as i64);
        assert!(
            number > last[partition],
            "partition {partition}: {number} after {}",
            last[partition]
        );
        last[partition] = number;
        seen[partition] += 1;
    }
    assert_eq!(seen, [500; 6]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_beyond_the_topics_limit_is_refused_as_too_large() -> Result<()> {
    let broker = AnyBroker::start()?;
    let topic = new_topic(broker.address(), "limit", 1, &[("max.message.bytes", "5000")]).await?;
    let producer: FutureProducer = client(broker.address(), &[("enable.idempotence", "true")])?;
    let large = vec![b'x'; 6000];
    let refused = producer
        .send(FutureRecord::<(), [u8]>::to(&topic).payload(&large), PATIENCE)
        .await;
    let (error, _) = refused.err().context("a record that is too large was taken")?;
    assert_eq!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::MessageSizeTooLarge)
    );
    producer
        .send(
            FutureRecord::<(), [u8]>::to(&topic).payload(&large[..4000]),
            PATIENCE,
        )
        .await
        .map_err(|(error, _)| error)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_consumer_is_woken_by_a_record() -> Result<()> {
    let broker = AnyBroker::start()?;
    let topic = new_topic(broker.address(), "wake", 1, &[]).await?;
    let settings = [
        ("group.id", "w"),
        ("fetch.wait.max.ms", "20000"),
        ("enable.auto.commit", "false"),
    ];
    let consumer: rdkafka::consumer::BaseConsumer = client(broker.address(), &settings)?;
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_offset(&topic, 0, rdkafka::Offset::Beginning)?;
    consumer.assign(&list)?;
    assert!(consumer.poll(Duration::from_secs(2)).is_none());
    let producer: FutureProducer = client(broker.address(), &[])?;
    let mut times = Vec::new();
    for _ in 0..3 {
        // The fetch under way would wait for most of 20 seconds if nothing woke it.
        assert!(consumer.poll(Duration::from_millis(300)).is_none());
        let start = Instant::now();
        producer
            .send(FutureRecord::<(), str>::to(&topic).payload("now"), PATIENCE)
            .await
            .map_err(|(error, _)| error)?;
        next(&consumer)?;
        times.push(start.elapsed());
    }
    // The quickest of three: the machine may be busy with something else.
    let quickest = times.iter().min().context("three times")?;
    assert!(*quickest < Duration::from_millis(500), "{times:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_are_found_by_time() -> Result<()> {
    let broker = AnyBroker::start()?;
    let topic = new_topic(broker.address(), "time", 1, &[]).await?;
    let producer: FutureProducer = client(broker.address(), &[("linger.ms", "50")])?;
    let base = 1_700_000_000_000_i64;
    let sent = join_all((0..200).map(|n| {
        producer.send(
            FutureRecord::<(), str>::to(&topic)
                .payload("x")
                .timestamp(base + n * 1000),
            PATIENCE,
        )
    }));
    assert!(sent.await.iter().all(Result::is_ok));
    let consumer = reader(broker.address(), &topic, 1)?;
    for (time, expected) in [
        (base, 0),
        (base + 1, 1),
        (base + 100_000, 100),
        (base + 198_500, 199),
        (0, 0),
    ] {
        let mut list = rdkafka::TopicPartitionList::new();
        list.add_partition_offset(&topic, 0, rdkafka::Offset::Offset(time))?;
        let found = consumer.offsets_for_times(list, PATIENCE)?;
        assert_eq!(
            found.elements()[0].offset(),
            rdkafka::Offset::Offset(expected),
            "{time}"
        );
    }
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_offset(&topic, 0, rdkafka::Offset::Offset(base + 1_000_000))?;
    let found = consumer.offsets_for_times(list, PATIENCE)?;
    assert_eq!(found.elements()[0].offset(), rdkafka::Offset::End);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_out_of_range_resets_and_an_unknown_topic_is_an_error() -> Result<()> {
    let broker = AnyBroker::start()?;
    let topic = new_topic(broker.address(), "range", 1, &[]).await?;
    kcat(broker.address(), &["-P", "-t", &topic], b"a\nb\nc\n")?;
    let settings = [
        ("group.id", "r"),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
    ];
    let consumer: rdkafka::consumer::BaseConsumer = client(broker.address(), &settings)?;
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_offset(&topic, 0, rdkafka::Offset::Offset(1000))?;
    consumer.assign(&list)?;
    assert_eq!(next(&consumer)?.offset(), 0);
    let missing = fresh("missing");
    let metadata = consumer.fetch_metadata(Some(&missing), PATIENCE)?;
    let error = metadata.topics()[0]
        .error()
        .context("an unknown topic has an error")?;
    assert_eq!(
        RDKafkaErrorCode::from(error),
        RDKafkaErrorCode::UnknownTopicOrPartition
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_and_a_consumer_go_on_after_a_restart_of_the_broker() -> Result<()> {
    let mut broker = BrokerProcess::start()?;
    let topic = new_topic(
        broker.address(),
        "restart",
        2,
        &[("segment.bytes", segment_bytes("20000"))],
    )
    .await?;
    let producer: FutureProducer = client(broker.address(), &[("enable.idempotence", "true")])?;
    let consumer = reader(broker.address(), &topic, 2)?;
    for round in 0..3 {
        let values: Vec<String> = (0..300).map(|n| format!("{round}/{n}")).collect();
        let sent = join_all(values.iter().map(|value| {
            producer.send(
                FutureRecord::<str, str>::to(&topic).key(value).payload(value),
                PATIENCE,
            )
        }));
        assert!(sent.await.iter().all(Result::is_ok));
        assert_eq!(broker.stop()?, 0, "a clean end");
        broker.start_again()?;
        let mut read: Vec<String> = take(&consumer, 300)?.iter().map(text).collect();
        read.sort();
        let mut expected = values;
        expected.sort();
        assert_eq!(read, expected);
    }
    let low_high = ask(|| consumer.fetch_watermarks(&topic, 0, PATIENCE))?;
    let other = ask(|| consumer.fetch_watermarks(&topic, 1, PATIENCE))?;
    assert_eq!(low_high.1 + other.1, 900);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn acks_none_one_and_all_store_alike() -> Result<()> {
    let broker = AnyBroker::start()?;
    for acks in ["0", "1", "all"] {
        let topic = new_topic(broker.address(), "acks", 1, &[]).await?;
        let producer: FutureProducer = client(broker.address(), &[("acks", acks)])?;
        for n in 0..20 {
            let value = n.to_string();
            producer
                .send(FutureRecord::<(), str>::to(&topic).payload(&value), PATIENCE)
                .await
                .map_err(|(error, _)| error)?;
        }
        producer.flush(PATIENCE)?;
        let read: Vec<String> = take(&reader(broker.address(), &topic, 1)?, 20)?
            .iter()
            .map(text)
            .collect();
        assert_eq!(
            read,
            (0..20).map(|n| n.to_string()).collect::<Vec<_>>(),
            "acks={acks}"
        );
    }
    Ok(())
}
