//! The log of a partition: append-only segment files and what makes them quick and safe to use.
//!
//! - [`batch`]: the header of a record batch. [`produced`]: the checks on what a producer sends.
//! - [`stamping`]: the timestamps with which it is stored. [`settings`]: the settings of a log.
//! - [`checkpoint`]: what a log must remember besides its segments.
//! - [`index`]: where in a segment an offset or a point in time is.
//! - [`segment`]: one file of batches with its indexes.
//! - [`lookup`]: what is where in a segment.
//! - [`producers`]: what is known of idempotent producers: epochs, sequences, the last batches.
//! - [`records`]: inside an uncompressed batch: which record is at a point in time.
//! - [`recovery`]: opening a log: the checked tail, rebuilt indexes and producer state.
//! - [`partition`]: the log as a whole: deletion of records, its end.
//! - `appending`: storing batches, with what comes of it in [`appended`].
//! - [`reading`]: reading it, and offsets by time.
//! - `maintenance`: retention, flushing and closing of a log.
//! - [`waiters`]: who waits for new records.

pub mod appended;
mod appending;
pub mod batch;
pub mod checkpoint;
pub mod index;
pub mod lookup;
mod maintenance;
pub mod partition;
pub mod produced;
pub mod producers;
pub mod read_error;
pub mod reading;
pub mod records;
pub mod recovery;
pub mod segment;
pub mod settings;
pub mod stamping;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_disk;
#[cfg(test)]
mod tests_time;
pub mod timestamp;
mod varint;
pub mod waiters;
pub mod walk;
