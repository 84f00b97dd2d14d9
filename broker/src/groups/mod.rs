//! Consumer groups, the classic protocol: members elect a leader, the leader assigns, the coordinator keeps order.
//!
//! - [`group`], `joining`, `rebalance`: one group as a state machine. Time is handed in, answers go out through channels.
//! - [`member`]: one member, and what it asks and is told.
//! - [`coordinator`]: all groups, their time-outs, and the requests that concern them.
//! - [`offsets`]: committed offsets, kept on disk; `positions` is what is kept, entry by entry.
//! - [`subscription`]: what the members of a group read.

pub mod coordinator;
pub mod group;
mod joining;
pub mod member;
pub mod offsets;
#[cfg(test)]
mod offsets_tests;
mod positions;
mod rebalance;
pub mod subscription;
#[cfg(test)]
mod tests;
