//! Live streams: what changes is looked at once, written once, and handed to everyone who watches.
//!
//! - [`hub`]: one task that hears the engine's changes, makes one snapshot of each subject that somebody watches, and posts it.
//! - [`mailbox`]: what a watcher has not taken yet, the newest of each subject.
//! - [`places`]: how many streams one may have.
//! - [`snapshot`]: the texts that are posted.
//! - [`events`]: `GET /events`, Server-Sent Events for the pages. [`socket`]: `GET /ws`, the original system's messages.
//!
//! A watcher that is slow loses states in between, never the last one.

mod batch;
pub mod events;
pub mod hub;
pub mod mailbox;
pub mod places;
pub mod snapshot;
pub mod socket;
