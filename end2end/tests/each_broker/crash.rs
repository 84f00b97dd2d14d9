//! Conformance of the broker: killed in mid-traffic, again and again, it loses nothing that it has acknowledged.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is of interest also when the test passes"
)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use azulejo_end2end::kafka_broker::{BrokerProcess, segment_bytes};
use azulejo_end2end::kafka_clients::{PATIENCE, ask, client, new_topic, reader, take, text};
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};

/// What the clients know while the broker comes and goes.
#[derive(Default)]
struct Known {
    stop: AtomicBool,
    /// Partition, offset and value of every acknowledged record.
    acknowledged: Mutex<Vec<(i32, i64, String)>>,
    /// Highest position whose commit was acknowledged, for partition 0.
    committed: AtomicI64,
}

async fn produce(producer: FutureProducer, topic: String, partition: i32, known: Arc<Known>) {
    let mut number = 0;
    while !known.stop.load(Ordering::Relaxed) {
        let batch: Vec<String> = (0..20).map(|n| format!("{partition}/{}", number + n)).collect();
        number += 20;
        let sent = batch.iter().map(|value| {
            let record = FutureRecord::<(), str>::to(&topic)
                .partition(partition)
                .payload(value);
            producer.send(record, Duration::from_secs(60))
        });
        for (value, result) in batch.iter().zip(futures::future::join_all(sent).await) {
            if let Ok(delivery) = result {
                let row = (delivery.partition, delivery.offset, value.clone());
                known.acknowledged.lock().expect("not poisoned").push(row);
            }
        }
    }
}

/// How the consumer gets its partition.
#[derive(Clone, Copy, PartialEq)]
enum Membership {
    /// It takes it.
    Assigned,
    /// As a member of a group, which has to find together again after each kill.
    Subscribed,
}

/// Reads and commits what it has read of partition 0, remembering which commits were acknowledged.
fn consume(address: &str, topic: &str, membership: Membership, known: &Known) -> Result<()> {
    let settings = [
        ("group.id", "crash"),
        ("enable.auto.commit", "false"),
        ("auto.offset.reset", "earliest"),
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "200"),
        ("fetch.wait.max.ms", "50"),
    ];
    let consumer: BaseConsumer = client(address, &settings)?;
    if membership == Membership::Subscribed {
        consumer.subscribe(&[topic])?;
    } else {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Beginning)?;
        consumer.assign(&list)?;
    }
    let mut position = 0;
    let mut uncommitted = 0;
    while !known.stop.load(Ordering::Relaxed) {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(20)) else {
            continue;
        };
        if message.partition() != 0 {
            continue;
        }
        // A member begins again where it has committed; nobody may skip anything.
        let follows = match membership {
            Membership::Assigned => message.offset() == position,
            Membership::Subscribed => message.offset() <= position,
        };
        if !follows {
            bail!("offset {} after {position}", message.offset());
        }
        position = message.offset() + 1;
        uncommitted += 1;
        if uncommitted < 50 {
            continue;
        }
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Offset(position))?;
        if consumer.commit(&list, CommitMode::Sync).is_ok() {
            known.committed.fetch_max(position, Ordering::SeqCst);
            uncommitted = 0;
        }
    }
    Ok(())
}

/// Waits for records and commits beyond those known before, so that each kill comes in the middle of both.
async fn traffic(known: &Known, kill: usize) -> Result<()> {
    let stored = || known.acknowledged.lock().expect("not poisoned").len();
    let committed = || known.committed.load(Ordering::SeqCst);
    let before = (stored(), committed());
    let start = Instant::now();
    while stored() < before.0 + 200 || committed() <= before.1 {
        if start.elapsed() > PATIENCE {
            let now = (stored(), committed());
            bail!("no traffic before kill {kill}: stored and committed {before:?}, then {now:?}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_kills_in_mid_traffic_lose_no_acknowledged_record_and_no_commit() -> Result<()> {
    survive(10, Membership::Assigned).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_goes_on_after_each_of_four_kills_and_loses_no_commit() -> Result<()> {
    survive(4, Membership::Subscribed).await
}

async fn survive(kills: usize, membership: Membership) -> Result<()> {
    let mut broker = BrokerProcess::start()?;
    let address = broker.address().to_owned();
    let topic = new_topic(
        &address,
        "crash",
        2,
        &[("segment.bytes", segment_bytes("100000"))],
    )
    .await?;
    let known = Arc::new(Known::default());
    let settings = [
        ("enable.idempotence", "true"),
        ("message.timeout.ms", "60000"),
        ("linger.ms", "1"),
    ];
    let producer: FutureProducer = client(&address, &settings)?;
    let producing: Vec<_> = (0..2)
        .map(|n| tokio::spawn(produce(producer.clone(), topic.clone(), n, Arc::clone(&known))))
        .collect();
    let consuming = {
        let (address, topic, known) = (address.clone(), topic.clone(), Arc::clone(&known));
        std::thread::spawn(move || consume(&address, &topic, membership, &known))
    };
    for kill in 0..kills {
        traffic(&known, kill).await?;
        // Not always at the same point of a batch.
        tokio::time::sleep(Duration::from_micros(700 * kill as u64)).await;
        broker.kill_9()?;
        broker.start_again()?;
        let committed = known.committed.load(Ordering::SeqCst);
        let checker: BaseConsumer = client(&address, &[("group.id", "crash")])?;
        let mut list = TopicPartitionList::new();
        list.add_partition(&topic, 0);
        let found = ask(|| {
            let found = checker.committed_offsets(list.clone(), PATIENCE)?;
            // A group that is still being loaded is an error of the partition.
            found.elements()[0].error()?;
            Ok(found)
        })?;
        let found = found.elements()[0].offset().to_raw().unwrap_or(-1).max(0);
        assert!(
            found >= committed,
            "kill {kill}: committed {committed}, found {found}"
        );
    }
    traffic(&known, kills).await?;
    known.stop.store(true, Ordering::Relaxed);
    for task in producing {
        task.await?;
    }
    consuming
        .join()
        .map_err(|_| anyhow::anyhow!("the consumer panicked"))??;

    let acknowledged = known.acknowledged.lock().expect("not poisoned").clone();
    let consumer = reader(&address, &topic, 2)?;
    let ends: Vec<i64> = (0..2)
        .map(|p| ask(|| consumer.fetch_watermarks(&topic, p, PATIENCE)).map(|w| w.1))
        .collect::<Result<_, _>>()?;
    let total = ends.iter().sum::<i64>() as usize;
    let stored: Vec<(i32, i64, String)> = take(&consumer, total)?
        .iter()
        .map(|m| (m.partition(), m.offset(), text(m)))
        .collect();
    let values: BTreeSet<&String> = stored.iter().map(|(_, _, value)| value).collect();
    println!(
        "{} acknowledged, {} stored, committed {}",
        acknowledged.len(),
        total,
        known.committed.load(Ordering::SeqCst)
    );
    assert_eq!(
        values.len(),
        stored.len(),
        "an idempotent producer's records are there once"
    );
    let stored: BTreeSet<_> = stored.iter().collect();
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|row| !stored.contains(row))
        .take(5)
        .collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    Ok(())
}
