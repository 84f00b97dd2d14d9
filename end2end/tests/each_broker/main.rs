//! What runs on each kind of broker in turn: the embedded one, one node of Apache Kafka, and three. `xtask/src/check.rs` says which
//! modules run on which.

mod admin;
mod crash;
mod deaths;
mod groups;
mod pipeline;
mod records;
