//! Measurements of the broker that take long: its memory with a large log and four consumers at full speed, and its
//! speed as librdkafka sees it. Run with `cargo test --release -p azulejo-end2end --test broker_measure -- --ignored --nocapture`,
//! or against Apache Kafka with `AZULEJO_CONFORMANCE_KAFKA=HOST:PORT` in front.

use std::time::{Duration, Instant};

use anyhow::Result;
use azulejo_end2end::kafka_broker::{AnyBroker, BrokerProcess};
use azulejo_end2end::kafka_clients::{client, new_topic, next, reader};
use rdkafka::producer::{
    BaseRecord, DefaultProducerContext, FutureProducer, FutureRecord, Producer as _, ThreadedProducer,
};

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

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes 5 GB and reads 20; takes a minute on a quiet machine"]
async fn memory_stays_under_64_mb_with_5_gb_and_four_consumers() -> Result<()> {
    const RECORDS: usize = 5000;
    let mut broker = BrokerProcess::start()?;
    let topic = new_topic(broker.address(), "memory", 1, &[("max.message.bytes", "2000000")]).await?;
    println!("produced at {:.0} MB/s", fill(broker.address(), &topic, RECORDS)?);
    let process = broker.program()?.id();
    println!(
        "memory after 5 GB: peak {} KB, now {} KB",
        memory(process)?.0,
        memory(process)?.1
    );
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (address, topic) = (broker.address().to_owned(), topic.clone());
            std::thread::spawn(move || drain(&address, &topic, RECORDS))
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
    assert!(peak < 64 * 1024, "{peak} KB");
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
