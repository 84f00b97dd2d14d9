//! The Azulejo server: intake, tiling, scheduling, assembly, REST API and pages.
//!
//! # Tour
//! - [`engine`]: all that happens to an image once its file lies on disk: jobs, tiles, Kafka, results.

pub mod engine;
