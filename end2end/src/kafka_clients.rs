//! Clients of librdkafka for the conformance suite, and small helpers around them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, FromClientConfig};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedMessage, Message as _, OwnedMessage};
use rdkafka::{Offset, TopicPartitionList};

/// How long anything may take that should take no time. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Settings of a client of the broker at `address`.
pub fn config(address: &str, settings: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", address)
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "500");
    for (name, value) in settings {
        config.set(*name, *value);
    }
    config
}

/// A client with these settings.
///
/// # Errors
/// When librdkafka does not take them.
pub fn client<T: FromClientConfig>(address: &str, settings: &[(&str, &str)]) -> Result<T> {
    Ok(config(address, settings).create()?)
}

/// A consumer of `partitions` of `topic` from the beginning, without a group.
///
/// # Errors
/// When librdkafka refuses.
pub fn reader(address: &str, topic: &str, partitions: i32) -> Result<BaseConsumer> {
    let settings = [
        ("group.id", "reader"),
        ("enable.auto.commit", "false"),
        ("enable.partition.eof", "false"),
        ("fetch.wait.max.ms", "100"),
        ("fetch.message.max.bytes", "10485760"),
    ];
    let consumer: BaseConsumer = client(address, &settings)?;
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    Ok(consumer)
}

/// The next record.
///
/// # Errors
/// When none comes in time, or an error does that librdkafka does not get over by itself.
pub fn next<'a>(consumer: &'a BaseConsumer) -> Result<BorrowedMessage<'a>> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => return Ok(message),
            Some(Err(error)) if is_passing(&error) => {}
            Some(Err(error)) => return Err(error.into()),
            None => {}
        }
    }
    bail!("no record within {PATIENCE:?}")
}

/// What a broker that has just been started, or has just made a topic, answers once it does: Apache Kafka has to load groups, elect
/// leaders and spread metadata first.
///
/// # Errors
/// The last error, when it goes on for too long.
pub fn ask<T>(mut question: impl FnMut() -> rdkafka::error::KafkaResult<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match question() {
            Ok(answer) => return Ok(answer),
            Err(error) if start.elapsed() > PATIENCE => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// Whether librdkafka goes on after this error: the connection is lost for the moment.
fn is_passing(error: &rdkafka::error::KafkaError) -> bool {
    use rdkafka::types::RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, OperationTimedOut};
    let passing = [AllBrokersDown, BrokerTransportFailure, OperationTimedOut];
    error
        .rdkafka_error_code()
        .is_some_and(|code| passing.contains(&code))
}

/// The next `count` records.
///
/// # Errors
/// As [`next`].
pub fn take(consumer: &BaseConsumer, count: usize) -> Result<Vec<OwnedMessage>> {
    (0..count)
        .map(|_| next(consumer).map(|message| message.detach()))
        .collect()
}

/// The value of a record as text, empty if there is none.
pub fn text(message: &OwnedMessage) -> String {
    String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned()
}

/// A client for administration.
///
/// # Errors
/// When librdkafka refuses.
pub fn admin(address: &str) -> Result<AdminClient<DefaultClientContext>> {
    client(address, &[])
}

/// Options of administration: patient.
pub fn patiently() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(PATIENCE))
        .operation_timeout(Some(PATIENCE))
}

/// A name for a topic or group that no other test uses.
pub fn fresh(name: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!(
        "{name}-{}-{}",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    )
}

/// Makes a topic with a name of its own and returns the name.
///
/// # Errors
/// When the broker refuses.
pub async fn new_topic(
    address: &str,
    name: &str,
    partitions: i32,
    settings: &[(&str, &str)],
) -> Result<String> {
    let name = fresh(name);
    let mut topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(-1));
    for (setting, value) in settings {
        topic = topic.set(setting, value);
    }
    for result in admin(address)?.create_topics(&[topic], &patiently()).await? {
        if let Err((topic, code)) = result {
            bail!("cannot make the topic {topic}: {code}");
        }
    }
    Ok(name)
}
