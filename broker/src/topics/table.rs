//! Every setting that Apache Kafka 4.4 has for topics, in the order of their names: its values, its default, what it does here.
//!
//! One without an effect is taken, kept and shown, so that tools which set it go on working, where that breaks no promise;
//! the documentation that goes with it says why. The others are the log's, or have one value only.

use std::collections::BTreeMap;

use super::values::Values::{self, AnyOf, Boolean, GzipLevel, Int, Long, OneOf, Only, Ratio, Replicas};
use super::values::{Kind, split};
use crate::log::settings::{LogSettings, TimestampType};
use crate::wire::splice::MAX_PLACEHOLDER;

const INT: i64 = i32::MAX as i64;

/// One setting that a topic can have.
pub struct Setting {
    /// Kafka's name for it.
    pub name: &'static str,
    /// Kafka's name for the default of all topics, where it has one.
    pub broker_name: Option<&'static str>,
    /// What it can be.
    pub values: Values,
    /// What it does.
    pub documentation: &'static str,
    effect: Effect,
}

enum Effect {
    /// The log goes by it.
    Log {
        get: fn(&LogSettings) -> String,
        set: fn(&mut LogSettings, &str),
    },
    /// None: what is said of a topic without one of its own.
    None(&'static str),
}

impl Setting {
    /// The value of topics without one of their own.
    pub fn default(&self, defaults: &LogSettings) -> String {
        match self.effect {
            Effect::Log { get, .. } => get(defaults),
            Effect::None(default) => default.to_owned(),
        }
    }

    /// The value of a topic with `overrides` of its own, which make its settings `effective`.
    pub fn value(&self, effective: &LogSettings, overrides: &BTreeMap<String, String>) -> String {
        match (&self.effect, overrides.get(self.name)) {
            (Effect::None(_), Some(own)) => own.clone(),
            _ => self.default(effective),
        }
    }

    /// Puts a value in force that is one of [`Self::values`].
    pub fn put(&self, settings: &mut LogSettings, value: &str) {
        if let Effect::Log { set, .. } = self.effect {
            set(settings, value);
        }
    }
}

const fn log(
    name: &'static str,
    broker_name: &'static str,
    values: Values,
    get: fn(&LogSettings) -> String,
    set: fn(&mut LogSettings, &str),
    documentation: &'static str,
) -> Setting {
    Setting {
        name,
        broker_name: Some(broker_name),
        values,
        documentation,
        effect: Effect::Log { get, set },
    }
}

const fn kept(
    name: &'static str,
    broker_name: Option<&'static str>,
    values: Values,
    default: &'static str,
    documentation: &'static str,
) -> Setting {
    Setting {
        name,
        broker_name,
        values,
        documentation,
        effect: Effect::None(default),
    }
}

fn long(value: &str) -> i64 {
    value.parse().unwrap_or_default()
}

fn bytes(value: &str) -> u64 {
    value.parse().unwrap_or_default()
}

fn policy(settings: &LogSettings) -> String {
    let words = [("compact", settings.compact), ("delete", settings.delete)];
    let words = words.iter().filter(|(_, is_on)| *is_on).map(|(word, _)| *word);
    words.collect::<Vec<_>>().join(",")
}

fn put_policy(settings: &mut LogSettings, value: &str) {
    let words = split(value);
    settings.delete = words.contains(&"delete");
    settings.compact = words.contains(&"compact");
}

fn timestamp_type(settings: &LogSettings) -> String {
    let name = match settings.timestamp_type {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    };
    name.to_owned()
}

fn put_timestamp_type(settings: &mut LogSettings, value: &str) {
    settings.timestamp_type = match value {
        "LogAppendTime" => TimestampType::LogAppendTime,
        _ => TimestampType::CreateTime,
    };
}

const AS_PRODUCED: &str = "No effect: batches are stored as producers compress them.";
const NO_COMPACTION: &str = "No effect: this broker does not compact.";
const NO_REPLICAS: &str = "No effect: there are no replicas.";
const NO_TIERS: &str = "No effect: there is no tiered storage.";

/// Every setting there is.
pub const SETTINGS: [Setting; 37] = [
    log(
        "cleanup.policy",
        "log.cleanup.policy",
        AnyOf(&["compact", "delete"]),
        policy,
        put_policy,
        "With delete, old segments go by age and size; without, only by DeleteRecords. With compact, records need a key; older records of a key are nevertheless kept: this broker does not compact.",
    ),
    kept(
        "compression.gzip.level",
        Some("compression.gzip.level"),
        GzipLevel,
        "-1",
        AS_PRODUCED,
    ),
    kept(
        "compression.lz4.level",
        Some("compression.lz4.level"),
        Int(1, 17),
        "9",
        AS_PRODUCED,
    ),
    kept(
        "compression.type",
        Some("compression.type"),
        OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        "producer",
        AS_PRODUCED,
    ),
    kept(
        "compression.zstd.level",
        Some("compression.zstd.level"),
        Int(-131_072, 22),
        "3",
        AS_PRODUCED,
    ),
    kept(
        "delete.retention.ms",
        Some("log.cleaner.delete.retention.ms"),
        Long(0, i64::MAX),
        "86400000",
        NO_COMPACTION,
    ),
    kept(
        "errors.deadletterqueue.group.enable",
        None,
        Boolean,
        "false",
        "No effect: there are no share groups.",
    ),
    kept(
        "file.delete.delay.ms",
        Some("log.segment.delete.delay.ms"),
        Long(0, i64::MAX),
        "60000",
        "No effect: files of old segments go at once, and whoever reads them goes on reading.",
    ),
    log(
        "flush.messages",
        "log.flush.interval.messages",
        Long(1, i64::MAX),
        |s| s.flush_messages.to_string(),
        |s, v| s.flush_messages = long(v),
        "So many records are given to the disk together, before the last of them is acknowledged.",
    ),
    log(
        "flush.ms",
        "log.flush.interval.ms",
        Long(0, i64::MAX),
        |s| s.flush_ms.to_string(),
        |s, v| s.flush_ms = long(v),
        "Records are given to the disk after so many milliseconds, to the second.",
    ),
    kept(
        "follower.replication.throttled.replicas",
        None,
        Replicas,
        "",
        NO_REPLICAS,
    ),
    kept(
        "index.interval.bytes",
        Some("log.index.interval.bytes"),
        Int(0, INT),
        "4096",
        "No effect: the index has an entry every 4096 bytes.",
    ),
    kept(
        "leader.replication.throttled.replicas",
        None,
        Replicas,
        "",
        NO_REPLICAS,
    ),
    kept(
        "local.retention.bytes",
        Some("log.local.retention.bytes"),
        Long(-2, i64::MAX),
        "-2",
        NO_TIERS,
    ),
    kept(
        "local.retention.ms",
        Some("log.local.retention.ms"),
        Long(-2, i64::MAX),
        "-2",
        NO_TIERS,
    ),
    kept(
        "max.compaction.lag.ms",
        Some("log.cleaner.max.compaction.lag.ms"),
        Long(1, i64::MAX),
        "9223372036854775807",
        NO_COMPACTION,
    ),
    kept(
        "max.decompressed.message.bytes",
        Some("max.decompressed.message.bytes"),
        Only(
            Kind::Int,
            "2147483639",
            "batches are not decompressed here, so nothing smaller can be held to",
        ),
        "2147483639",
        "Batches are not decompressed here.",
    ),
    log(
        "max.message.bytes",
        "message.max.bytes",
        Int(0, MAX_PLACEHOLDER as i64),
        |s| s.max_message_bytes.to_string(),
        |s, v| s.max_message_bytes = bytes(v),
        "Largest batch of records accepted, in bytes, after compression.",
    ),
    log(
        "message.timestamp.after.max.ms",
        "log.message.timestamp.after.max.ms",
        Long(0, i64::MAX),
        |s| s.timestamp_after_max_ms.to_string(),
        |s, v| s.timestamp_after_max_ms = long(v),
        "A producer's timestamp may be so many milliseconds ahead of the broker's clock.",
    ),
    log(
        "message.timestamp.before.max.ms",
        "log.message.timestamp.before.max.ms",
        Long(0, i64::MAX),
        |s| s.timestamp_before_max_ms.to_string(),
        |s, v| s.timestamp_before_max_ms = long(v),
        "A producer's timestamp may be so many milliseconds behind the broker's clock.",
    ),
    log(
        "message.timestamp.type",
        "log.message.timestamp.type",
        OneOf(&["CreateTime", "LogAppendTime"]),
        timestamp_type,
        put_timestamp_type,
        "Whose timestamps records have: the producer's, or the broker's when it stores them.",
    ),
    kept(
        "min.cleanable.dirty.ratio",
        Some("log.cleaner.min.cleanable.ratio"),
        Ratio,
        "0.5",
        NO_COMPACTION,
    ),
    kept(
        "min.compaction.lag.ms",
        Some("log.cleaner.min.compaction.lag.ms"),
        Long(0, i64::MAX),
        "0",
        NO_COMPACTION,
    ),
    kept(
        "min.insync.replicas",
        Some("min.insync.replicas"),
        Int(1, INT),
        "1",
        "No effect: as in Kafka, it counts no further than there are replicas, and there is one.",
    ),
    kept(
        "preallocate",
        Some("log.preallocate"),
        Boolean,
        "false",
        "No effect: files grow as they are written.",
    ),
    kept(
        "remote.copy.lag.bytes",
        Some("log.remote.copy.lag.bytes"),
        Long(-1, i64::MAX),
        "-1",
        NO_TIERS,
    ),
    kept(
        "remote.copy.lag.ms",
        Some("log.remote.copy.lag.ms"),
        Long(-1, i64::MAX),
        "0",
        NO_TIERS,
    ),
    kept("remote.log.copy.disable", None, Boolean, "false", NO_TIERS),
    kept("remote.log.delete.on.disable", None, Boolean, "false", NO_TIERS),
    kept(
        "remote.storage.enable",
        None,
        Only(Kind::Boolean, "false", "there is no tiered storage"),
        "false",
        "There is no tiered storage.",
    ),
    log(
        "retention.bytes",
        "log.retention.bytes",
        Long(i64::MIN, i64::MAX),
        |s| s.retention_bytes.to_string(),
        |s, v| s.retention_bytes = long(v),
        "Oldest segments of a partition are deleted while it holds more than this; -1 keeps them.",
    ),
    log(
        "retention.ms",
        "log.retention.ms",
        Long(-1, i64::MAX),
        |s| s.retention_ms.to_string(),
        |s, v| s.retention_ms = long(v),
        "Records older than this many milliseconds are deleted, a segment at a time; -1 keeps them.",
    ),
    log(
        "segment.bytes",
        "log.segment.bytes",
        Int(1024, INT),
        |s| s.segment_bytes.to_string(),
        |s, v| s.segment_bytes = bytes(v),
        "A segment is closed before it grows beyond this many bytes.",
    ),
    kept(
        "segment.index.bytes",
        Some("log.index.size.max.bytes"),
        Int(4, INT),
        "10485760",
        "No effect: an index grows with its segment.",
    ),
    kept(
        "segment.jitter.ms",
        Some("log.roll.jitter.ms"),
        Long(0, i64::MAX),
        "0",
        "No effect: segments are closed when segment.ms says.",
    ),
    log(
        "segment.ms",
        "log.roll.ms",
        Long(1, i64::MAX),
        |s| s.segment_ms.to_string(),
        |s, v| s.segment_ms = long(v),
        "A segment is closed this many milliseconds after its first record.",
    ),
    kept(
        "unclean.leader.election.enable",
        Some("unclean.leader.election.enable"),
        Boolean,
        "false",
        "No effect: there are no elections.",
    ),
];
