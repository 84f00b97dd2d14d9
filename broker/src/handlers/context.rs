//! What handlers share: what they work with, and small turns of phrase.

use std::collections::HashSet;
use std::hash::Hash;
use std::net::SocketAddr;

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;

use crate::shared::Shared;
use crate::topics::TopicError;
use crate::wire::request::RequestError;

/// What a handler works with.
pub struct Context<'a> {
    /// The broker.
    pub shared: &'a Shared,
    /// The address that the client has connected to.
    pub local: SocketAddr,
    /// The client's.
    pub peer: SocketAddr,
}

impl Context<'_> {
    /// The address that the client is told to connect to.
    pub fn advertised(&self) -> (StrBytes, i32) {
        let (host, port) = match &self.shared.config.advertise {
            Some((host, port)) => (host.clone(), *port),
            None => (self.local.ip().to_string(), self.local.port()),
        };
        (StrBytes::from_string(host), i32::from(port))
    }
}

/// Why there is no answer. The connection is closed.
#[derive(Debug)]
pub enum Failure {
    /// The request cannot be read.
    Request(RequestError),
    /// The answer cannot be written: a mistake of ours.
    Encode(String),
    /// Records were refused that the client wants no answer to: closing the connection is all it will notice.
    Unanswered(String),
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

/// Each of `items` once: whoever names a thing a thousand times is told of it once, as Kafka does, or a small request would
/// make a huge answer.
pub fn unique<'a, T, K: Eq + Hash>(
    items: &'a [T],
    key: impl Fn(&'a T) -> K + 'a,
) -> impl Iterator<Item = &'a T> {
    let mut seen = HashSet::new();
    items.iter().filter(move |item| seen.insert(key(item)))
}

/// The code of an outcome: 0 if it is good.
pub fn code<T>(outcome: &Result<T, ResponseError>) -> i16 {
    outcome.as_ref().err().map_or(0, ResponseError::code)
}

/// A string of the codec.
pub fn text(value: impl Into<String>) -> StrBytes {
    StrBytes::from_string(value.into())
}

/// An error message of the codec.
pub fn sentence(error: &impl ToString) -> Option<StrBytes> {
    Some(text(error.to_string()))
}

/// What to tell the client of an error.
pub fn response_error(error: &TopicError) -> ResponseError {
    match error {
        TopicError::Exists(_) => ResponseError::TopicAlreadyExists,
        TopicError::Unknown(_) => ResponseError::UnknownTopicOrPartition,
        TopicError::InvalidName(_) => ResponseError::InvalidTopicException,
        TopicError::InvalidPartitions(_) => ResponseError::InvalidPartitions,
        TopicError::InvalidConfig(_) => ResponseError::InvalidConfig,
        TopicError::Storage(_) => ResponseError::KafkaStorageError,
    }
}
