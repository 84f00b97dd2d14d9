//! What crosses a process boundary: jobs, tiles, workers, live events, tile records, topics.
//!
//! # Tour
//! - [`job`], [`tile`], [`worker`], [`health`]: what the REST API, the server functions and the pages speak of.
//! - [`pattern`]: the tile pattern that stands for a worker.
//! - [`dead`]: tiles that were given up.
//! - [`costs`]: what work costs on this fleet, and the estimate that follows.
//! - [`live`]: the events that the server pushes to open pages.
//! - [`error`]: the one shape of an error that reaches a client.
//! - [`record`]: the headers of the records in `tasks`, `results` and `dead-letters`, as text.
//! - [`report`]: a tile in one file, for whoever looks for the reason of a failure elsewhere.
//! - [`filename`]: names of files, made harmless, and those of results.
//! - [`bounds`]: how long and large anything in a record may be.
//! - [`retention`]: how long jobs are kept.
//! - `schema`, with the feature `openapi`: what the description of the API says of types that are not from here.
//! - [`topics`]: the names of the topics. [`control`]: what the topic `control` carries.
//!
//! Types only: it compiles to WebAssembly, and knows no client of Kafka.
#![deny(missing_docs)]

pub mod bounds;
pub mod control;
pub mod costs;
pub mod dead;
pub mod error;
pub mod filename;
pub mod health;
pub mod job;
pub mod live;
pub mod pattern;
pub mod record;
pub mod report;
pub mod retention;
#[cfg(feature = "openapi")]
pub mod schema;
pub mod tile;
pub mod topics;
pub mod worker;

pub use control::ControlMessage;
pub use costs::Costs;
pub use error::ApiError;
pub use health::{Health, Problem};
pub use job::{JOB_HEADER, Job, JobId, JobQuery, JobStatus, Progress, STATUS_HEADER, Stage, StageName};
pub use live::LiveEvent;
pub use pattern::Pattern;
pub use record::{Origin, RecordError, ResultHeader, TaskHeader};
pub use report::{ReportError, TileReport};
pub use retention::Retention;
pub use tile::{TileInfo, TileState, TileStates};
pub use topics::Topics;
pub use worker::{Heartbeat, HeartbeatError, WorkerInfo, WorkerState};

/// A point in time, UTC, RFC 3339 on the wire.
pub type Timestamp = time::OffsetDateTime;
