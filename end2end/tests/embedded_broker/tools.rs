//! Kafka's own command-line tools at the broker: what they print is what it has done.
//!
//! They are those of Apache Kafka, from its jars, and need Java. With `AZULEJO_TEST_KAFKA` they are tried at Apache Kafka, whose
//! answers these are; what differs there is said where it does.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use azulejo_apache_kafka::Installation;
use azulejo_end2end::broker::{installation, is_embedded};
use azulejo_end2end::kafka_broker::AnyBroker;
use azulejo_end2end::kafka_clients::{fresh, new_topic};
use serde_json::Value;

/// The tools, and the broker that they are tried at.
struct Tools {
    installation: Installation,
    broker: AnyBroker,
}

impl Tools {
    fn start() -> Result<Self> {
        Ok(Self {
            installation: installation()?,
            broker: AnyBroker::start()?,
        })
    }

    /// A topic with a name of its own, made without a tool: each takes a second or two.
    fn topic(&self, name: &str, settings: &[(&str, &str)]) -> Result<String> {
        tokio::runtime::Runtime::new()?.block_on(new_topic(self.broker.address(), name, 1, settings))
    }

    /// What the tool prints, which has to succeed.
    fn run(&self, name: &str, arguments: &[&str]) -> Result<String> {
        let arguments = self.at_the_broker(arguments);
        self.installation.tool(name, &arguments)
    }

    /// What the tool prints, on either output, which has to fail: or so most of them do, some only say it.
    fn refused(&self, name: &str, arguments: &[&str]) -> Result<String> {
        let output = self.installation.try_tool(name, &self.at_the_broker(arguments))?;
        Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    fn at_the_broker<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        [&["--bootstrap-server", self.broker.address()], arguments].concat()
    }

    /// Writes `key:value` lines as records, one batch each way.
    fn produce(&self, topic: &str, lines: &str) -> Result<()> {
        let arguments = [
            "--topic",
            topic,
            "--reader-property",
            "parse.key=true",
            "--reader-property",
            "key.separator=:",
        ];
        let name = "kafka-console-producer";
        let output =
            self.installation
                .try_tool_reading(name, &self.at_the_broker(&arguments), lines.as_bytes())?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // It succeeds whatever comes of the records; what is wrong with one it logs.
        ensure!(output.status.success() && said.is_empty(), "{said}");
        Ok(())
    }

    /// Reads `count` records with all that the tool can print of them.
    fn consume(&self, topic: &str, count: usize, more: &[&str]) -> Result<Vec<String>> {
        let count = count.to_string();
        let mut arguments = vec![
            "--topic",
            topic,
            "--max-messages",
            &count,
            "--timeout-ms",
            "20000",
        ];
        for property in ["key", "timestamp", "offset", "partition"] {
            let name = match property {
                "key" => "print.key=true",
                "timestamp" => "print.timestamp=true",
                "offset" => "print.offset=true",
                _ => "print.partition=true",
            };
            arguments.extend(["--formatter-property", name]);
        }
        arguments.extend(more);
        let printed = self.run("kafka-console-consumer", &arguments)?;
        let records = printed.lines().filter(|line| line.contains("Offset:"));
        Ok(records.map(str::to_owned).collect())
    }

    /// The offset that `kafka-get-offsets` tells of partition 0 at `time`; `None` when there is none.
    fn offset(&self, topic: &str, time: &str) -> Result<Option<i64>> {
        let printed = self.run("kafka-get-offsets", &["--topic", topic, "--time", time])?;
        let offset = printed.trim().strip_prefix(&format!("{topic}:0:"));
        Ok(offset.map(str::parse).transpose()?)
    }

    /// The rows of a table that a tool prints below a line that begins with `GROUP`, word by word.
    fn group_rows(&self, arguments: &[&str]) -> Result<Vec<Vec<String>>> {
        let printed = self.run("kafka-consumer-groups", arguments)?;
        let rows = printed
            .lines()
            .skip_while(|line| !line.starts_with("GROUP"))
            .skip(1);
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        Ok(rows.map(words).filter(|words| !words.is_empty()).collect())
    }
}

fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is missing in:\n{text}");
    }
}

#[test]
fn apache_tools_make_list_describe_change_and_delete_topics() -> Result<()> {
    let tools = Tools::start()?;
    let topics = |arguments: &[&str]| tools.run("kafka-topics", arguments);
    let configs = |arguments: &[&str]| tools.run("kafka-configs", arguments);
    let topic = fresh("tools");
    let made = topics(&[
        "--create",
        "--topic",
        &topic,
        "--partitions",
        "2",
        "--config",
        "cleanup.policy=compact",
        "--config",
        "message.timestamp.type=LogAppendTime",
        "--config",
        "file.delete.delay.ms=1000",
        "--config",
        "min.insync.replicas=1",
    ])?;
    assert_has(&made, &[&format!("Created topic {topic}.")]);
    assert!(topics(&["--list"])?.lines().any(|line| line == topic));
    let described = topics(&["--describe", "--topic", &topic])?;
    assert_has(
        &described,
        &[
            &format!("Topic: {topic}"),
            "PartitionCount: 2",
            "cleanup.policy=compact",
            "message.timestamp.type=LogAppendTime",
            "file.delete.delay.ms=1000",
            "Partition: 1",
            "LastKnownElr:",
        ],
    );
    assert!(
        !described.contains("Leader: none") && !described.contains("N/A"),
        "{described}"
    );

    topics(&["--alter", "--topic", &topic, "--partitions", "3"])?;
    let alter = ["--alter", "--topic", &topic, "--add-config"];
    let changed =
        "retention.ms=60000,cleanup.policy=[compact,delete],leader.replication.throttled.replicas=[0:1,1:1]";
    assert_has(
        &configs(&[&alter[..], &[changed]].concat())?,
        &[&format!("Completed updating config for topic {topic}.")],
    );
    configs(&[
        "--alter",
        "--topic",
        &topic,
        "--delete-config",
        "file.delete.delay.ms",
    ])?;
    let described = configs(&["--describe", "--topic", &topic])?;
    assert_has(
        &described,
        &[
            &format!("Dynamic configs for topic {topic} are:"),
            "retention.ms=60000 ",
            "cleanup.policy=compact,delete ",
            "leader.replication.throttled.replicas=0:1,1:1 ",
            "DYNAMIC_TOPIC_CONFIG:message.timestamp.type=LogAppendTime, \
             DEFAULT_CONFIG:log.message.timestamp.type=CreateTime",
        ],
    );
    assert!(!described.contains("file.delete.delay.ms"), "{described}");
    let all = configs(&["--describe", "--all", "--topic", &topic])?;
    let names = all.lines().filter_map(|line| line.trim_start().split_once('='));
    assert_eq!(names.count(), 37, "as many as Apache Kafka 4.4 has:\n{all}");
    assert_has(
        &all,
        &["file.delete.delay.ms=60000 ", "min.cleanable.dirty.ratio=0.5 "],
    );

    for wrong in ["retention.ms=soon", "remote.storage.enable=true"] {
        let said = tools.refused("kafka-configs", &[&alter[..], &[wrong]].concat())?;
        assert_has(&said, &["InvalidConfigurationException"]);
    }
    let described = topics(&["--describe", "--topic", &topic])?;
    assert_has(&described, &["PartitionCount: 3", "retention.ms=60000"]);

    let of_brokers = configs(&["--describe", "--all", "--broker", "1"])?;
    assert_has(
        &of_brokers,
        &[
            "node.id=1 ",
            "log.message.timestamp.type=CreateTime ",
            "message.max.bytes=1048588 ",
        ],
    );
    if is_embedded() {
        let alter = [
            "--alter",
            "--broker",
            "1",
            "--add-config",
            "log.cleaner.threads=2",
        ];
        let said = tools.refused("kafka-configs", &alter)?;
        assert_has(&said, &["settings of the broker are given when it starts"]);
    }
    let reassignments = tools.run("kafka-reassign-partitions", &["--list"])?;
    assert_has(&reassignments, &["No partition reassignments found."]);

    topics(&["--delete", "--topic", &topic])?;
    let gone = tools.refused("kafka-topics", &["--describe", "--topic", &topic])?;
    assert_has(&gone, &["does not exist as expected"]);
    Ok(())
}

#[test]
fn apache_tools_write_read_measure_and_delete_records() -> Result<()> {
    let tools = Tools::start()?;
    let topic = tools.topic("records", &[])?;
    let stamped = tools.topic("stamped", &[("message.timestamp.type", "LogAppendTime")])?;

    tools.produce(&topic, "a:first\nb:second\nc:third\n")?;
    tools.produce(&stamped, "a:first\n")?;
    let records = tools.consume(&topic, 3, &["--from-beginning"])?;
    assert_eq!(records.len(), 3, "{records:?}");
    for (offset, (record, ending)) in records
        .iter()
        .zip(["a\tfirst", "b\tsecond", "c\tthird"])
        .enumerate()
    {
        assert_has(
            record,
            &[
                "CreateTime:",
                "Partition:0",
                &format!("Offset:{offset}\t"),
                ending,
            ],
        );
    }
    let second = tools.consume(&topic, 1, &["--partition", "0", "--offset", "1"])?;
    assert_eq!(second, records[1..2]);
    let record = tools.consume(&stamped, 1, &["--from-beginning"])?.remove(0);
    assert_has(&record, &["LogAppendTime:", "a\tfirst"]);

    let time = records[0]
        .split("CreateTime:")
        .nth(1)
        .and_then(|rest| rest.split('\t').next());
    let time: i64 = time.unwrap_or_default().parse()?;
    assert_eq!(tools.offset(&topic, "earliest")?, Some(0));
    assert_eq!(tools.offset(&topic, "latest")?, Some(3));
    assert_eq!(tools.offset(&topic, &time.to_string())?, Some(0));
    assert_eq!(tools.offset(&topic, &(time + 3_600_000).to_string())?, None);

    let size = |topic: &str| -> Result<i64> {
        let printed = tools.run("kafka-log-dirs", &["--describe", "--topic-list", topic])?;
        let json = printed
            .lines()
            .find(|line| line.starts_with('{'))
            .unwrap_or_default();
        let told: Value = serde_json::from_str(json)?;
        let folder = &told["brokers"][0]["logDirs"][0];
        assert_eq!(folder["error"], Value::Null);
        assert_eq!(folder["partitions"][0]["partition"], format!("{topic}-0"));
        Ok(folder["partitions"][0]["size"].as_i64().unwrap_or_default())
    };
    let bytes = size(&topic)?;
    assert!((61..1000).contains(&bytes), "{bytes} bytes");

    let folder = tempfile::tempdir()?;
    let file = folder.path().join("delete.json");
    let asked =
        format!(r#"{{"version": 1, "partitions": [{{"topic": "{topic}", "partition": 0, "offset": 2}}]}}"#);
    std::fs::write(&file, asked)?;
    let file = file.display().to_string();
    let deleted = tools.run("kafka-delete-records", &["--offset-json-file", &file])?;
    assert_has(&deleted, &[&format!("partition: {topic}-0\tlow_watermark: 2")]);
    assert_eq!(tools.offset(&topic, "earliest")?, Some(2));
    let left = tools.consume(&topic, 1, &["--from-beginning"])?;
    assert_eq!(left, records[2..3]);
    Ok(())
}

#[test]
fn apache_tools_list_describe_reset_and_delete_groups() -> Result<()> {
    let tools = Tools::start()?;
    let (topic, group) = (tools.topic("grouped", &[])?, fresh("group"));
    let groups = |arguments: &[&str]| tools.run("kafka-consumer-groups", arguments);
    let describe = ["--describe", "--group", &group];
    tools.produce(&topic, "a:1\nb:2\nc:3\n")?;
    let read = tools.consume(&topic, 2, &["--group", &group, "--from-beginning"])?;
    assert_eq!(read.len(), 2);

    assert!(groups(&["--list"])?.lines().any(|line| line == group));
    let row =
        |current: &str, lag: &str| [&group, &topic, "0", current, "3", lag, "-", "-", "-"].map(str::to_owned);
    assert_eq!(tools.group_rows(&describe)?, [row("2", "1")]);
    let state = tools.group_rows(&[&describe[..], &["--state"]].concat())?;
    assert_eq!(state[0].last().map(String::as_str), Some("0"), "members");
    assert!(state[0].iter().any(|word| word == "Empty"), "{state:?}");

    let reset = ["--reset-offsets", "--group", &group, "--topic", &topic];
    let new = |offset: &str| [&group, &topic, "0", offset].map(str::to_owned);
    assert_eq!(
        tools.group_rows(&[&reset[..], &["--to-earliest", "--dry-run"]].concat())?,
        [new("0")]
    );
    // Counted from where it was: the dry run has changed nothing.
    assert_eq!(
        tools.group_rows(&[&reset[..], &["--shift-by", "1", "--execute"]].concat())?,
        [new("3")]
    );
    let long_ago = ["--to-datetime", "2000-01-01T00:00:00.000", "--execute"];
    assert_eq!(tools.group_rows(&[&reset[..], &long_ago].concat())?, [new("0")]);
    assert_eq!(tools.group_rows(&describe)?, [row("0", "3")]);

    // Another topic keeps the group alive when its positions in the first are gone.
    let other = tools.topic("other", &[])?;
    groups(&[
        "--reset-offsets",
        "--group",
        &group,
        "--topic",
        &other,
        "--to-latest",
        "--execute",
    ])?;
    let given_up = groups(&["--delete-offsets", "--group", &group, "--topic", &topic])?;
    assert_has(
        &given_up,
        &["Request succeeded for deleting offsets", "Successful"],
    );
    let rows = tools.group_rows(&describe)?;
    assert_eq!((rows.len(), &rows[0][1]), (1, &other));
    let deleted = groups(&["--delete", "--group", &group])?;
    assert_has(
        &deleted,
        &["Deletion of requested consumer groups", "was successful"],
    );
    let gone = tools.refused("kafka-consumer-groups", &describe)?;
    assert_has(&gone, &["GroupIdNotFoundException"]);
    Ok(())
}

#[test]
fn apache_tools_with_transactions_are_told_at_once_that_there_are_none() -> Result<()> {
    if !is_embedded() {
        return Ok(());
    }
    let tools = Tools::start()?;
    let topic = tools.topic("transactions", &[])?;
    let began = Instant::now();
    let produce = [
        "--topic",
        &topic,
        "--num-records",
        "3",
        "--record-size",
        "10",
        "--throughput",
        "-1",
        "--transactional-id",
        "tools",
        "--transaction-duration-ms",
        "1000",
    ];
    let said = tools.refused("kafka-producer-perf-test", &produce)?;
    assert_has(&said, &["TransactionalIdAuthorizationException"]);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    Ok(())
}
