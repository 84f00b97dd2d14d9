//! librdkafka's side of the protocol.
//!
//! - [`config`]: how every program of Azulejo connects: the broker's address and every `KAFKA_*` setting.
//! - [`headers`]: headers of rdkafka from and to those of [`crate::record`].
//! - [`admin`]: the topics, made when they are not there.

pub mod admin;
pub mod config;
pub mod headers;

pub use admin::{TopicSettings, ensure_topics};
pub use config::KafkaSettings;
pub use headers::{from_message, to_owned_headers};
