//! What an error of librdkafka means, decided once: does it pass, is it this record's, this installation's, or this client's
//! end. Decided by codes; no text is matched.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// Kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// It may pass: the broker is away or busy, a topic is missing that will be made again.
    Passing,
    /// This record is never taken.
    Record,
    /// Nothing is taken until somebody changes a right, a setting or a clock.
    Installation,
    /// The client has failed for good and has to be made anew.
    Fatal,
}

/// An error with its class and a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Trouble {
    /// What kind it is.
    pub class: Class,
    /// What happened to which topic, and the remedy.
    pub reason: String,
}

/// The class of `error`.
pub fn class(error: &KafkaError) -> Class {
    match error.rdkafka_error_code() {
        Some(
            Code::Fatal
            | Code::OutOfOrderSequenceNumber
            | Code::UnknownProducerId
            | Code::ProducerFenced
            | Code::InvalidProducerEpoch
            | Code::Fenced,
        ) => Class::Fatal,
        Some(
            Code::MessageSizeTooLarge
            | Code::InvalidMessageSize
            | Code::MessageBatchTooLarge
            | Code::InvalidRecord,
        ) => Class::Record,
        Some(
            Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::Authentication
            | Code::UnsupportedSASLMechanism
            | Code::SecurityDisabled
            | Code::UnsupportedVersion
            | Code::UnsupportedForMessageFormat
            | Code::UnsupportedCompressionType
            | Code::InvalidTimestamp
            | Code::InvalidTopic
            | Code::InvalidConfig
            | Code::PolicyViolation,
        ) => Class::Installation,
        _ => Class::Passing,
    }
}

/// Whether `error` says that the topic, or the partition, is not there.
pub fn is_missing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition)
    )
}

/// What was tried: who wanted to do what with which topic.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// Who, as the cluster names it: [`crate::KafkaSettings::principal`].
    pub principal: &'a str,
    /// The right that it takes, in Kafka's word: `Read`, `Write`, `Describe`, `Create`.
    pub right: &'static str,
    /// The topic.
    pub topic: &'a str,
    /// The consumer group, empty where there is none.
    pub group: &'a str,
}

impl<'a> Access<'a> {
    /// Of `principal` to `topic`, without a group.
    pub fn new(principal: &'a str, right: &'static str, topic: &'a str) -> Self {
        Self {
            principal,
            right,
            topic,
            group: "",
        }
    }

    /// The same as a member of `group`.
    #[must_use]
    pub fn in_group(self, group: &'a str) -> Self {
        Self { group, ..self }
    }
}

impl Trouble {
    /// What `error` means for this access, with a record of `bytes` bytes where that is known.
    pub fn of(error: &KafkaError, access: Access<'_>, bytes: Option<usize>) -> Self {
        let Access {
            principal,
            right,
            topic,
            group,
        } = access;
        let class = class(error);
        let code = error.rdkafka_error_code();
        let reason = match code {
            Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::MessageBatchTooLarge) => {
                let size = bytes.map_or_else(|| "this size".to_owned(), |bytes| format!("{bytes} bytes"));
                format!("the topic '{topic}' refuses a record of {size}: raise its max.message.bytes")
            }
            Some(Code::InvalidTimestamp) => format!(
                "the topic '{topic}' refuses the time of the record ({error}): set this machine's clock, or the topic's \
                 message.timestamp.after.max.ms and message.timestamp.before.max.ms"
            ),
            Some(Code::TopicAuthorizationFailed) => format!(
                "{principal} has not the right {right} on the topic '{topic}': give it the rights of docs/kafka.md"
            ),
            Some(Code::GroupAuthorizationFailed) => format!(
                "{principal} has not the right Read on the consumer group '{group}': give it the rights of docs/kafka.md"
            ),
            Some(Code::ClusterAuthorizationFailed) => format!(
                "{principal} has not a right on the cluster that it needs for the topic '{topic}' ({error}): give it the \
                 rights of docs/kafka.md"
            ),
            Some(Code::SaslAuthenticationFailed | Code::Authentication) => format!(
                "the cluster does not accept the credentials of {principal} ({error}): see KAFKA_SASL_USERNAME, \
                 KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM"
            ),
            _ if is_missing(error) => {
                format!("the topic '{topic}' is not there: its server makes it again ({error})")
            }
            _ => format!("topic '{topic}': {error}"),
        };
        Self { class, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(topic: &str) -> Access<'_> {
        Access {
            principal: "User:server",
            right: "Write",
            topic,
            group: "image-workers",
        }
    }

    #[test]
    fn a_missing_right_names_principal_right_and_topic() {
        let error = KafkaError::MessageProduction(Code::TopicAuthorizationFailed);
        let reason = Trouble::of(&error, access("tasks"), None).reason;
        for word in ["User:server", "Write", "'tasks'", "docs/kafka.md"] {
            assert!(reason.contains(word), "{reason}");
        }
    }

    #[test]
    fn each_code_has_its_class_and_names_the_topic_and_the_remedy() {
        for (code, class, words) in [
            (Code::MessageSizeTooLarge, Class::Record, "max.message.bytes"),
            (Code::MessageBatchTooLarge, Class::Record, "max.message.bytes"),
            (Code::InvalidTimestamp, Class::Installation, "clock"),
            (Code::TopicAuthorizationFailed, Class::Installation, "right"),
            (Code::ClusterAuthorizationFailed, Class::Installation, "right"),
            (Code::PolicyViolation, Class::Installation, "tasks"),
            (Code::UnknownTopicOrPartition, Class::Passing, "is not there"),
            (Code::MessageTimedOut, Class::Passing, "tasks"),
            (Code::NotEnoughReplicas, Class::Passing, "tasks"),
            (Code::NotLeaderForPartition, Class::Passing, "tasks"),
            (Code::QueueFull, Class::Passing, "tasks"),
            (Code::AllBrokersDown, Class::Passing, "tasks"),
            (Code::Fatal, Class::Fatal, "tasks"),
            (Code::OutOfOrderSequenceNumber, Class::Fatal, "tasks"),
            (Code::UnknownProducerId, Class::Fatal, "tasks"),
        ] {
            let trouble = Trouble::of(
                &KafkaError::MessageProduction(code),
                access("tasks"),
                Some(7_000_000),
            );
            assert_eq!(trouble.class, class, "{code:?}");
            assert!(trouble.reason.contains(words), "{code:?}: {}", trouble.reason);
        }
    }

    #[test]
    fn a_record_that_is_too_large_is_named_with_its_size() {
        let error = KafkaError::MessageProduction(Code::MessageSizeTooLarge);
        let reason = Trouble::of(&error, access("lab-tasks"), Some(7_000_000)).reason;
        assert!(
            reason.contains("lab-tasks") && reason.contains("7000000"),
            "{reason}"
        );
    }
}
