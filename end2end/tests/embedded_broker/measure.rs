//! What the broker needs: its memory with four consumers at full speed, and its processor time while they wait.
//!
//! What takes long or is no test, with 5 GB and the speed as librdkafka sees it, is run with `cargo test --release -p azulejo-end2end --test embedded_broker --
//! measure --ignored --nocapture`,
//! or against Apache Kafka with `AZULEJO_CONFORMANCE_KAFKA=HOST:PORT` in front.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is of interest also when the test passes"
)]

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use azulejo_end2end::kafka_broker::{AnyBroker, BrokerProcess};
use azulejo_end2end::kafka_clients::{client, new_topic, next, reader};
use azulejo_end2end::kafka_kcat::kcat;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{
    BaseRecord, DefaultProducerContext, FutureProducer, FutureRecord, Producer as _, ThreadedProducer,
};
use rdkafka::{Offset, TopicPartitionList};

const MEGABYTE: usize = 1_000_000;

fn fill(address: &str, topic: &str, records: usize) -> Result<f64> {
    let settings = [
        ("enable.idempotence", "true"),
        ("message.max.bytes", "2000000"),
        ("linger.ms", "0"),
        ("queue.buffering.max.kbytes", "65536"),
    ];
    let producer: ThreadedProducer<DefaultProducerContext> = client(address, &settings)?;
    let payload: Vec<u8> = (0..MEGABYTE).map(|n| (n * 7 % 253) as u8).collect();
    let start = Instant::now();
    for _ in 0..records {
        let mut record = BaseRecord::<(), [u8]>::to(topic).partition(0).payload(&payload);
        while let Err((_, back)) = producer.send(record) {
            std::thread::sleep(Duration::from_millis(2));
            record = back;
        }
    }
    producer.flush(Duration::from_secs(300))?;
    Ok(records as f64 / start.elapsed().as_secs_f64())
}

fn drain(address: &str, topic: &str, records: usize) -> Result<f64> {
    let consumer = reader(address, topic, 1)?;
    next(&consumer)?;
    let start = Instant::now();
    for _ in 1..records {
        assert_eq!(next(&consumer)?.payload_len(), MEGABYTE);
    }
    Ok((records - 1) as f64 / start.elapsed().as_secs_f64())
}

/// Peak and present resident memory of a process, kilobytes.
fn memory(process: u32) -> Result<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let field = |name: &str| {
        let line = status
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default();
        line.split_whitespace()
            .nth(1)
            .and_then(|value| value.parse().ok())
            .unwrap_or(0)
    };
    Ok((field("VmHWM"), field("VmRSS")))
}

/// Most resident memory of the broker, kilobytes.
const MEMORY: u64 = 64 * 1024;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes 5 GB and reads 20; takes a minute on a quiet machine"]
async fn memory_stays_under_64_mb_with_5_gb_and_four_consumers() -> Result<()> {
    memory_with(5000).await
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_under_64_mb_with_four_consumers() -> Result<()> {
    memory_with(400).await
}

/// Produces so many megabytes and has four consumers read them.
async fn memory_with(records: usize) -> Result<()> {
    let mut broker = BrokerProcess::start()?;
    let topic = new_topic(broker.address(), "memory", 1, &[("max.message.bytes", "2000000")]).await?;
    println!("produced at {:.0} MB/s", fill(broker.address(), &topic, records)?);
    let process = broker.program()?.id();
    let (peak, now) = memory(process)?;
    println!("memory after {records} MB: peak {peak} KB, now {now} KB");
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (address, topic) = (broker.address().to_owned(), topic.clone());
            std::thread::spawn(move || drain(&address, &topic, records))
        })
        .collect();
    let mut rate = 0.0;
    for thread in threads {
        rate += thread
            .join()
            .map_err(|_| anyhow::anyhow!("a consumer panicked"))??;
    }
    let (peak, now) = memory(process)?;
    println!("four consumers at {rate:.0} MB/s together; memory: peak {peak} KB, now {now} KB");
    assert!(0 < peak && peak < MEMORY, "{peak} KB");
    Ok(())
}

/// Hundredths of a second that a process has spent computing.
fn processor_time(process: u32) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may hold anything; user and system time are the 14th and 15th field.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .collect();
    let field = |at: usize| fields.get(at).and_then(|value| value.parse::<u64>().ok());
    Ok(field(11).context("user time")? + field(12).context("system time")?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_waits_costs_no_processor_time() -> Result<()> {
    let mut broker = BrokerProcess::start()?;
    let topic = new_topic(broker.address(), "idle", 1, &[]).await?;
    kcat(broker.address(), &["-P", "-t", &topic], b"too\nlittle\n")?;
    // One waits for anything, one for more than there is.
    let settings = [("group.id", "idle"), ("fetch.wait.max.ms", "20000")];
    let mut consumers = Vec::new();
    for (offset, least) in [(2, "1"), (0, "100000")] {
        let mut settings = settings.to_vec();
        settings.push(("fetch.min.bytes", least));
        let consumer: BaseConsumer = client(broker.address(), &settings)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, 0, Offset::Offset(offset))?;
        consumer.assign(&list)?;
        assert!(consumer.poll(Duration::from_millis(1500)).is_none());
        consumers.push(consumer);
    }
    let process = broker.program()?.id();
    let before = processor_time(process)?;
    for consumer in &consumers {
        assert!(consumer.poll(Duration::from_millis(1500)).is_none());
    }
    let spent = processor_time(process)? - before;
    println!("{spent} hundredths of a second in three seconds");
    assert!(spent < 30, "a loop would take 300: {spent}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a test; it says nothing on a busy machine"]
async fn speed_as_librdkafka_sees_it() -> Result<()> {
    const RECORDS: usize = 1500;
    let broker = AnyBroker::start()?;
    let topic = new_topic(broker.address(), "speed", 1, &[("max.message.bytes", "2000000")]).await?;
    println!("produce {:.0} MB/s", fill(broker.address(), &topic, RECORDS)?);
    println!("consume {:.0} MB/s", drain(broker.address(), &topic, RECORDS)?);
    let topic = new_topic(broker.address(), "latency", 1, &[]).await?;
    let consumer = reader(broker.address(), &topic, 1)?;
    let producer: FutureProducer = client(broker.address(), &[("acks", "all"), ("linger.ms", "0")])?;
    let mut times = Vec::new();
    for number in 0..1100 {
        let start = Instant::now();
        let sent = producer.send_result(FutureRecord::<(), str>::to(&topic).payload("small"));
        let delivery = sent.map_err(|(error, _)| error)?;
        let received = tokio::task::block_in_place(|| next(&consumer).map(|_| start.elapsed()))?;
        delivery.await?.map_err(|(error, _)| error)?;
        // The first ones set up connections.
        if number >= 100 {
            times.push(received);
        }
    }
    times.sort();
    println!(
        "end to end p50 {:?}, p99 {:?}",
        times[times.len() / 2],
        times[times.len() * 99 / 100]
    );
    Ok(())
}
