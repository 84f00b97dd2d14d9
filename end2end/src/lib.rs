//! What the tests of the whole need: real processes, real Kafka records, a real browser.
//!
//! # Tour
//! - [`process`]: one program, started and killed.
//! - [`cluster`]: a whole installation (broker, server, workers) on free ports in a folder of its own. [`broker`]: its Kafka,
//!   the embedded one or Apache Kafka.
//! - [`chaos`]: random kills and pauses of all of them. [`instant`]: a worker that does not render.
//! - [`cutting`]: a line that is cut.
//! - [`machines`]: an installation whose processes are each on a machine of its own, and a network that loses packets and can be cut.
//! - [`client`]: the REST API as a script uses it.
//! - [`definition`]: the five original operations, written down as plainly as can be, to judge by.
//! - [`images`]: images that any run makes alike.
//! - [`browser`]: Chromium, Firefox, WebKitGTK. [`axe`]: what is wrong with a page for those who do not see it.
//! - [`screenshots`]: every page in every state, for people to look at.
//! - [`kafka_broker`], [`kafka_clients`], [`kafka_kcat`]: for the conformance suite of the broker: a broker that can be
//!   killed and started again, clients of librdkafka, and kcat. [`rights`]: the table of rights in docs/kafka.md.
//!
//! The programs are those in the folder of the running test (`target/checks` under `cargo xtask test`, which builds
//! them first), or in `AZULEJO_BIN_DIR`.
#![deny(missing_docs)]

pub mod axe;
pub mod broker;
pub mod browser;
pub mod chaos;
pub mod client;
pub mod cluster;
pub mod cutting;
pub mod instant;
pub mod kafka_broker;
pub mod kafka_clients;
pub mod kafka_kcat;
pub mod machines;
pub mod process;
pub mod random;
pub mod rights;
pub mod screenshots;
mod skipped;

pub use azulejo_pictures::{definition, images};
pub use client::Client;
pub use cluster::{Cluster, ClusterOptions};
pub use process::Program;
pub use skipped::skipped;
