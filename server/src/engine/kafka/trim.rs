//! Deletes records that nobody needs any more, so that the broker's disk holds what is under way and not a day of tiles.
//!
//! Results go up to the position in SQLite: whatever lies before it is stored and is not read again. Tasks go up to
//! what the workers' group has committed: their results are acknowledged. Retention by bytes and time stands behind this, for a
//! cluster may not allow the server to delete records; then it says so once and leaves it at that.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use azulejo_transport::Logged;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use super::Line;
use super::owner::Owner;
use crate::engine::store::{Store, tiles};

/// How often. At full speed a few hundred megabytes come together in between.
const PAUSE: Duration = Duration::from_secs(5);
const BROKER_TIMEOUT: Duration = Duration::from_secs(5);

/// Deletes records now and then until the engine stops.
pub fn run(line: &Arc<Line>, store: &Store, owner: &Owner) {
    let mut trimmer = match Trimmer::new(line) {
        Ok(trimmer) => trimmer,
        Err(error) => {
            return tracing::error!(error = format!("{error:#}"), "cannot delete old records");
        }
    };
    let mut told = false;
    while !line.is_stopping() {
        line.nap(PAUSE);
        if line.is_stopping() || !line.is_connected() || !owner.is_settled() {
            continue;
        }
        match trimmer.trim(line, store) {
            Ok(()) => told = false,
            Err(error) if !told => {
                told = true;
                tracing::info!(
                    error = format!("{error:#}"),
                    "records that are done with stay until the topics' retention takes them"
                );
            }
            Err(error) => tracing::debug!(error = format!("{error:#}"), "cannot delete old records"),
        }
    }
}

struct Trimmer {
    runtime: tokio::runtime::Runtime,
    admin: AdminClient<Logged>,
    /// Only asks for what the group has committed; it never joins.
    group: BaseConsumer<Logged>,
    /// Up to where was deleted, so that an idle installation asks for nothing.
    deleted: HashMap<(String, i32), i64>,
}

impl Trimmer {
    fn new(line: &Line) -> anyhow::Result<Self> {
        let kafka = &line.kafka;
        let mut config = kafka.client("azulejo-server-trim");
        let admin = AdminClient::from_config_and_context(&config, Logged::default())?;
        config
            .set("group.id", &line.topics.worker_group)
            .set("enable.auto.commit", "false");
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            admin,
            group: config.create_with_context(Logged::default())?,
            deleted: HashMap::new(),
        })
    }

    fn trim(&mut self, line: &Line, store: &Store) -> anyhow::Result<()> {
        let name = line.results.clone();
        let read = store.read_blocking(move |db| tiles::positions(db, &name))?;
        let results = self.delete(&line.results, &read);
        let tasks = self
            .committed(&line.topics.tasks)
            .and_then(|done| self.delete(&line.topics.tasks, &done));
        results.and(tasks)
    }

    /// What the workers' group has committed of each partition.
    fn committed(&self, topic: &str) -> anyhow::Result<Vec<(i32, i64)>> {
        let metadata = self
            .group
            .fetch_metadata(Some(topic), BROKER_TIMEOUT)
            .context("reading the partitions")?;
        let mut asked = TopicPartitionList::new();
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            asked.add_partition(topic, partition.id());
        }
        let committed = self
            .group
            .committed_offsets(asked, BROKER_TIMEOUT)
            .context("reading what the workers have done")?;
        Ok(committed
            .elements()
            .iter()
            .filter_map(|element| match element.offset() {
                Offset::Offset(offset) => Some((element.partition(), offset)),
                _ => None,
            })
            .collect())
    }

    /// Deletes the records of `topic` before these offsets.
    fn delete(&mut self, topic: &str, before: &[(i32, i64)]) -> anyhow::Result<()> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in before {
            let known = self.deleted.get(&(topic.to_owned(), *partition));
            if *offset > 0 && known != Some(offset) {
                list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
            }
        }
        if list.count() == 0 {
            return Ok(());
        }
        let options = AdminOptions::new()
            .request_timeout(Some(BROKER_TIMEOUT))
            .operation_timeout(Some(BROKER_TIMEOUT));
        let answer = self
            .runtime
            .block_on(self.admin.delete_records(&list, &options))
            .with_context(|| format!("deleting records of '{topic}'"))?;
        let mut result = Ok(());
        for asked in list.elements() {
            let partition = asked.partition();
            let refusal = answer
                .find_partition(topic, partition)
                .and_then(|answered| answered.error().err());
            match (refusal, asked.offset()) {
                (Some(error), _) => {
                    result = Err(error)
                        .with_context(|| format!("deleting records of '{topic}', partition {partition}"));
                }
                (None, Offset::Offset(offset)) => {
                    self.deleted.insert((topic.to_owned(), partition), offset);
                }
                (None, _) => {}
            }
        }
        result
    }
}
