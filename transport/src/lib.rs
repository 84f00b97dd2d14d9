//! Everything that knows librdkafka, once, for server and worker alike.
//!
//! # Tour
//! - [`config`]: how every program of Azulejo connects. [`environment`]: what `KAFKA_*` variables may say of it.
//! - [`client`]: the context of every client: where librdkafka's log and errors go.
//! - [`trouble`]: what an error means: does it pass, is it this record's, this installation's, or this client's end.
//! - [`topics`]: the topics, made when they are not there. [`inspection`]: whether those that are there can do what they are for.
//! - [`reader`]: reads one topic from a known position, without a consumer group.
//! - [`probe`]: whether the cluster is there, what is missing. [`members`]: who is in the workers' group. `group`: what
//!   brokers say of the group protocol that they have.
//! - [`headers`]: headers of rdkafka from and to those of `azulejo_protocol::record`.
//! - [`limits`]: the limit on open files, which every client's connections count against.
#![deny(missing_docs)]

pub mod client;
pub mod config;
pub mod environment;
mod group;
pub mod headers;
pub mod inspection;
pub mod limits;
pub mod members;
pub mod probe;
pub mod reader;
pub mod topics;
pub mod trouble;

pub use client::{Logged, Occasionally};
pub use config::{GroupProtocol, KafkaSettings};
pub use headers::{from_message, to_owned_headers};
pub use inspection::{Inspection, inspect_topics};
pub use reader::{Reader, Start};
pub use topics::{TopicSettings, WantedTopic, ensure_topics, grow_topic, make_topics};
pub use trouble::{Access, Class, Trouble};
