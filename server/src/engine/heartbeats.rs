//! Reads what the workers say of themselves: one thread, no consumer group, from about a minute before the start on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use azulejo_protocol::{Heartbeat, Timestamp};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::quiet::Quiet;
use super::settings::Change;
use super::shared::Shared;

/// How far back the start looks: longer than any sensible heartbeat interval, so that it knows at once who is there.
const LOOK_BACK: Duration = Duration::from_secs(60);
const BROKER_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 256 * 1024;

/// Reads heartbeats until the engine stops.
///
/// # Errors
/// The broker does not say which partitions there are, or librdkafka refuses the settings.
pub fn run(shared: &Arc<Shared>) -> anyhow::Result<()> {
    let mut config = shared.config.kafka.consumer("azulejo-server-heartbeats");
    config
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "latest");
    config.set(
        "group.id",
        format!("{}-server", shared.config.topics.worker_group),
    );
    let consumer: BaseConsumer<Quiet> = config
        .create_with_context(Quiet)
        .context("cannot make the consumer of heartbeats")?;
    let mut backlog = assign(shared, &consumer)?;
    while !shared.is_stopping() {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                let old = backlog.is_some_and(|end| message.offset() < end);
                if !old {
                    backlog = None;
                }
                hear(shared, message.payload().unwrap_or_default(), old);
            }
            Some(Err(error)) => tracing::debug!(%error, "reading heartbeats"),
            None => {}
        }
    }
    Ok(())
}

/// Assigns the topic's one partition; gives the offset at which news begins.
fn assign(shared: &Shared, consumer: &BaseConsumer<Quiet>) -> anyhow::Result<Option<i64>> {
    let topic = &shared.config.topics.heartbeats;
    let (low, high) = consumer.fetch_watermarks(topic, 0, BROKER_TIMEOUT)?;
    let since = Timestamp::now_utc() - LOOK_BACK;
    let mut list = TopicPartitionList::new();
    let millis = i64::try_from(since.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
    list.add_partition_offset(topic, 0, Offset::Offset(millis))?;
    let found = consumer
        .offsets_for_times(list, BROKER_TIMEOUT)
        .ok()
        .and_then(|list| match list.find_partition(topic, 0)?.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        })
        // Without an index by time, the last few records do.
        .unwrap_or_else(|| (high - 500).max(low));
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Offset(found.clamp(low, high)))?;
    consumer.assign(&list)?;
    Ok(Some(high))
}

/// Takes in one heartbeat. One from before the start is as old as it says; a new one was said just now, whatever the
/// clock of its machine.
fn hear(shared: &Shared, value: &[u8], old: bool) {
    if value.len() > MAX_BYTES {
        return tracing::warn!(bytes = value.len(), "a heartbeat is too long");
    }
    let beat: Heartbeat = match serde_json::from_slice(value) {
        Ok(beat) => beat,
        Err(error) => return tracing::warn!(%error, "a heartbeat does not parse"),
    };
    let age = if old {
        (Timestamp::now_utc() - beat.timestamp)
            .try_into()
            .unwrap_or(Duration::ZERO)
    } else {
        Duration::ZERO
    };
    let now = Instant::now();
    {
        let mut core = shared.core();
        if !core.workers.hear(beat, age, now) {
            return;
        }
        core.refresh_holders(now);
    }
    shared.state.wake();
    shared.events.mark(Change::Workers);
    shared.events.mark(Change::Health);
}
