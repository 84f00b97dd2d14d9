//! Topics: what there is, on disk and in memory.
//!
//! - [`settings`]: the settings that a topic can have.
//! - [`registry`]: making, finding, changing and deleting topics.

pub mod registry;
pub mod settings;

pub use registry::{Registry, Topic, TopicError};
