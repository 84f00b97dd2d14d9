//! An embedded single-node Kafka broker: for one machine, development and tests.
//!
//! Any Kafka client can talk to it. Record batches are stored as they come and served as stored, so it runs at the
//! speed of the page cache. It does not replicate, has no transactions and no authentication.
//!
//! # Tour
//! - [`broker`]: [`Broker`], the whole: open, serve, shut down. [`shared`]: what its connections share.
//! - [`config`]: its settings.
//! - [`connection`]: one client: frames in (`frame`), frames out (`answer`), bounded in size.
//! - [`handlers`]: one file per kind of request.
//! - [`wire`]: between bytes and messages, around the codec of the `kafka-protocol` crate.
//! - [`topics`]: the topics and their settings.
//! - [`log`]: the log of a partition: segments, indexes, recovery, retention.
//! - [`groups`]: consumer groups and committed offsets.
//! - [`files`], [`journal`], [`producer_ids`]: small things that must survive.
//!
//! ```no_run
//! # fn main() -> Result<(), azulejo_broker::BrokerError> {
//! let broker = azulejo_broker::start_on_free_port(azulejo_broker::BrokerConfig::new("/tmp/kafka"))?;
//! println!("bootstrap.servers={}", broker.address());
//! broker.stop();
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs)]

mod answer;
mod blocking;
pub mod broker;
mod clock;
pub mod config;
pub mod connection;
pub mod error;
pub mod files;
mod frame;
pub mod fsync;
pub mod groups;
pub mod handlers;
pub mod journal;
pub mod log;
pub mod producer_ids;
pub mod running;
pub mod shared;
pub mod topics;
pub mod wire;

pub use broker::Broker;
pub use config::BrokerConfig;
pub use error::BrokerError;
pub use fsync::FsyncPolicy;
pub use running::{RunningBroker, start_on_free_port};
