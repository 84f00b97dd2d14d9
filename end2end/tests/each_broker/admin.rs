//! Conformance of the broker: administration as librdkafka does it, good and bad.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is of interest also when the test passes"
)]

use anyhow::{Context as _, Result};
use azulejo_end2end::kafka_broker::AnyBroker;
use azulejo_end2end::kafka_clients::{
    PATIENCE, admin, ask, client, fresh, new_topic, patiently, reader, take, text,
};
use azulejo_end2end::kafka_kcat::kcat;
use rdkafka::admin::{AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

/// Asks until the answer is what is `wanted`: Apache Kafka acknowledges a change before all of a node knows of it.
async fn until<T: PartialEq + std::fmt::Debug>(wanted: T, ask: impl AsyncFn() -> Result<T>) -> Result<()> {
    let start = std::time::Instant::now();
    loop {
        let answer = ask().await?;
        if answer == wanted {
            return Ok(());
        }
        anyhow::ensure!(start.elapsed() < PATIENCE, "{answer:?} is not {wanted:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_made_changed_and_deleted() -> Result<()> {
    let broker = AnyBroker::start()?;
    let admin = admin(broker.address())?;
    let name = fresh("admin");
    let topic = NewTopic::new(&name, 2, TopicReplication::Fixed(-1))
        .set("max.message.bytes", "10551296")
        .set("retention.ms", "86400000");
    assert!(admin.create_topics([&topic], &patiently()).await?[0].is_ok());

    let one = || TopicReplication::Fixed(-1);
    let three = TopicReplication::Fixed(3);
    let bad = [
        (
            NewTopic::new(&name, 1, one()),
            RDKafkaErrorCode::TopicAlreadyExists,
        ),
        (
            NewTopic::new("not/a/name", 1, one()),
            RDKafkaErrorCode::InvalidTopic,
        ),
        (
            NewTopic::new("copies", 1, three),
            RDKafkaErrorCode::InvalidReplicationFactor,
        ),
        (
            NewTopic::new("setting", 1, one()).set("retention.ms", "x"),
            RDKafkaErrorCode::InvalidConfig,
        ),
        (
            NewTopic::new("unknown", 1, one()).set("no.such", "1"),
            RDKafkaErrorCode::InvalidConfig,
        ),
    ];
    for (topic, expected) in &bad {
        let result = admin.create_topics([topic], &patiently()).await?.remove(0);
        assert_eq!(result.map_err(|(_, code)| code), Err(*expected), "{}", topic.name);
    }

    let grown = admin
        .create_partitions([&NewPartitions::new(&name, 5)], &patiently())
        .await?
        .remove(0);
    assert!(grown.is_ok());
    let shrunk = admin
        .create_partitions([&NewPartitions::new(&name, 1)], &patiently())
        .await?
        .remove(0);
    assert_eq!(
        shrunk.map_err(|(_, code)| code),
        Err(RDKafkaErrorCode::InvalidPartitions)
    );
    until(5, async || {
        let metadata = admin.inner().fetch_metadata(Some(&name), PATIENCE)?;
        Ok(metadata.topics()[0].partitions().len())
    })
    .await?;

    let resource = ResourceSpecifier::Topic(&name);
    let described = admin.describe_configs([&resource], &patiently()).await?.remove(0);
    let described = described.map_err(|code| anyhow::anyhow!("{code}"))?;
    let value = |key: &str| described.get(key).and_then(|entry| entry.value.clone());
    assert_eq!(value("max.message.bytes").as_deref(), Some("10551296"));
    assert_eq!(value("cleanup.policy").as_deref(), Some("delete"));
    let alter = AlterConfig::new(ResourceSpecifier::Topic(&name)).set("retention.ms", "5000");
    assert!(
        admin
            .alter_configs([&alter], &patiently())
            .await?
            .remove(0)
            .is_ok()
    );
    until(Some("5000".to_owned()), async || {
        let described = admin.describe_configs([&resource], &patiently()).await?.remove(0);
        let described = described.map_err(|code| anyhow::anyhow!("{code}"))?;
        Ok(described
            .get("retention.ms")
            .and_then(|entry| entry.value.clone()))
    })
    .await?;

    assert!(
        admin
            .delete_topics(&[&name], &patiently())
            .await?
            .remove(0)
            .is_ok()
    );
    let again = admin.delete_topics(&[&name], &patiently()).await?.remove(0);
    assert_eq!(
        again.map_err(|(_, code)| code),
        Err(RDKafkaErrorCode::UnknownTopicOrPartition)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_deleted_and_made_again_is_empty_and_knows_no_positions() -> Result<()> {
    let broker = AnyBroker::start()?;
    let topic = new_topic(broker.address(), "again", 1, &[]).await?;
    kcat(broker.address(), &["-P", "-t", &topic], b"a\nb\nc\n")?;
    let group = fresh("again");
    let consumer: BaseConsumer = client(broker.address(), &[("group.id", &group)])?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic, 0, Offset::Offset(2))?;
    consumer.commit(&list, CommitMode::Sync)?;
    let admin = admin(broker.address())?;
    assert!(
        admin
            .delete_topics(&[&topic], &patiently())
            .await?
            .remove(0)
            .is_ok()
    );
    let made = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
    assert!(
        admin
            .create_topics([&made], &patiently())
            .await?
            .remove(0)
            .is_ok()
    );
    // Apache Kafka answers whoever makes a topic before all of the node knows its partitions.
    let low_high = ask(|| consumer.fetch_watermarks(&topic, 0, PATIENCE))?;
    assert_eq!(low_high, (0, 0));
    let mut list = TopicPartitionList::new();
    list.add_partition(&topic, 0);
    let committed = consumer.committed_offsets(list, PATIENCE)?;
    assert_eq!(committed.elements()[0].offset(), Offset::Invalid);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn records_before_an_offset_are_deleted() -> Result<()> {
    let broker = AnyBroker::start()?;
    let topic = new_topic(broker.address(), "delete", 1, &[]).await?;
    let lines: String = (0..100).map(|n| format!("{n}\n")).collect();
    kcat(broker.address(), &["-P", "-t", &topic], lines.as_bytes())?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic, 0, Offset::Offset(60))?;
    admin(broker.address())?
        .delete_records(&list, &patiently())
        .await?;
    let consumer = reader(broker.address(), &topic, 1)?;
    assert_eq!(consumer.fetch_watermarks(&topic, 0, PATIENCE)?, (60, 100));
    let read: Vec<String> = take(&consumer, 40)?.iter().map(text).collect();
    assert_eq!(read, (60..100).map(|n| n.to_string()).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_listed_and_deleted() -> Result<()> {
    let broker = AnyBroker::start()?;
    let topic = new_topic(broker.address(), "groups", 1, &[]).await?;
    let group = fresh("listed");
    let settings = [("group.id", group.as_str()), ("heartbeat.interval.ms", "200")];
    let consumer: BaseConsumer = client(broker.address(), &settings)?;
    consumer.subscribe(&[&topic])?;
    let start = std::time::Instant::now();
    while consumer.assignment()?.count() == 0 && start.elapsed() < PATIENCE {
        consumer.poll(std::time::Duration::from_millis(50));
    }
    let listed = consumer.fetch_group_list(Some(&group), PATIENCE)?;
    let found = listed
        .groups()
        .iter()
        .find(|g| g.name() == group)
        .context("the group is listed")?;
    assert_eq!(
        (found.state(), found.protocol_type(), found.members().len()),
        ("Stable", "consumer", 1)
    );
    let admin = admin(broker.address())?;
    let refused = admin.delete_groups(&[&group], &patiently()).await?.remove(0);
    assert_eq!(
        refused.map_err(|(_, code)| code),
        Err(RDKafkaErrorCode::NonEmptyGroup)
    );
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic, 0, Offset::Offset(0))?;
    consumer.commit(&list, CommitMode::Sync)?;
    drop(consumer);
    assert!(
        admin
            .delete_groups(&[&group], &patiently())
            .await?
            .remove(0)
            .is_ok()
    );
    let unknown = admin.delete_groups(&[&group], &patiently()).await?.remove(0);
    assert_eq!(
        unknown.map_err(|(_, code)| code),
        Err(RDKafkaErrorCode::GroupIdNotFound)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_is_refused_in_words_that_clients_know() -> Result<()> {
    let broker = AnyBroker::start()?;
    let topic = new_topic(broker.address(), "refused", 1, &[]).await?;
    kcat(broker.address(), &["-P", "-t", &topic], b"a\nb\n")?;
    let group = fresh("refused");
    let member: BaseConsumer = client(broker.address(), &[("group.id", &group)])?;
    member.subscribe(&[&topic])?;
    let start = std::time::Instant::now();
    while member.assignment()?.count() == 0 && start.elapsed() < PATIENCE {
        member.poll(std::time::Duration::from_millis(50));
    }

    // OffsetCommit: of a topic that is not there, and from outside of a group that has members.
    let commit = |consumer: &BaseConsumer, topic: &str| -> Result<Option<RDKafkaErrorCode>> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Offset(1))?;
        let refused = consumer.commit(&list, CommitMode::Sync).err();
        Ok(refused.and_then(|error| error.rdkafka_error_code()))
    };
    let missing = fresh("missing");
    assert_eq!(
        commit(&member, &missing)?,
        Some(RDKafkaErrorCode::UnknownTopicOrPartition)
    );
    let outsider: BaseConsumer = client(broker.address(), &[("group.id", &group)])?;
    assert_eq!(
        commit(&outsider, &topic)?,
        Some(RDKafkaErrorCode::UnknownMemberId)
    );

    // DeleteRecords: beyond the end, which changes nothing.
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic, 0, Offset::Offset(3))?;
    let deleted = admin(broker.address())?
        .delete_records(&list, &patiently())
        .await?;
    let refused = deleted.elements()[0].error();
    let code = refused.err().and_then(|error| error.rdkafka_error_code());
    assert_eq!(code, Some(RDKafkaErrorCode::OffsetOutOfRange));
    assert_eq!(member.fetch_watermarks(&topic, 0, PATIENCE)?, (0, 2));

    // JoinGroup: with a session that is longer than the broker has patience for.
    let hour = [
        ("group.id", "patient"),
        ("session.timeout.ms", "3600000"),
        ("max.poll.interval.ms", "3600000"),
    ];
    let patient: BaseConsumer = client(broker.address(), &hour)?;
    patient.subscribe(&[&topic])?;
    let start = std::time::Instant::now();
    let refused = loop {
        match patient.poll(std::time::Duration::from_millis(100)) {
            Some(Err(error)) => break error.rdkafka_error_code(),
            _ if start.elapsed() > PATIENCE => break None,
            _ => {}
        }
    };
    assert_eq!(refused, Some(RDKafkaErrorCode::InvalidSessionTimeout));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_are_refused_and_not_left_hanging() -> Result<()> {
    use rdkafka::producer::{FutureProducer, Producer as _};
    if !azulejo_end2end::broker::is_embedded() {
        // Apache Kafka has transactions.
        let broker = AnyBroker::start()?;
        let producer: FutureProducer = client(broker.address(), &[("transactional.id", &fresh("t"))])?;
        return Ok(tokio::task::block_in_place(|| {
            producer.init_transactions(PATIENCE)
        })?);
    }
    let broker = AnyBroker::start()?;
    // FindCoordinator of a transaction, for as long as the client is willing to ask.
    let producer: FutureProducer = client(broker.address(), &[("transactional.id", "t")])?;
    let begun = tokio::task::block_in_place(|| producer.init_transactions(std::time::Duration::from_secs(3)));
    assert!(begun.is_err());
    // The broker goes on.
    new_topic(broker.address(), "after", 1, &[]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_an_error_for_the_producer_and_leaves_the_log_sound() -> Result<()> {
    // A limit on the size of files stands in for a full disk: writing fails half-way, in the same place.
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data").display().to_string();
    let program = azulejo_end2end::process::bin_dir()?.join("azulejo-broker");
    let limited = format!(
        "trap '' XFSZ; ulimit -f 600; exec {} --listen 127.0.0.1:0 --data-dir {data}",
        program.display()
    );
    let mut child = std::process::Command::new("bash")
        .args(["-c", &limited])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()?;
    let mut line = String::new();
    let stdout = child.stdout.take().context("stdout is piped")?;
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line)?;
    let address = line
        .trim()
        .rsplit_once(": ")
        .context("a ready line")?
        .1
        .to_owned();
    let outcome = fill_until_refused(&address).await;
    child.kill()?;
    child.wait()?;
    let (topic, stored) = outcome?;

    let config = azulejo_broker::BrokerConfig::new(folder.path().join("data"));
    let broker = azulejo_broker::start_on_free_port(config)?;
    let address = broker.address().to_string();
    let read = take(&reader(&address, &topic, 1)?, stored)?;
    assert!(
        read.iter()
            .enumerate()
            .all(|(n, message)| text(message).starts_with(&format!("{n} ")))
    );
    kcat(&address, &["-P", "-t", &topic], b"after\n")?;
    assert_eq!(
        reader(&address, &topic, 1)?
            .fetch_watermarks(&topic, 0, PATIENCE)?
            .1,
        stored as i64 + 1
    );
    Ok(())
}

/// Produces until the broker refuses; gives the topic and how many records were acknowledged.
async fn fill_until_refused(address: &str) -> Result<(String, usize)> {
    use rdkafka::producer::{FutureProducer, FutureRecord};
    let topic = new_topic(address, "full", 1, &[]).await?;
    let producer: FutureProducer = client(address, &[("message.timeout.ms", "3000"), ("linger.ms", "0")])?;
    for number in 0..200 {
        let value = format!("{number} {}", "x".repeat(10_000));
        let sent = producer
            .send(FutureRecord::<(), str>::to(&topic).payload(&value), PATIENCE)
            .await;
        if let Err((error, _)) = sent {
            println!("after {number} records: {error}");
            return Ok((topic, number));
        }
    }
    anyhow::bail!("600 KiB took 2 MB")
}
