//! What happens outside the core: everything that [`crate::Core::handle`] can be told.

use azulejo_imaging::{PixelFormat, Region, Statistic};
use azulejo_protocol::{Heartbeat, JobId, Pattern, TileState};

use crate::{Plan, RunId, Time, Transaction, TryId};

/// Something happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A job is in the database and its file in its folder: it is new, was retried, or an earlier process left it.
    Accepted(Box<Accepted>),
    /// These jobs ended without a result in an earlier process, which may have died before it told the workers.
    Over(Vec<JobId>),
    /// The tile patterns of workers that an earlier process stored, by id.
    Patterns(Vec<(String, Pattern)>),
    /// What an earlier process stored of costs.
    Costs(String),
    /// Somebody asks for the end of a job. Answered by [`crate::Effect::Reply`] with this `ticket`.
    Cancel {
        /// The job.
        job: JobId,
        /// Names the question.
        ticket: u64,
    },
    /// The tiles of a job were read back: answers [`crate::Effect::Check`].
    Checked {
        /// The job.
        job: JobId,
        /// Its run.
        run: RunId,
        /// Tiles that something is known of. Done ones have their pixels.
        tiles: Vec<KnownTile>,
    },
    /// So many rows of the input are decoded.
    RowsDecoded {
        /// The job.
        job: JobId,
        /// Its run.
        run: RunId,
        /// Rows from the top.
        rows: u32,
    },
    /// A row of tiles went to the encoder.
    BandEncoded {
        /// The job.
        job: JobId,
        /// Its run.
        run: RunId,
        /// Which row of tiles.
        band: u32,
    },
    /// The result lies in its place: answers [`crate::Effect::Assemble`] once every row of tiles was encoded.
    Assembled {
        /// The job.
        job: JobId,
        /// Its run.
        run: RunId,
        /// Length of the result file.
        bytes: u64,
    },
    /// The statistics of all tiles of a measuring pass are merged, and what they say is stored: the job goes on as `next`, whose recipe
    /// knows its numbers. Answers [`crate::Effect::Assemble`] of a measuring pass.
    Measured {
        /// The job.
        job: JobId,
        /// Its run, which is over.
        run: RunId,
        /// Its next pass. Whether its input is decoded is what is known of the one that is over.
        next: Box<Accepted>,
    },
    /// Nothing works on the job's files any more: answers [`crate::Effect::Stop`].
    Stopped {
        /// The job.
        job: JobId,
        /// Its run.
        run: RunId,
    },
    /// Work with a job's files failed.
    FilesFailed {
        /// The job.
        job: JobId,
        /// Its run.
        run: RunId,
        /// What failed, and what to do.
        reason: String,
    },
    /// The cluster answers, or does not.
    Connected(bool),
    /// The results that lay in the topic when the server started have been read.
    CaughtUp,
    /// A worker said how it is.
    Heard {
        /// What it said.
        beat: Box<Heartbeat>,
        /// How long ago.
        age: Time,
    },
    /// The broker has the task.
    Delivered(TryId),
    /// The task never reached the broker, or its pixels could not be read.
    NotDelivered {
        /// The try.
        id: TryId,
        /// What kind of failure it is.
        class: DeliveryClass,
        /// Why, and what to do.
        reason: String,
    },
    /// Records of the results were read. Answered by [`crate::Effect::Judge`].
    Read {
        /// Names the batch.
        batch: u64,
        /// Next offset of each partition that something was read of.
        positions: Vec<(i32, i64)>,
        /// What was read, in order.
        answers: Vec<Answer>,
    },
    /// The pixels that [`crate::Effect::Judge`] asked for were written: one entry for each [`crate::Verdict::Write`], in order.
    Written {
        /// The batch.
        batch: u64,
        /// What became of each.
        written: Vec<Written>,
    },
    /// A transaction was committed.
    Stored(Transaction),
    /// A transaction was not committed; nothing of it is stored.
    NotStored {
        /// Which.
        transaction: Transaction,
        /// Whether it can succeed later.
        class: StoreClass,
        /// Why.
        reason: String,
    },
    /// Time has passed. To be told a few times a second.
    Tick,
}

/// A job that the core takes up.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The job.
    pub plan: Plan,
    /// Its run.
    pub run: RunId,
    /// Whether all rows of the input are in scratch.
    pub decoded: bool,
    /// Whether an earlier run may have left tiles, to be read back before anything is sent.
    pub check: bool,
    /// Whether workers may remember a cancellation of the job, to be taken back before anything is sent.
    pub resume: bool,
}

/// What the store knows of a tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTile {
    /// Its index.
    pub tile: u32,
    /// `Done`, `Dead`, or `Queued` with tries used up.
    pub state: TileState,
    /// How often it was sent.
    pub attempt: u32,
    /// Points of its budget that are used up.
    pub spent: u32,
    /// Who finished it.
    pub worker: Option<String>,
    /// Rendering time, microseconds.
    pub micros: u64,
    /// Why it is dead.
    pub error: Option<String>,
}

/// One record of the results.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The job that it names.
    pub job: JobId,
    /// The tile.
    pub tile: u32,
    /// The try that it answers.
    pub attempt: u32,
    /// The step that its task was to measure; `None` where it was to render.
    pub measure: Option<u32>,
    /// Who answers.
    pub worker: String,
    /// Rendering time, microseconds.
    pub micros: u64,
    /// What it brings.
    pub body: Body,
}

/// What an answer brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Pixels, or a statistic of them. The value fits what is said here.
    Pixels {
        /// Which rectangle of the result.
        output: Region,
        /// Their format.
        format: PixelFormat,
        /// What the value says of them; `None` where it is the pixels.
        statistic: Option<Statistic>,
    },
    /// The worker could not render the tile.
    Error(String),
    /// The record cannot be used, though it says whose answer it is.
    Unusable(String),
}

/// What became of pixels that were to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// They are in scratch; CRC-32 of them.
    Yes(u32),
    /// A shortage that can pass: the tile is rendered again.
    NotNow(String),
    /// They cannot be kept: the job fails with the reason.
    Never(String),
}

/// Why a task did not reach the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeliveryClass {
    /// It can succeed later.
    Passing,
    /// This record will never be taken.
    Record,
    /// No record is taken from this installation until somebody changes a right or a setting.
    Installation,
}

/// Why a transaction was not committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreClass {
    /// It can succeed later: the disk is full, the file is busy.
    Passing,
    /// It never will.
    Never,
}
