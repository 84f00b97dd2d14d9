//! Workers at a real broker, the embedded one.

mod answers;
mod road;
mod support;
