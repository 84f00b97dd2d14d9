//! Child processes: the broker, the server and the workers of one machine.
//!
//! - [`programs`]: where their executables are.
//! - [`child`]: one process, from its start to its ready line to its end.
//! - [`keeper`]: keeps one running: starts it anew when it dies, with growing pauses.
//! - [`stack`]: all of them together, started and stopped in order.
//! - [`system`]: what the system does for a child: a group of its own, the request to end.
//! - [`tether`]: children end with this program, even when it is killed.

pub mod child;
pub mod keeper;
pub mod programs;
pub mod stack;
pub mod system;
pub mod tether;
