//! The engine through real Kafka records: one program, since each of its parts would link all of the server.
//!
//! - [`road`]: from an upload to a result. [`control`]: cancel, retry, delete. [`measuring`]: numbers of the whole image first. [`workers`], [`estimates`]: who works, and how long.
//! - [`restart`], [`crash`], [`promises`], [`retention`], [`topics`]: what holds whatever ends, fails, ages or is missing.

mod control;
mod crash;
mod estimates;
mod measuring;
mod promises;
mod restart;
mod retention;
mod rig;
mod road;
mod topics;
mod workers;
