//! Conformance of the broker: consumer groups with the assignors of librdkafka: joining, leaving, dying, coming back.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is of interest also when the test passes"
)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use azulejo_end2end::kafka_broker::{AnyBroker, BrokerProcess};
use azulejo_end2end::kafka_clients::{PATIENCE, client, fresh, new_topic, text};
use azulejo_end2end::kafka_kcat::{kcat, member};
use futures::future::join_all;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{FutureProducer, FutureRecord};

const PARTITIONS: i32 = 6;
/// Session time-out of the members: the shortest that librdkafka is usually run with.
const SESSION: Duration = Duration::from_secs(6);
/// So long it may take until a member that joins has its part.
const REBALANCE: Duration = Duration::from_millis(1500);

/// A member of a group that polls in a thread of its own.
struct Member {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    partitions: Mutex<BTreeSet<i32>>,
    read: Mutex<Vec<String>>,
    rebalances: AtomicU64,
}

impl Member {
    fn start(address: &str, group: &str, topic: &str, settings: &[(&str, &str)]) -> Result<Self> {
        let mut all = vec![
            ("group.id", group),
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "500"),
            ("auto.offset.reset", "earliest"),
            ("auto.commit.interval.ms", "200"),
            ("fetch.wait.max.ms", "100"),
        ];
        all.extend_from_slice(settings);
        let consumer: BaseConsumer = client(address, &all)?;
        consumer.subscribe(&[topic])?;
        let shared = Arc::new(Shared::default());
        let polling = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            while !polling.stop.load(Ordering::Relaxed) {
                if let Some(Ok(message)) = consumer.poll(Duration::from_millis(20)) {
                    polling
                        .read
                        .lock()
                        .expect("not poisoned")
                        .push(text(&message.detach()));
                }
                let now: BTreeSet<i32> = consumer
                    .assignment()
                    .map(|list| list.elements().iter().map(|e| e.partition()).collect())
                    .unwrap_or_default();
                let mut partitions = polling.partitions.lock().expect("not poisoned");
                if *partitions != now {
                    polling.rebalances.fetch_add(1, Ordering::Relaxed);
                    *partitions = now;
                }
            }
        });
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    fn partitions(&self) -> BTreeSet<i32> {
        self.shared.partitions.lock().expect("not poisoned").clone()
    }

    fn read(&self) -> Vec<String> {
        self.shared.read.lock().expect("not poisoned").clone()
    }

    /// Leaves the group.
    fn leave(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits until `holds`; says how long that took.
fn until(what: &str, holds: impl Fn() -> bool) -> Result<Duration> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if holds() {
            let took = start.elapsed();
            println!("{what}: {took:?}");
            return Ok(took);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("{what}: not within {PATIENCE:?}")
}

/// Whether the members share all partitions evenly, none twice.
fn share(members: &[&Member]) -> bool {
    let parts: Vec<_> = members.iter().map(|member| member.partitions()).collect();
    let even = parts
        .iter()
        .all(|part| part.len() == PARTITIONS as usize / members.len());
    even && parts.concat_len() == PARTITIONS as usize
}

trait ConcatLen {
    fn concat_len(&self) -> usize;
}

impl ConcatLen for Vec<BTreeSet<i32>> {
    fn concat_len(&self) -> usize {
        self.iter().flatten().collect::<BTreeSet<_>>().len()
    }
}

/// Does `attempt` until it is quick enough, at most three times: the machine may be busy with something else.
async fn best_of_three<F: Future<Output = Result<Duration>>>(
    limit: Duration,
    attempt: impl Fn() -> F,
) -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..3 {
        times.push(attempt().await?);
        if times.iter().any(|took| *took < limit) {
            return Ok(());
        }
    }
    bail!("three tries took {times:?}, each longer than {limit:?}")
}

/// Members come and go; gives how long it took until the second had its part.
async fn join_and_leave(strategy: &str) -> Result<Duration> {
    let broker = AnyBroker::start()?;
    let topic = new_topic(broker.address(), "group", PARTITIONS, &[]).await?;
    let group = fresh(strategy);
    let start = || {
        Member::start(
            broker.address(),
            &group,
            &topic,
            &[("partition.assignment.strategy", strategy)],
        )
    };
    let first = start()?;
    until(&format!("{strategy}: alone"), || share(&[&first]))?;
    let second = start()?;
    let took = until(&format!("{strategy}: second joins"), || share(&[&first, &second]))?;
    let third = start()?;
    until(&format!("{strategy}: third joins"), || {
        share(&[&first, &second, &third])
    })?;
    first.leave();
    until(&format!("{strategy}: first leaves"), || share(&[&second, &third]))?;
    Ok(took)
}

#[tokio::test(flavor = "multi_thread")]
async fn members_share_the_partitions_by_range() -> Result<()> {
    best_of_three(REBALANCE, || join_and_leave("range")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn members_share_the_partitions_by_round_robin() -> Result<()> {
    best_of_three(REBALANCE, || join_and_leave("roundrobin")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn members_share_the_partitions_cooperatively() -> Result<()> {
    best_of_three(REBALANCE, || join_and_leave("cooperative-sticky")).await
}

/// Kills a member; gives how long it took until the other had its part.
async fn killed(strategy: &str) -> Result<Duration> {
    let broker = AnyBroker::start()?;
    let topic = new_topic(broker.address(), "killed", PARTITIONS, &[]).await?;
    let group = fresh("killed");
    let setting = format!("partition.assignment.strategy={strategy}");
    let kcat_settings = [
        setting.as_str(),
        "session.timeout.ms=6000",
        "heartbeat.interval.ms=500",
    ];
    let mut other = member(broker.address(), &group, &topic, &kcat_settings)?;
    let survivor = Member::start(
        broker.address(),
        &group,
        &topic,
        &[("partition.assignment.strategy", strategy)],
    )?;
    let shared = until(&format!("{strategy}: shared with kcat"), || {
        survivor.partitions().len() == 3
    });
    other.kill()?;
    other.wait()?;
    shared?;
    until(&format!("{strategy}: alone after kill -9"), || {
        share(&[&survivor])
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_members_partitions_go_to_the_other_by_range() -> Result<()> {
    best_of_three(SESSION + Duration::from_secs(2), || killed("range")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_members_partitions_go_to_the_other_cooperatively() -> Result<()> {
    best_of_three(SESSION + Duration::from_secs(2), || killed("cooperative-sticky")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_member_comes_back_without_a_rebalance() -> Result<()> {
    let broker = AnyBroker::start()?;
    let topic = new_topic(broker.address(), "static", PARTITIONS, &[]).await?;
    let group = fresh("static");
    let start = |instance: &str| {
        let settings = [
            ("group.instance.id", instance),
            ("partition.assignment.strategy", "range"),
        ];
        Member::start(broker.address(), &group, &topic, &settings)
    };
    let one = start("one")?;
    let two = start("two")?;
    until("static: shared", || share(&[&one, &two]))?;
    let before = (one.shared.rebalances.load(Ordering::Relaxed), two.partitions());
    // A static member does not say goodbye.
    two.leave();
    let two = start("two")?;
    until("static: back", || share(&[&one, &two]))?;
    assert_eq!(
        one.shared.rebalances.load(Ordering::Relaxed),
        before.0,
        "the other one was left in peace"
    );
    assert_eq!(two.partitions(), before.1, "it has what it had");
    Ok(())
}

async fn produce(address: &str, topic: &str, values: &[String]) -> Result<()> {
    let producer: FutureProducer = client(address, &[("enable.idempotence", "true")])?;
    let sent = join_all(values.iter().enumerate().map(|(n, value)| {
        let record = FutureRecord::<(), str>::to(topic)
            .partition(n as i32 % PARTITIONS)
            .payload(value);
        producer.send(record, PATIENCE)
    }));
    for result in sent.await {
        result.map_err(|(error, _)| error)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_goes_on_where_it_was_after_a_restart_of_client_and_broker() -> Result<()> {
    let mut broker = BrokerProcess::start()?;
    let address = broker.address().to_owned();
    let topic = new_topic(&address, "resume", PARTITIONS, &[]).await?;
    let numbers = |range: std::ops::Range<i32>| range.map(|n| n.to_string()).collect::<Vec<_>>();
    produce(&address, &topic, &numbers(0..300)).await?;
    let consumer = Member::start(&address, "resume", &topic, &[])?;
    until("resume: first part", || consumer.read().len() == 300)?;
    // Closing commits.
    consumer.leave();
    produce(&address, &topic, &numbers(300..600)).await?;
    let consumer = Member::start(&address, "resume", &topic, &[])?;
    until("resume: second part", || consumer.read().len() == 300)?;
    let committed = || -> Result<i64> {
        let checker: BaseConsumer = client(&address, &[("group.id", "resume")])?;
        let mut list = rdkafka::TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            list.add_partition(&topic, partition);
        }
        let list = checker.committed_offsets(list, PATIENCE)?;
        Ok(list
            .elements()
            .iter()
            .map(|e| e.offset().to_raw().unwrap_or(0).max(0))
            .sum())
    };
    until("resume: committed", || committed().ok() == Some(600))?;
    assert_eq!(broker.stop()?, 0);
    broker.start_again()?;
    produce(&address, &topic, &numbers(600..900)).await?;
    let read = || {
        consumer
            .read()
            .iter()
            .filter_map(|value| value.parse().ok())
            .collect::<BTreeSet<i32>>()
    };
    until("resume: after the broker's restart", || read().len() == 600)?;
    assert_eq!(read(), (300..900).collect::<BTreeSet<_>>());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn kcat_reads_in_a_group_what_it_wrote() -> Result<()> {
    let broker = AnyBroker::start()?;
    let topic = new_topic(broker.address(), "kcat", 3, &[]).await?;
    let lines: String = (0..1000).map(|n| format!("{n}\n")).collect();
    kcat(
        broker.address(),
        &["-P", "-t", &topic, "-X", "enable.idempotence=true"],
        lines.as_bytes(),
    )?;
    let group = fresh("kcat");
    let arguments = [
        "-q",
        "-e",
        "-X",
        "auto.offset.reset=earliest",
        "-G",
        &group,
        &topic,
    ];
    let read = kcat(broker.address(), &arguments, &[])?;
    let mut read: Vec<i32> = String::from_utf8(read)?
        .lines()
        .filter_map(|line| line.parse().ok())
        .collect();
    read.sort_unstable();
    assert_eq!(read, (0..1000).collect::<Vec<_>>());
    let metadata = kcat(broker.address(), &["-L", "-J", "-t", &topic], &[])?;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata)?;
    let partitions = metadata["topics"][0]["partitions"]
        .as_array()
        .context("partitions")?;
    assert_eq!(partitions.len(), 3);
    let query = kcat(broker.address(), &["-Q", "-t", &format!("{topic}:0:-2")], &[])?;
    assert!(String::from_utf8(query)?.contains("offset 0"));
    Ok(())
}
