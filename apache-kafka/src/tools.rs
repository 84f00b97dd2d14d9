//! Kafka's own command-line tools, as its scripts in `bin` call them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::install::Installation;

/// The class behind a script of Kafka's `bin` folder, `kafka-topics.sh` by `kafka-topics`.
const CLASSES: [(&str, &str); 13] = [
    ("kafka-acls", "org.apache.kafka.tools.AclCommand"),
    ("kafka-configs", "org.apache.kafka.tools.ConfigCommand"),
    (
        "kafka-console-consumer",
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
    ),
    ("kafka-console-producer", "org.apache.kafka.tools.ConsoleProducer"),
    (
        "kafka-consumer-groups",
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    ),
    (
        "kafka-delete-records",
        "org.apache.kafka.tools.DeleteRecordsCommand",
    ),
    ("kafka-get-offsets", "org.apache.kafka.tools.GetOffsetShell"),
    ("kafka-log-dirs", "org.apache.kafka.tools.LogDirsCommand"),
    (
        "kafka-metadata-quorum",
        "org.apache.kafka.tools.MetadataQuorumCommand",
    ),
    (
        "kafka-producer-perf-test",
        "org.apache.kafka.tools.ProducerPerformance",
    ),
    (
        "kafka-reassign-partitions",
        "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    ),
    ("kafka-storage", "kafka.tools.StorageTool"),
    ("kafka-topics", "org.apache.kafka.tools.TopicCommand"),
];

impl Installation {
    /// Runs the tool `name` (`kafka-topics`) with `arguments`; gives what it wrote to standard output, and ended with.
    ///
    /// # Errors
    /// There is no such tool, or Java does not start.
    pub fn try_tool(&self, name: &str, arguments: &[&str]) -> Result<Output> {
        self.try_tool_reading(name, arguments, b"")
    }

    /// Runs the tool `name` with `arguments` and `input` as its standard input; gives what it wrote, and ended with.
    ///
    /// # Errors
    /// As [`Self::try_tool`].
    pub fn try_tool_reading(&self, name: &str, arguments: &[&str], input: &[u8]) -> Result<Output> {
        let class = CLASSES.iter().find(|(tool, _)| *tool == name);
        let (_, class) = class.with_context(|| format!("{name} is not one of the tools"))?;
        // The tools run for a second or two: the quick compiler is enough.
        let mut child = self
            .java(&["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
            .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error")
            .arg(class)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start java")?;
        let stdin = child.stdin.take();
        // Beside reading what it writes: it may not take more before that is read. One that ends before it has read all
        // says why itself.
        std::thread::scope(|scope| {
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
            child.wait_with_output().context("cannot wait for java")
        })
    }

    /// Runs the tool `name` with `arguments`; gives what it wrote to standard output.
    ///
    /// # Errors
    /// As [`Self::try_tool`], and when it fails, with all that it said.
    pub fn tool(&self, name: &str, arguments: &[&str]) -> Result<String> {
        let output = self.try_tool(name, arguments)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "{name} {}: {}\n{text}{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(text)
    }

    /// Gives a node its storage.
    pub(crate) fn format(&self, cluster_id: &str, properties: &Path, users: &[(&str, &str)]) -> Result<()> {
        let properties = properties.to_string_lossy();
        let scram: Vec<String> = users
            .iter()
            .map(|(name, password)| format!("SCRAM-SHA-512=[name={name},password={password}]"))
            .collect();
        let mut arguments = vec!["format", "-t", cluster_id, "-c", &properties];
        for user in &scram {
            arguments.extend(["--add-scram", user]);
        }
        self.tool("kafka-storage", &arguments).map(drop)
    }
}
