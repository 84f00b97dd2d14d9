//! Settings of topics, under the names that Kafka gives them: what is taken, and what the log makes of it.

use std::collections::BTreeMap;

use super::table::{SETTINGS, Setting};
use crate::log::partition::LogSettings;

/// Settings of one topic, or the defaults of all, as far as the log goes by them.
pub type TopicSettings = LogSettings;

/// Settings by name, as a topic has them of its own.
pub type Overrides = BTreeMap<String, String>;

/// The setting called `name`.
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

fn found(name: &str) -> Result<&'static Setting, String> {
    find(name).ok_or_else(|| format!("there is no topic setting '{name}'"))
}

/// `overrides` with every value as Kafka would write it.
///
/// # Errors
/// A sentence that names the setting at fault.
pub fn normal(overrides: &Overrides) -> Result<Overrides, String> {
    let mut normal = Overrides::new();
    for (name, value) in overrides {
        let value = found(name)?.values.normal(value);
        normal.insert(name.clone(), value.map_err(|why| format!("{name}: {why}"))?);
    }
    let lag = |name: &str| normal.get(name).and_then(|lag| lag.parse::<i64>().ok());
    let (least, most) = ("min.compaction.lag.ms", "max.compaction.lag.ms");
    if let (Some(low), Some(high)) = (lag(least), lag(most))
        && low > high
    {
        return Err(format!("{least}: {low} is more than the {high} of {most}"));
    }
    Ok(normal)
}

/// The settings that `overrides` make of `defaults`.
///
/// # Errors
/// A sentence that names the setting at fault.
pub fn apply(defaults: &TopicSettings, overrides: &Overrides) -> Result<TopicSettings, String> {
    let mut settings = defaults.clone();
    for (name, value) in normal(overrides)? {
        found(&name)?.put(&mut settings, &value);
    }
    Ok(settings)
}

/// The settings that `overrides` make of `defaults`, and a sentence on each that does not fit and is left out: for what was
/// written down by another version.
pub fn apply_leniently(defaults: &TopicSettings, overrides: &Overrides) -> (TopicSettings, Vec<String>) {
    let mut settings = defaults.clone();
    let mut left_out = Vec::new();
    for (name, value) in overrides {
        let checked = found(name).and_then(|setting| {
            let value = setting.values.normal(value);
            value
                .map(|value| (setting, value))
                .map_err(|why| format!("{name}: {why}"))
        });
        match checked {
            Ok((setting, value)) => setting.put(&mut settings, &value),
            Err(why) => left_out.push(why),
        }
    }
    (settings, left_out)
}

#[cfg(test)]
mod tests {
    use super::super::values::Kind;
    use super::*;
    use crate::log::settings::TimestampType;
    use crate::wire::splice::MAX_PLACEHOLDER;

    fn overrides(settings: &[(&str, &str)]) -> Overrides {
        let settings = settings.iter();
        settings
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn with(name: &str, value: &str) -> Result<TopicSettings, String> {
        apply(&TopicSettings::default(), &overrides(&[(name, value)]))
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (name, value) in [
            ("retention.ms", "soon"),
            ("cleanup.policy", "compress"),
            ("no.such", "1"),
            ("remote.storage.enable", "true"),
            ("max.decompressed.message.bytes", "1000"),
        ] {
            let error = with(name, value).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
        let both = overrides(&[("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")]);
        assert!(normal(&both).unwrap_err().contains("min.compaction.lag.ms"));
    }

    #[test]
    fn every_default_is_a_value_that_can_be_set_and_changes_nothing() {
        let defaults = TopicSettings::default();
        for setting in &SETTINGS {
            let value = setting.default(&defaults);
            assert_eq!(with(setting.name, &value).unwrap(), defaults, "{}", setting.name);
            assert_eq!(setting.values.normal(&value), Ok(value), "{}", setting.name);
        }
    }

    #[test]
    fn every_setting_is_there_once_in_order_and_is_shown_as_it_was_set() {
        assert!(SETTINGS.is_sorted_by(|a, b| a.name < b.name));
        let defaults = TopicSettings::default();
        for setting in &SETTINGS {
            let value = match (setting.values.kind(), setting.default(&defaults).as_str()) {
                (_, "2147483639" | "CreateTime" | "producer") | (Kind::Boolean, _) => continue,
                (Kind::List, "delete") => "compact,delete",
                (Kind::List, _) => "0:1,2:1",
                (Kind::Double, _) => "0.25",
                _ => "7",
            };
            let own = match setting.name {
                "segment.bytes" => "4096",
                _ => value,
            };
            let effective = with(setting.name, own).unwrap();
            let shown = setting.value(&effective, &overrides(&[(setting.name, own)]));
            assert_eq!(shown, own, "{}", setting.name);
        }
    }

    #[test]
    fn an_override_shows() {
        assert_eq!(with("max.message.bytes", "5000").unwrap().max_message_bytes, 5000);
        assert_eq!(with("retention.ms", "-1").unwrap().retention_ms, -1);
        let stamped = with("message.timestamp.type", "LogAppendTime").unwrap();
        assert_eq!(stamped.timestamp_type, TimestampType::LogAppendTime);
        for (policy, expected) in [
            ("delete", (true, false)),
            ("compact", (false, true)),
            ("compact,delete", (true, true)),
            ("", (false, false)),
        ] {
            let settings = with("cleanup.policy", policy).unwrap();
            assert_eq!((settings.delete, settings.compact), expected, "{policy}");
        }
    }

    #[test]
    fn no_batch_may_be_larger_than_what_a_fetch_can_carry() {
        let most = MAX_PLACEHOLDER.to_string();
        assert!(with("max.message.bytes", &most).is_ok());
        assert!(with("max.message.bytes", &format!("{most}0")).is_err());
    }

    #[test]
    fn a_setting_that_is_not_understood_costs_no_other() {
        let written = overrides(&[("retention.ms", "5"), ("segment.bytes", "9"), ("was.once", "1")]);
        let (settings, left_out) = apply_leniently(&TopicSettings::default(), &written);
        assert_eq!(settings.retention_ms, 5);
        assert_eq!(left_out.len(), 2, "{left_out:?}");
    }
}
