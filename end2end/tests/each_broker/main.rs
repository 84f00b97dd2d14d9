//! What runs on each kind of broker in turn: the embedded one, one node of Apache Kafka, and three. `xtask/src/check.rs` says which
//! modules run on which: `records` and `groups` run on three nodes in `cargo xtask nightly`. `crash` is for the embedded
//! broker, and runs on Apache Kafka by hand, to judge the test.

mod admin;
mod crash;
mod deaths;
mod groups;
mod pipeline;
mod records;
