//! The core of the server's engine: which tile goes where and when, what an answer means, and how a job ends.
//!
//! The core is a state machine that is driven. [`Core::handle`] takes one [`Event`] and changes the state;
//! [`Core::poll_effect`] gives what must be done, in order. The core never asks the clock, sleeps, locks, or touches a
//! file, a socket or a thread: time is an argument, and whatever crosses the edge of the process is an event or an effect.
//! So a test can drive it with a simulated Kafka, simulated workers and simulated crashes (`tests/simulation`).
//!
//! # Tour
//! - [`event`], [`effect`]: the two halves of the interface. [`plan`]: what is fixed about a job.
//! - [`core`]: [`Core`] itself, a file for each kind of event.
//! - [`job`]: one job under way. [`tiles`]: where each of its tiles stands. [`ledger`]: every try of a tile, and the one
//!   budget that bounds them.
//! - [`workers`]: who is live, who holds which partition, who died. [`window`]: how many tiles a worker may have
//!   outstanding. [`lanes`]: which jobs are active, and whose turn it is.
//! - [`patterns`]: the tile pattern of each worker. [`rate`]: tiles in a second.
//! - [`costs`]: learns what work costs, for estimates.
//!
//! # Durable before told
//! What has to survive the process is stored before anybody hears of it: [`Effect::Store`] names the rows of one
//! transaction, and only the event [`Event::Stored`] lets the core go on with what follows from them.
//!
//! # Order of iteration
//! Maps are `BTreeMap`s or kept in order of insertion, so the same events give the same effects.
#![deny(missing_docs)]

pub mod core;
pub mod costs;
pub mod effect;
pub mod event;
pub mod job;
pub mod lanes;
pub mod ledger;
pub mod patterns;
pub mod plan;
pub mod rate;
pub mod tiles;
pub mod window;
pub mod workers;

pub use crate::core::{Core, Settings};
pub use effect::{Effect, Ending, Send, StoreOp, TileRecord, Verdict};
pub use event::{Accepted, Answer, Body, DeliveryClass, Event, KnownTile, StoreClass, Written};
pub use job::OpenJob;
pub use plan::{Measure, Plan};
pub use tiles::TilePhase;

/// Time since the engine began, on a clock that only goes forward.
pub type Time = std::time::Duration;

/// Names one run of a job: a job that is retried gets a new one, so that what an earlier run still does late is ignored.
pub type RunId = u64;

/// Names one try of a tile among all that were ever sent by this process.
pub type TryId = u64;

/// Names one transaction of the store.
pub type Transaction = u64;
