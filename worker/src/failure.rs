//! What a failed delivery means for the record.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Message, OwnedMessage};

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It may pass: the broker is away, the producer was replaced.
    Passing,
    /// This record is never taken.
    Record,
    /// No record is taken until somebody changes the installation.
    Installation,
    /// The client has failed for good.
    Fatal,
}

/// The class of `error`.
pub fn class(error: &KafkaError) -> Class {
    match error.rdkafka_error_code() {
        Some(Code::Fatal) => Class::Fatal,
        Some(Code::MessageSizeTooLarge) => Class::Record,
        Some(
            Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::UnknownPartition
            | Code::InvalidTimestamp
            | Code::InvalidTopic
            | Code::PolicyViolation,
        ) => Class::Installation,
        _ => Class::Passing,
    }
}

/// Why records are not delivered, and what to do where that is known.
pub fn reason(error: &KafkaError) -> String {
    let advice = match error.rdkafka_error_code() {
        Some(Code::MessageSizeTooLarge) => "raise the topic's max.message.bytes",
        Some(Code::InvalidTimestamp) => "set this machine's clock, or the topic's message.timestamp limits",
        Some(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed) => {
            "give this worker's user the right Write on the topic"
        }
        Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition) => {
            "the topic is not there: its server makes it"
        }
        _ => return error.to_string(),
    };
    format!("{error}: {advice}")
}

/// Why a result comes without its pixels.
pub fn refused(record: &OwnedMessage) -> String {
    let bytes = record.payload().map_or(0, <[u8]>::len);
    format!(
        "the topic '{}' refuses a record of {bytes} bytes: raise its max.message.bytes",
        record.topic()
    )
}
