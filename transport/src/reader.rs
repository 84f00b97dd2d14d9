//! Reads one topic from a known position, without a consumer group: every partition, also those that it gets later.
//!
//! The reader assigns itself the partitions. A position that the broker does not have (its log was trimmed, or it lost its
//! data) starts over at the earliest record, with a warning. [`Reader::look`], called every few seconds, finds out that the
//! topic has more partitions than are read, which are read from their beginning from then on, or is gone, or was made anew.

use std::collections::BTreeMap;
use std::time::Duration;

use azulejo_protocol::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Offset, TopicPartitionList};

use crate::client::Logged;
use crate::config::KafkaSettings;
use crate::trouble::{Access, Trouble, is_missing};

const PATIENCE: Duration = Duration::from_secs(5);
/// Records that are read back where the broker has no index by time.
const TAIL: i64 = 500;

/// Where reading begins.
#[derive(Debug, Clone)]
pub enum Start {
    /// At these offsets; partitions without one at their beginning.
    Positions(BTreeMap<i32, i64>),
    /// At the first record of this time or later.
    Since(Timestamp),
    /// So many records before the end.
    Tail(i64),
}

/// What a poll gave.
#[derive(Debug)]
pub enum Event<'a> {
    /// A record.
    Record(BorrowedMessage<'a>),
    /// Everything of this partition has been read, for the moment.
    End(i32),
    /// Something does not work; reading goes on by itself when it does.
    Trouble(Trouble),
}

/// What a look at the topic found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Nothing new.
    Same,
    /// It has more partitions; they are read from their beginning.
    Grown,
    /// It is not there.
    Gone,
    /// It is another one of the same name: it was deleted and made again.
    Anew,
}

/// A reader of one topic.
pub struct Reader {
    consumer: BaseConsumer<Logged>,
    topic: String,
    principal: String,
    group: String,
    starts: BTreeMap<i32, i64>,
    ends: BTreeMap<i32, i64>,
}

impl Reader {
    /// Looks the topic up and begins to read. `client` names the reader in the broker's log; `group` is a name of a group that
    /// is never joined, which librdkafka wants all the same.
    ///
    /// # Errors
    /// The cluster does not answer, the topic is not there, or librdkafka refuses the settings.
    pub fn open(
        kafka: &KafkaSettings,
        client: &str,
        group: &str,
        topic: &str,
        start: &Start,
    ) -> Result<Self, Trouble> {
        let principal = kafka.principal();
        let trouble = |error: KafkaError| {
            let access = Access::new(&principal, "Read", topic).in_group(group);
            Trouble::of(&error, access, None)
        };
        let mut config = kafka.consumer(client);
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("enable.partition.eof", "true");
        let consumer: BaseConsumer<Logged> =
            config.create_with_context(Logged::default()).map_err(trouble)?;
        let mut reader = Self {
            consumer,
            topic: topic.to_owned(),
            principal: principal.clone(),
            group: group.to_owned(),
            starts: BTreeMap::new(),
            ends: BTreeMap::new(),
        };
        let partitions = reader.partitions().map_err(trouble)?;
        if partitions.is_empty() {
            let error = KafkaError::MetadataFetch(rdkafka::types::RDKafkaErrorCode::UnknownTopicOrPartition);
            return Err(trouble(error));
        }
        let list = reader.places(&partitions, start).map_err(trouble)?;
        reader.consumer.assign(&list).map_err(trouble)?;
        Ok(reader)
    }

    fn partitions(&self) -> KafkaResult<Vec<i32>> {
        let metadata = self.consumer.fetch_metadata(Some(&self.topic), PATIENCE)?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == self.topic) else {
            return Ok(Vec::new());
        };
        if let Some(code) = found.error() {
            let error = KafkaError::MetadataFetch(code.into());
            // Not to be told, for want of a right, is not to be told that it is gone.
            return if is_missing(&error) {
                Ok(Vec::new())
            } else {
                Err(error)
            };
        }
        Ok(found
            .partitions()
            .iter()
            .map(|partition| partition.id())
            .collect())
    }

    /// Where reading of each of these partitions begins.
    fn places(&mut self, partitions: &[i32], start: &Start) -> KafkaResult<TopicPartitionList> {
        let since = match start {
            Start::Since(time) => self.offsets_since(partitions, *time),
            Start::Positions(_) | Start::Tail(_) => BTreeMap::new(),
        };
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            let (low, high) = self
                .consumer
                .fetch_watermarks(&self.topic, *partition, PATIENCE)?;
            let wanted = match start {
                Start::Positions(positions) => positions.get(partition).copied(),
                Start::Since(_) => Some(since.get(partition).copied().unwrap_or(high - TAIL).max(low)),
                Start::Tail(records) => Some((high - records).max(low)),
            };
            let position = match wanted {
                Some(offset) if (low..=high).contains(&offset) => offset,
                Some(offset) => {
                    tracing::warn!(
                        topic = self.topic,
                        partition,
                        offset,
                        low,
                        high,
                        "records are gone that were not read; reading what there is"
                    );
                    low
                }
                None => low,
            };
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(position))?;
            self.starts.insert(*partition, position);
            self.ends.insert(*partition, high);
        }
        Ok(list)
    }

    /// The offset of the first record since `time` of each partition that has one; the end of those that have none.
    fn offsets_since(&self, partitions: &[i32], time: Timestamp) -> BTreeMap<i32, i64> {
        let millis = i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            if list
                .add_partition_offset(&self.topic, *partition, Offset::Offset(millis))
                .is_err()
            {
                return BTreeMap::new();
            }
        }
        let Ok(found) = self.consumer.offsets_for_times(list, PATIENCE) else {
            return BTreeMap::new();
        };
        found
            .elements()
            .iter()
            .filter_map(|element| match element.offset() {
                Offset::Offset(offset) => Some((element.partition(), offset)),
                Offset::End => Some((element.partition(), i64::MAX)),
                _ => None,
            })
            .map(|(partition, offset)| {
                let end = self
                    .consumer
                    .fetch_watermarks(&self.topic, partition, PATIENCE)
                    .map_or(offset, |(_, high)| high);
                (partition, offset.min(end))
            })
            .collect()
    }

    /// The next thing, waiting for it for at most `patience`.
    pub fn poll(&self, patience: Duration) -> Option<Event<'_>> {
        match self.consumer.poll(patience)? {
            Ok(record) => Some(Event::Record(record)),
            Err(KafkaError::PartitionEOF(partition)) => Some(Event::End(partition)),
            Err(error) => {
                let access = Access::new(&self.principal, "Read", &self.topic).in_group(&self.group);
                Some(Event::Trouble(Trouble::of(&error, access, None)))
            }
        }
    }

    /// The offset at which reading of each partition began.
    pub fn starts(&self) -> &BTreeMap<i32, i64> {
        &self.starts
    }

    /// The end of each partition when reading of it began.
    pub fn ends(&self) -> &BTreeMap<i32, i64> {
        &self.ends
    }

    /// Looks whether the topic is as it was. After [`Look::Gone`] and [`Look::Anew`] a new reader has to be opened, and positions
    /// in the topic mean nothing any more.
    pub fn look(&mut self) -> Look {
        let Ok(partitions) = self.partitions() else {
            return Look::Same;
        };
        if partitions.is_empty() {
            return Look::Gone;
        }
        if self.is_anew(&partitions) {
            return Look::Anew;
        }
        let new: Vec<i32> = partitions
            .into_iter()
            .filter(|partition| !self.starts.contains_key(partition))
            .collect();
        if new.is_empty() {
            return Look::Same;
        }
        match self.grow(&new) {
            Ok(()) => Look::Grown,
            Err(error) => {
                tracing::debug!(topic = self.topic, %error, "cannot read the new partitions yet");
                Look::Same
            }
        }
    }

    /// Whether the topic was deleted and made again since it was read: then it has fewer partitions, or one of them ends before
    /// what was read of it.
    fn is_anew(&self, partitions: &[i32]) -> bool {
        if self
            .starts
            .keys()
            .any(|partition| !partitions.contains(partition))
        {
            return true;
        }
        let mut read = self.starts.clone();
        if let Ok(positions) = self.consumer.position() {
            for element in positions.elements() {
                if let Offset::Offset(offset) = element.offset() {
                    read.insert(element.partition(), offset);
                }
            }
        }
        read.iter().any(|(partition, offset)| {
            self.consumer
                .fetch_watermarks(&self.topic, *partition, PATIENCE)
                .is_ok_and(|(_, high)| high < *offset)
        })
    }

    fn grow(&mut self, new: &[i32]) -> KafkaResult<()> {
        let list = self.places(new, &Start::Positions(BTreeMap::new()))?;
        self.consumer.incremental_assign(&list)
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }
}
