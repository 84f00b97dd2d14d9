//! Topics: what there is, on disk and in memory.
//!
//! - [`settings`]: the settings that a topic can have; [`table`] lists them, [`values`] says what each can be.
//! - [`topic`]: one topic.
//! - [`registry`]: making, finding, changing and deleting topics.

pub mod registry;
pub mod settings;
pub mod table;
#[cfg(test)]
mod tests;
pub mod topic;
pub mod values;

pub use registry::Registry;
pub use topic::{Topic, TopicError};
