//! What the core wants done: everything that [`crate::Core::poll_effect`] can give.

use azulejo_protocol::{ControlMessage, JobId, Pattern, TileState};

use crate::{RunId, Transaction, TryId};

/// Something to do. Effects are to be begun in the order in which they are given; the core does not wait for one unless it
/// says so here.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Read back what an earlier run left: ends in [`crate::Event::Checked`].
    Check {
        /// The job.
        job: JobId,
        /// Its run.
        run: RunId,
    },
    /// Decode the file into rows: brings [`crate::Event::RowsDecoded`] again and again.
    Decode {
        /// The job.
        job: JobId,
        /// Its run.
        run: RunId,
    },
    /// Encode rows of tiles up to `bands`, which are complete: brings [`crate::Event::BandEncoded`] for each, and
    /// [`crate::Event::Assembled`] after the last one of the grid. In a measuring pass the statistics are merged after the last one, which
    /// brings [`crate::Event::Measured`].
    Assemble {
        /// The job.
        job: JobId,
        /// Its run.
        run: RunId,
        /// Rows of tiles that are complete, from the top.
        bands: u32,
    },
    /// The run `run` of a job is over because everything was measured; the next pass, which [`crate::Event::Measured`] named, takes its place.
    NextPass {
        /// The job.
        job: JobId,
        /// The run that is over.
        run: RunId,
        /// Whether all rows of the input are decoded.
        decoded: bool,
    },
    /// Have whatever works on the job's files leave off, keep its mosaic, delete scratch that is not needed any more: ends in
    /// [`crate::Event::Stopped`].
    Stop {
        /// The job.
        job: JobId,
        /// Its run.
        run: RunId,
        /// Whether it has its result.
        completed: bool,
    },
    /// The job has left the core: its ending is stored.
    Left {
        /// The job.
        job: JobId,
        /// Its run.
        run: RunId,
        /// Whether it has its result.
        completed: bool,
    },
    /// Read a tile's pixels and produce its task: ends in [`crate::Event::Delivered`] or [`crate::Event::NotDelivered`].
    Send(Send),
    /// Say something to every worker.
    Control(ControlMessage),
    /// Keep the task of a tile that was given up, with the reason.
    DeadLetter {
        /// The job.
        job: JobId,
        /// Its run.
        run: RunId,
        /// The tile.
        tile: u32,
        /// How often it was sent.
        attempt: u32,
        /// The worker of its last try.
        worker: String,
        /// Why it was given up.
        error: String,
    },
    /// What to do with each answer of a batch: ends in [`crate::Event::Written`].
    Judge {
        /// The batch.
        batch: u64,
        /// One for each answer, in order.
        verdicts: Vec<Verdict>,
    },
    /// Commit these rows in one transaction: ends in [`crate::Event::Stored`] or [`crate::Event::NotStored`].
    Store {
        /// Names it.
        transaction: Transaction,
        /// The rows.
        ops: Vec<StoreOp>,
    },
    /// Answers [`crate::Event::Cancel`].
    Reply {
        /// Names the question.
        ticket: u64,
        /// Whether this question ended the job.
        ended: bool,
    },
    /// A job looks different now.
    JobChanged(JobId),
    /// The workers look different now.
    WorkersChanged,
    /// The installation looks different now.
    HealthChanged,
    /// What is known of costs is different now.
    CostsChanged,
    /// The process must end: what is stored cannot be kept up.
    Fatal(String),
}

/// A tile to be produced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// Names this try.
    pub id: TryId,
    /// Its job.
    pub job: JobId,
    /// The run of the job.
    pub run: RunId,
    /// Its index.
    pub tile: u32,
    /// Which try of the tile this is, from 1.
    pub attempt: u32,
    /// Where it goes.
    pub partition: i32,
    /// The process that holds this partition, as its heartbeats name it; where the tile was lost with another process, that
    /// one: the task is not its reader's own then, and is rendered alone.
    pub holder: String,
}

/// What to do with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Write its pixels to scratch.
    Write {
        /// The run of the job.
        run: RunId,
    },
    /// Nothing: nobody waits for it, or it has no pixels.
    Ignore,
    /// Put it with the dead letters.
    Refuse(String),
}

/// One row of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreOp {
    /// How far a partition of the results was read.
    Position {
        /// The partition.
        partition: i32,
        /// The next offset.
        offset: i64,
    },
    /// What is known of a tile.
    Tile {
        /// Its job.
        job: JobId,
        /// The run of the job.
        run: RunId,
        /// What is known.
        record: TileRecord,
    },
    /// A worker is heard of, and this is its tile pattern.
    Pattern {
        /// Its id.
        worker: String,
        /// The pattern.
        pattern: Pattern,
    },
    /// What was learned of costs, as text.
    Costs(String),
    /// The first tile of a measuring pass was sent.
    MeasureStarted(JobId),
    /// The first tile was sent.
    TilesStarted(JobId),
    /// The last tile is done.
    TilesFinished(JobId),
    /// The job has ended.
    End {
        /// The job.
        job: JobId,
        /// How.
        ending: Ending,
        /// The version of its mosaic.
        mosaic_version: u64,
    },
}

/// What is stored of a tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileRecord {
    /// Its index.
    pub tile: u32,
    /// `Done`, `Dead`, or `Queued` with tries used up.
    pub state: TileState,
    /// How often it was sent.
    pub attempt: u32,
    /// Tries that ended with an error, a refusal or a death.
    pub failures: u32,
    /// Points of its budget that are used up.
    pub spent: u32,
    /// Who finished it, or failed it last.
    pub worker: Option<String>,
    /// Rendering time, microseconds.
    pub micros: Option<u64>,
    /// From sending the task to storing the result, less the rendering, microseconds.
    pub transit_micros: Option<u64>,
    /// Why the last try failed.
    pub error: Option<String>,
    /// CRC-32 of its pixels.
    pub checksum: Option<u32>,
}

/// How a job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The result lies there.
    Completed {
        /// Its length.
        output_bytes: u64,
    },
    /// It cannot go on.
    Failed {
        /// Why, and what to do.
        reason: String,
    },
    /// By request.
    Cancelled,
}
