//! Settings of topics, under the names that Kafka gives them.

use std::collections::BTreeMap;

use crate::log::partition::LogSettings;
use crate::wire::splice::MAX_PLACEHOLDER;

/// Settings of one topic, or the defaults of all.
pub type TopicSettings = LogSettings;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Default for TopicSettings {
    fn default() -> Self {
        Self {
            max_message_bytes: 1_048_588,
            segment_bytes: 128 << 20,
            segment_ms: 7 * DAY_MS,
            retention_ms: 7 * DAY_MS,
            retention_bytes: -1,
        }
    }
}

/// What kind of value a setting takes, in the numbers of DescribeConfigs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum Kind {
    /// Text.
    String = 2,
    /// 32 bits.
    Int = 3,
    /// 64 bits.
    Long = 5,
    /// Words with commas.
    List = 7,
}

/// One setting that a topic can have.
pub struct Setting {
    /// Kafka's name for it.
    pub name: &'static str,
    /// Type of its value.
    pub kind: Kind,
    /// What it does.
    pub documentation: &'static str,
    /// Reads the value in force.
    pub get: fn(&TopicSettings) -> String,
    /// Puts a value in force, or says what is wrong with it.
    pub set: fn(&mut TopicSettings, &str) -> Result<(), String>,
}

/// Every setting there is. Those with only one possible value are here so that tools which set them go on working.
pub const SETTINGS: [Setting; 9] = [
    Setting {
        name: "max.message.bytes",
        kind: Kind::Int,
        documentation: "Largest batch of records accepted, in bytes, after compression.",
        get: |s| s.max_message_bytes.to_string(),
        // What an answer to Fetch cannot carry must not be stored.
        set: |s, v| number(v, 0, MAX_PLACEHOLDER as i64).map(|v| s.max_message_bytes = v as u64),
    },
    Setting {
        name: "retention.ms",
        kind: Kind::Long,
        documentation: "Records older than this many milliseconds are deleted, a segment at a time; -1 keeps them.",
        get: |s| s.retention_ms.to_string(),
        set: |s, v| number(v, -1, i64::MAX).map(|v| s.retention_ms = v),
    },
    Setting {
        name: "retention.bytes",
        kind: Kind::Long,
        documentation: "Oldest segments of a partition are deleted while it holds more than this; -1 keeps them.",
        get: |s| s.retention_bytes.to_string(),
        set: |s, v| number(v, -1, i64::MAX).map(|v| s.retention_bytes = v),
    },
    Setting {
        name: "segment.bytes",
        kind: Kind::Int,
        documentation: "A segment is closed before it grows beyond this many bytes.",
        get: |s| s.segment_bytes.to_string(),
        set: |s, v| number(v, 1024, i64::from(i32::MAX)).map(|v| s.segment_bytes = v as u64),
    },
    Setting {
        name: "segment.ms",
        kind: Kind::Long,
        documentation: "A segment is closed this many milliseconds after its first record.",
        get: |s| s.segment_ms.to_string(),
        set: |s, v| number(v, 1, i64::MAX).map(|v| s.segment_ms = v),
    },
    Setting {
        name: "cleanup.policy",
        kind: Kind::List,
        documentation: "Only delete: this broker does not compact.",
        get: |_| "delete".to_owned(),
        set: |_, v| only(v, "delete"),
    },
    Setting {
        name: "compression.type",
        kind: Kind::String,
        documentation: "Only producer: batches are stored as they come.",
        get: |_| "producer".to_owned(),
        set: |_, v| only(v, "producer"),
    },
    Setting {
        name: "message.timestamp.type",
        kind: Kind::String,
        documentation: "Only CreateTime: timestamps are the producer's.",
        get: |_| "CreateTime".to_owned(),
        set: |_, v| only(v, "CreateTime"),
    },
    Setting {
        name: "min.insync.replicas",
        kind: Kind::Int,
        documentation: "Only 1: there are no replicas.",
        get: |_| "1".to_owned(),
        set: |_, v| only(v, "1"),
    },
];

fn number(value: &str, low: i64, high: i64) -> Result<i64, String> {
    let parsed = value
        .trim()
        .parse()
        .ok()
        .filter(|number| (low..=high).contains(number));
    parsed.ok_or_else(|| format!("'{value}' is not a number from {low} to {high}"))
}

fn only(value: &str, possible: &str) -> Result<(), String> {
    if value == possible {
        Ok(())
    } else {
        Err(format!(
            "'{value}' is not offered by this broker, only '{possible}'"
        ))
    }
}

/// The setting called `name`.
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// The settings that `overrides` make of `defaults`.
///
/// # Errors
/// A sentence that names the setting at fault.
pub fn apply(
    defaults: &TopicSettings,
    overrides: &BTreeMap<String, String>,
) -> Result<TopicSettings, String> {
    let mut settings = defaults.clone();
    for (name, value) in overrides {
        let setting = find(name).ok_or_else(|| format!("there is no topic setting '{name}'"))?;
        (setting.set)(&mut settings, value).map_err(|why| format!("{name}: {why}"))?;
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Result<TopicSettings, String> {
        apply(
            &TopicSettings::default(),
            &[(name.to_owned(), value.to_owned())].into(),
        )
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (name, value) in [
            ("retention.ms", "soon"),
            ("cleanup.policy", "compact"),
            ("no.such", "1"),
        ] {
            let error = with(name, value).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn every_default_is_a_value_that_can_be_set() {
        let defaults = TopicSettings::default();
        for setting in &SETTINGS {
            assert_eq!(
                with(setting.name, &(setting.get)(&defaults)).unwrap(),
                defaults,
                "{}",
                setting.name
            );
        }
    }

    #[test]
    fn an_override_shows() {
        assert_eq!(with("max.message.bytes", "5000").unwrap().max_message_bytes, 5000);
        assert_eq!(with("retention.ms", "-1").unwrap().retention_ms, -1);
    }

    #[test]
    fn no_batch_may_be_larger_than_what_a_fetch_can_carry() {
        let most = MAX_PLACEHOLDER.to_string();
        assert!(with("max.message.bytes", &most).is_ok());
        assert!(with("max.message.bytes", &format!("{most}0")).is_err());
    }
}
