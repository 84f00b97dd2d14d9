//! Topics: what there is, on disk and in memory.
//!
//! - [`settings`]: the settings that a topic can have.
//! - [`topic`]: one topic.
//! - [`registry`]: making, finding, changing and deleting topics.

pub mod registry;
pub mod settings;
#[cfg(test)]
mod tests;
pub mod topic;

pub use registry::Registry;
pub use topic::{Topic, TopicError};
