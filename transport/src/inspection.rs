//! Looks whether topics that somebody else made, or has changed, can do what they are for.
//!
//! What cannot work is refused with topic, setting and value. What merely limits is adapted to: the largest record that all
//! topics of pixels take bounds the tiles. Not being allowed to look (`DescribeConfigs`) is no fault: then the first record that
//! is too large says so.

use azulejo_protocol::health::TopicRole;
use azulejo_protocol::topics::MAX_RECORD_BYTES;
use rdkafka::admin::{ConfigResource, ResourceSpecifier};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::config::{ENVELOPE_BYTES, KafkaSettings};
use crate::probe::Standing;
use crate::topics::{TopicProblem, WantedTopic, admin, patience};

/// Smallest `max.message.bytes` that a topic of pixels can do with: tiles of a few thousand pixels with what is around them.
const LEAST_RECORD_BYTES: u64 = 128 * 1024;

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Topics that cannot do what they are for.
    pub refused: Vec<TopicProblem>,
    /// Bytes of pixels that fit a record of every topic of pixels.
    pub record_bytes: u64,
    /// The topic that bounds this below what was asked for, and its `max.message.bytes`.
    pub limited_by: Option<(String, u64)>,
}

/// The settings of a topic that are looked at; `None` where the cluster does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Facts {
    max_message_bytes: Option<u64>,
    cleanup_policy: Option<String>,
    min_insync_replicas: Option<usize>,
}

impl Facts {
    fn of(resource: &ConfigResource) -> Self {
        let value = |name: &str| resource.get(name)?.value.clone();
        let number = |name: &str| value(name)?.parse::<u64>().ok();
        Self {
            max_message_bytes: number("max.message.bytes"),
            cleanup_policy: value("cleanup.policy"),
            min_insync_replicas: number("min.insync.replicas").and_then(|count| usize::try_from(count).ok()),
        }
    }
}

/// Looks at `wanted`, of which tiles with `most` bytes of pixels are asked. `None` when the cluster did not answer for all of them,
/// so that nothing is known anew; a topic that this program may not look at is taken as it is.
pub async fn inspect_topics(
    kafka: &KafkaSettings,
    wanted: &[WantedTopic],
    standings: &[Standing],
    most: u64,
) -> Option<Inspection> {
    let there: Vec<(&WantedTopic, usize)> = wanted
        .iter()
        .zip(standings)
        .filter_map(|(topic, standing)| match standing {
            Standing::There { replicas, .. } => Some((topic, *replicas)),
            Standing::Missing | Standing::Refused(_) => None,
        })
        .collect();
    let specifiers: Vec<ResourceSpecifier<'_>> = there
        .iter()
        .map(|(topic, _)| ResourceSpecifier::Topic(&topic.name))
        .collect();
    if specifiers.len() < wanted.len() {
        return None;
    }
    let described = admin(kafka)
        .ok()?
        .describe_configs(&specifiers, &patience())
        .await
        .ok()?;
    let facts: Vec<Facts> = described
        .iter()
        .map(|answer| match answer {
            Ok(resource) => Some(Facts::of(resource)),
            Err(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed) => Some(Facts::default()),
            Err(_) => None,
        })
        .collect::<Option<_>>()?;
    let found: Vec<(&WantedTopic, usize, Facts)> = there
        .iter()
        .zip(facts)
        .map(|((topic, replicas), facts)| (*topic, *replicas, facts))
        .collect();
    Some(judge(&found, most))
}

fn judge(found: &[(&WantedTopic, usize, Facts)], most: u64) -> Inspection {
    let mut inspection = Inspection {
        refused: Vec::new(),
        record_bytes: most.min(MAX_RECORD_BYTES as u64),
        limited_by: None,
    };
    for (topic, replicas, facts) in found {
        let name = &topic.name;
        let mut refuse = |sentence: String| {
            inspection.refused.push(TopicProblem {
                topic: name.clone(),
                sentence,
            });
        };
        let has_tiles = matches!(topic.role, TopicRole::Tasks | TopicRole::Results);
        let has_pixels = has_tiles || topic.role == TopicRole::DeadLetters;
        if let Some(policy) = &facts.cleanup_policy
            && has_tiles
            && !policy.split(',').any(|word| word.trim() == "delete")
        {
            refuse(format!(
                "the topic '{name}' has cleanup.policy={policy}, under which the pixels of every tile stay for good: set \
                 cleanup.policy=delete"
            ));
        }
        if let Some(in_sync) = facts.min_insync_replicas
            && *replicas > 0
            && in_sync > *replicas
        {
            refuse(format!(
                "the topic '{name}' has min.insync.replicas={in_sync} and {replicas} replicas, so it takes no record: lower \
                 the one or raise the other"
            ));
        }
        let Some(bytes) = facts.max_message_bytes.filter(|_| has_pixels) else {
            continue;
        };
        if bytes < LEAST_RECORD_BYTES {
            if topic.role == TopicRole::DeadLetters {
                // Jobs do without it; what it refuses is named when it does.
                continue;
            }
            refuse(format!(
                "the topic '{name}' has max.message.bytes={bytes}, too few for the smallest tiles: set it to \
                 {LEAST_RECORD_BYTES} or more, best to {}",
                MAX_RECORD_BYTES + ENVELOPE_BYTES
            ));
            continue;
        }
        let room = bytes - ENVELOPE_BYTES as u64;
        if room < inspection.record_bytes {
            inspection.record_bytes = room;
            inspection.limited_by = Some((name.clone(), bytes));
        }
    }
    inspection
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, role: TopicRole) -> WantedTopic {
        WantedTopic {
            name: name.to_owned(),
            partitions: 1,
            role,
        }
    }

    fn facts(bytes: u64, policy: &str, in_sync: usize) -> Facts {
        Facts {
            max_message_bytes: Some(bytes),
            cleanup_policy: Some(policy.to_owned()),
            min_insync_replicas: Some(in_sync),
        }
    }

    #[test]
    fn the_smallest_record_of_the_topics_of_pixels_bounds_the_tiles() {
        let (tasks, results) = (
            topic("tasks", TopicRole::Tasks),
            topic("results-1", TopicRole::Results),
        );
        let beats = topic("heartbeats", TopicRole::Heartbeats);
        let found = [
            (&tasks, 1, facts(10 << 20, "delete", 1)),
            (&results, 1, facts(1_048_588, "delete", 1)),
            (&beats, 1, facts(1000, "compact", 1)),
        ];
        let inspection = judge(&found, 8 << 20);
        assert_eq!(inspection.refused, []);
        assert_eq!(inspection.record_bytes, 1_048_588 - 65_536);
        assert_eq!(inspection.limited_by, Some(("results-1".to_owned(), 1_048_588)));
        let inspection = judge(&found, 100_000);
        assert_eq!((inspection.record_bytes, inspection.limited_by), (100_000, None));
    }

    #[test]
    fn what_cannot_work_is_refused_with_topic_setting_and_value() {
        let tasks = topic("lab-tasks", TopicRole::Tasks);
        for (facts, replicas, words) in [
            (
                facts(1000, "delete", 1),
                1,
                ["max.message.bytes=1000", "lab-tasks"],
            ),
            (
                facts(1 << 20, "compact", 1),
                1,
                ["cleanup.policy=compact", "lab-tasks"],
            ),
            (
                facts(1 << 20, "delete", 3),
                2,
                ["min.insync.replicas=3", "lab-tasks"],
            ),
        ] {
            let refused = judge(&[(&tasks, replicas, facts)], 1 << 20).refused;
            assert_eq!(refused.len(), 1);
            for word in words {
                assert!(refused[0].sentence.contains(word), "{}", refused[0].sentence);
            }
        }
        let both = facts(1 << 20, "compact,delete", 2);
        assert_eq!(judge(&[(&tasks, 2, both)], 1 << 20).refused, []);
    }

    #[test]
    fn what_the_cluster_does_not_say_is_no_fault() {
        let tasks = topic("tasks", TopicRole::Tasks);
        let inspection = judge(&[(&tasks, 0, Facts::default())], 5 << 20);
        assert_eq!(
            (inspection.refused, inspection.record_bytes),
            (Vec::new(), 5 << 20)
        );
    }
}
