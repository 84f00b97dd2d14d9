//! The Azulejo server: intake, tiling, scheduling, assembly, REST API and pages.
//!
//! # Tour
//! - [`config`]: the program's settings, read and checked.
//! - [`access`]: who sends a request, and what they may do.
//! - [`intake`]: an upload on its way from the network to a file that a job can be made of.
//! - [`engine`]: all that happens to an image once its file lies on disk: jobs, tiles, Kafka, results.
//! - [`http`]: the REST API, the live streams and the pages over both.
//! - [`server`]: all of it together, from start to end.
#![deny(missing_docs)]

pub mod access;
pub mod config;
pub mod engine;
pub mod http;
pub mod intake;
pub mod server;
