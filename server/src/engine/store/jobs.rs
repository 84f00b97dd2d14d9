//! Rows of jobs. What a job is allowed to become next is decided here, by the condition of the update: two threads
//! that end the same job at the same time cannot both succeed.

use std::str::FromStr;

use azulejo_engine::Ending;
use azulejo_imaging::{PixelFormat, Size};
use azulejo_protocol::{JobId, JobQuery, JobStatus, StageName, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::notes::Notes;

/// Most jobs in one list.
pub const MAX_LIST: u32 = 500;
const DEFAULT_LIST: u32 = 50;

/// When the steps of a job began and ended, as far as they did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageTimes {
    /// The first byte of the upload came. It ended when the job was accepted.
    pub upload_started: Option<Timestamp>,
    /// Decoding began.
    pub decode_started: Option<Timestamp>,
    /// The last row was decoded.
    pub decode_finished: Option<Timestamp>,
    /// The first tile was sent to be measured.
    pub measure_started: Option<Timestamp>,
    /// The last step that has to be measured was.
    pub measure_finished: Option<Timestamp>,
    /// The first tile was sent.
    pub tiles_started: Option<Timestamp>,
    /// The last tile was stored.
    pub tiles_finished: Option<Timestamp>,
    /// The encoder began.
    pub assemble_started: Option<Timestamp>,
    /// The result lay there.
    pub assemble_finished: Option<Timestamp>,
}

/// One job as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// Its id.
    pub id: JobId,
    /// The client's name for the file.
    pub filename: String,
    /// The client's recipe in canonical text.
    pub recipe: String,
    /// The recipe of the tiles: orientation first.
    pub tile_recipe: String,
    /// What `tile_recipe` has become since steps of it were measured.
    pub measured_recipe: Option<String>,
    /// Steps of it that are still to be measured.
    pub to_measure: u32,
    /// Side of the tiles that are measured; 0 where none are.
    pub measure_tile: u32,
    /// Who it belongs to; `None` where authentication was off when it was submitted.
    pub owner: Option<String>,
    /// Where it stands.
    pub status: JobStatus,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Kind of the uploaded file: `png`, `jpeg`, ...
    pub kind: String,
    /// The page of the uploaded file, from 1 on; `None` for the one that is its image.
    pub page: Option<u32>,
    /// How the result is written, as `Encoding` says it: `png`, `jpeg:quality=80`.
    pub encoding: String,
    /// Size of the image as it is stored in the file.
    pub stored_size: Size,
    /// Size of the upright image.
    pub input_size: Size,
    /// Size of the result.
    pub output_size: Size,
    /// Format of the decoded pixels.
    pub input_format: PixelFormat,
    /// Format of the result's pixels.
    pub output_format: PixelFormat,
    /// Side of a tile.
    pub tile_size: u32,
    /// Tiles of the result.
    pub total_tiles: u32,
    /// Length of the uploaded file.
    pub input_bytes: u64,
    /// Whether the uploaded file was deleted because of its age.
    pub original_gone: bool,
    /// Length of the result file.
    pub output_bytes: Option<u64>,
    /// The name that a download gets.
    pub result_filename: String,
    /// Why it failed.
    pub error: Option<String>,
    /// What is said of its files.
    pub notes: Notes,
    /// Whether the decoded pixels are all on disk.
    pub decoded: bool,
    /// How often the mosaic has changed.
    pub mosaic_version: u64,
    /// The earlier job whose result it has.
    pub cached_from: Option<JobId>,
    /// When its steps were.
    pub times: StageTimes,
}

/// Microseconds since 1970.
pub fn micros(time: Timestamp) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX)
}

/// The point in time that `micros` microseconds since 1970 are.
pub(super) fn time(micros: i64) -> rusqlite::Result<Timestamp> {
    Timestamp::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Integer, Box::new(error)))
}

pub(super) fn optional_time(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?.map(time).transpose()
}

/// The value of a column that is kept as text.
pub(super) fn parsed<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error: T::Err| {
        let reason = format!("column {column} of jobs has '{text}': {error}");
        rusqlite::Error::FromSqlConversionFailure(0, Type::Text, reason.into())
    })
}

impl JobRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let size = |width: &str, height: &str| -> rusqlite::Result<Size> {
            Ok(Size::new(row.get(width)?, row.get(height)?))
        };
        Ok(Self {
            id: parsed(row, "id")?,
            filename: row.get("filename")?,
            recipe: row.get("recipe")?,
            tile_recipe: row.get("tile_recipe")?,
            measured_recipe: row.get("measured_recipe")?,
            to_measure: row.get("to_measure")?,
            measure_tile: row.get("measure_tile")?,
            owner: row.get("owner")?,
            status: parsed(row, "status")?,
            created_at: time(row.get("created_at")?)?,
            ended_at: optional_time(row, "ended_at")?,
            kind: row.get("kind")?,
            page: row.get("page")?,
            encoding: row.get("result_kind")?,
            stored_size: size("stored_width", "stored_height")?,
            input_size: size("input_width", "input_height")?,
            output_size: size("output_width", "output_height")?,
            input_format: parsed(row, "input_format")?,
            output_format: parsed(row, "output_format")?,
            tile_size: row.get("tile_size")?,
            total_tiles: row.get("total_tiles")?,
            input_bytes: row.get("input_bytes")?,
            original_gone: row.get("original_gone")?,
            output_bytes: row.get("output_bytes")?,
            result_filename: row.get("result_filename")?,
            error: row.get("error")?,
            notes: Notes::read(row)?,
            decoded: row.get("decoded")?,
            mosaic_version: row.get("mosaic_version")?,
            cached_from: match row.get::<_, Option<String>>("cached_from")? {
                Some(_) => Some(parsed(row, "cached_from")?),
                None => None,
            },
            times: StageTimes {
                upload_started: optional_time(row, "upload_started")?,
                decode_started: optional_time(row, "decode_started")?,
                decode_finished: optional_time(row, "decode_finished")?,
                measure_started: optional_time(row, "measure_started")?,
                measure_finished: optional_time(row, "measure_finished")?,
                tiles_started: optional_time(row, "tiles_started")?,
                tiles_finished: optional_time(row, "tiles_finished")?,
                assemble_started: optional_time(row, "assemble_started")?,
                assemble_finished: optional_time(row, "assemble_finished")?,
            },
        })
    }
}

/// Stores a job that was accepted.
pub fn insert(connection: &Connection, job: &JobRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO jobs (id, filename, recipe, tile_recipe, status, created_at, kind, result_kind,
                stored_width, stored_height, input_width, input_height, output_width, output_height,
                input_format, output_format, tile_size, total_tiles, input_bytes, result_filename, upload_started,
                owner, page, to_measure, measure_tile)
             VALUES (:id, :filename, :recipe, :tile_recipe, :status, :created_at, :kind, :result_kind,
                :stored_width, :stored_height, :input_width, :input_height, :output_width, :output_height,
                :input_format, :output_format, :tile_size, :total_tiles, :input_bytes, :result_filename,
                :upload_started, :owner, :page, :to_measure, :measure_tile)",
        )?
        .execute(named_params! {
            ":id": job.id.to_string(),
            ":filename": job.filename,
            ":recipe": job.recipe,
            ":tile_recipe": job.tile_recipe,
            ":status": job.status.name(),
            ":created_at": micros(job.created_at),
            ":kind": job.kind,
            ":result_kind": job.encoding,
            ":stored_width": job.stored_size.width,
            ":stored_height": job.stored_size.height,
            ":input_width": job.input_size.width,
            ":input_height": job.input_size.height,
            ":output_width": job.output_size.width,
            ":output_height": job.output_size.height,
            ":input_format": job.input_format.name(),
            ":output_format": job.output_format.name(),
            ":tile_size": job.tile_size,
            ":total_tiles": job.total_tiles,
            ":input_bytes": job.input_bytes,
            ":result_filename": job.result_filename,
            ":upload_started": job.times.upload_started.map(micros),
            ":owner": job.owner,
            ":page": job.page,
            ":to_measure": job.to_measure,
            ":measure_tile": job.measure_tile,
        })?;
    Ok(())
}

/// The job `id`.
pub fn get(connection: &Connection, id: JobId) -> rusqlite::Result<Option<JobRow>> {
    connection
        .prepare_cached("SELECT * FROM jobs WHERE id = ?1")?
        .query_row([id.to_string()], JobRow::read)
        .optional()
}

/// Who the job `id` belongs to; the outer `None` when there is no such job.
pub fn owner(connection: &Connection, id: JobId) -> rusqlite::Result<Option<Option<String>>> {
    connection
        .prepare_cached("SELECT owner FROM jobs WHERE id = ?1")?
        .query_row([id.to_string()], |row| row.get(0))
        .optional()
}

/// Jobs that `query` asks for, newest first.
pub fn list(connection: &Connection, query: &JobQuery) -> rusqlite::Result<Vec<JobRow>> {
    // A condition of its own for each: SQLite finds the jobs of an owner by an index only where nothing else is allowed.
    let of_owner = if query.owner.is_some() {
        "owner = ?5"
    } else {
        "?5 IS NULL"
    };
    let pattern = query.search.as_deref().map(like_pattern);
    connection
        .prepare_cached(&format!(
            "SELECT * FROM jobs
             WHERE {of_owner}
               AND (?1 IS NULL OR status = ?1)
               AND (?2 IS NULL OR filename LIKE ?2 ESCAPE '\\' OR recipe LIKE ?2 ESCAPE '\\' OR id LIKE ?2 ESCAPE '\\')
             ORDER BY created_at DESC, id DESC LIMIT ?3 OFFSET ?4"
        ))?
        .query_map(
            params![
                query.status.map(JobStatus::name),
                pattern,
                query.limit.unwrap_or(DEFAULT_LIST).min(MAX_LIST),
                query.offset.unwrap_or(0),
                query.owner,
            ],
            JobRow::read,
        )?
        .collect()
}

/// `text` anywhere, with nothing in it that LIKE would take for a wildcard.
pub(super) fn like_pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars().take(200) {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Every job that is under way, oldest first.
pub fn unfinished(connection: &Connection) -> rusqlite::Result<Vec<JobRow>> {
    connection
        .prepare_cached("SELECT * FROM jobs WHERE status = 'processing' ORDER BY created_at, id")?
        .query_map([], JobRow::read)?
        .collect()
}

/// Ids of the jobs that ended without a result most recently, at most `most`.
pub fn over(connection: &Connection, most: u32) -> rusqlite::Result<Vec<JobId>> {
    connection
        .prepare_cached(
            "SELECT id FROM jobs WHERE status IN ('failed', 'cancelled') ORDER BY ended_at DESC LIMIT ?1",
        )?
        .query_map([most], |row| parsed(row, "id"))?
        .collect()
}

/// Ids of all jobs with whether they have ended.
pub fn ids(connection: &Connection) -> rusqlite::Result<Vec<(JobId, JobStatus)>> {
    connection
        .prepare_cached("SELECT id, status FROM jobs")?
        .query_map([], |row| Ok((parsed(row, "id")?, parsed(row, "status")?)))?
        .collect()
}

/// Ends a job that is under way; false when it was not.
pub fn end(
    connection: &Connection,
    id: JobId,
    ending: &Ending,
    at: Timestamp,
    mosaic_version: u64,
) -> rusqlite::Result<bool> {
    let (status, output_bytes, error) = match ending {
        Ending::Completed { output_bytes } => (JobStatus::Completed, Some(*output_bytes), None),
        Ending::Failed { reason } => (JobStatus::Failed, None, Some(reason.as_str())),
        Ending::Cancelled => (JobStatus::Cancelled, None, None),
    };
    let changed = connection
        .prepare_cached(
            "UPDATE jobs SET status = ?2, ended_at = ?3, output_bytes = ?4, error = ?5, mosaic_version = ?6,
                assemble_finished = CASE WHEN ?2 = 'completed' THEN ?3 END,
                -- A job without a result decodes again when it is retried: its scratch file goes.
                decoded = 0
             WHERE id = ?1 AND status = 'processing'",
        )?
        .execute(params![
            id.to_string(),
            status.name(),
            micros(at),
            output_bytes,
            error,
            mosaic_version
        ])?;
    Ok(changed == 1)
}

/// Starts a failed or cancelled job again; false when it was neither.
pub fn revive(connection: &Connection, id: JobId) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE jobs SET status = 'processing', ended_at = NULL, error = NULL, decoded = 0,
                decode_started = NULL, decode_finished = NULL, tiles_finished = NULL, assemble_started = NULL
             WHERE id = ?1 AND status IN ('failed', 'cancelled')",
        )?
        .execute([id.to_string()])?;
    Ok(changed == 1)
}

/// Forgets a job that has ended; false when it has not.
pub fn delete(connection: &Connection, id: JobId) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached("DELETE FROM jobs WHERE id = ?1 AND status <> 'processing'")?
        .execute([id.to_string()])?;
    Ok(changed == 1)
}

/// Notes that a step began.
pub fn stage_started(
    connection: &Connection,
    id: JobId,
    stage: StageName,
    at: Timestamp,
) -> rusqlite::Result<()> {
    let sql = match stage {
        StageName::Upload => "UPDATE jobs SET upload_started = ?2 WHERE id = ?1",
        StageName::Decode => "UPDATE jobs SET decode_started = ?2 WHERE id = ?1",
        // A job may be measured in several passes.
        StageName::Measure => "UPDATE jobs SET measure_started = coalesce(measure_started, ?2) WHERE id = ?1",
        StageName::Tiles => "UPDATE jobs SET tiles_started = ?2 WHERE id = ?1",
        StageName::Assemble => "UPDATE jobs SET assemble_started = ?2 WHERE id = ?1",
    };
    connection
        .prepare_cached(sql)?
        .execute(params![id.to_string(), micros(at)])?;
    Ok(())
}

/// Notes that the decoded pixels of a job under way are all on disk.
pub fn decoded(connection: &Connection, id: JobId, at: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE jobs SET decoded = 1, decode_finished = ?2 WHERE id = ?1 AND status = 'processing'",
        )?
        .execute(params![id.to_string(), micros(at)])?;
    Ok(())
}

/// Notes that a step of the recipe of a job under way was measured, so that `recipe` is the one of its tiles now, and forgets what was
/// known of the tiles of that pass; `left` more are to be measured. May be done twice. Gives the job as it is then; `None` when it is not under way.
pub fn measured(
    connection: &Connection,
    id: JobId,
    recipe: &str,
    left: u32,
    at: Timestamp,
) -> rusqlite::Result<Option<JobRow>> {
    let changed = connection
        .prepare_cached(
            "UPDATE jobs SET measured_recipe = ?2, to_measure = ?4,
                measure_finished = CASE WHEN ?4 = 0 THEN ?3 END
             WHERE id = ?1 AND status = 'processing' AND to_measure >= ?4",
        )?
        .execute(params![id.to_string(), recipe, micros(at), left])?;
    if changed == 0 {
        return Ok(None);
    }
    connection
        .prepare_cached("DELETE FROM tiles WHERE job = ?1")?
        .execute([id.to_string()])?;
    get(connection, id)
}

/// Notes that the last tile was stored.
pub fn tiles_finished(connection: &Connection, id: JobId, at: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE jobs SET tiles_finished = ?2 WHERE id = ?1")?
        .execute(params![id.to_string(), micros(at)])?;
    Ok(())
}
