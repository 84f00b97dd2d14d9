//! Apache Kafka in KRaft mode on this machine, for tests and for `cargo xtask kafka`: the real thing, to be judged by.
//!
//! # Tour
//! - [`install`]: the jars, from Maven Central by Maven, in the versions of `deploy/kafka/pom.xml`.
//! - [`cluster`]: one node or several in a folder: formatted, started, killed, paused, stopped. [`options`]: how many, and where:
//!   on loopback unless said otherwise.
//! - [`properties`]: the settings of a node. [`certificate`]: TLS on the spot.
//! - [`process`]: a node's process, found again by its id in a file. [`tools`]: Kafka's command-line tools.
#![deny(missing_docs)]

pub mod certificate;
pub mod cluster;
pub mod install;
pub mod options;
pub mod process;
pub mod properties;
pub mod tools;

pub use cluster::Cluster;
pub use install::Installation;
pub use options::{Host, Options};
