//! One job's unchanging facts: what it was made of, what its tiles are, where its files are.

use std::io;
use std::path::{Path, PathBuf};

use azulejo_imaging::file::Conversion;
use azulejo_imaging::{PixelFormat, Recipe, Region, Size, TileError, TileGrid, fitting_tile};
use azulejo_protocol::filename::result_filename;
use azulejo_protocol::health::IntakeLimits;
use azulejo_protocol::record::{self, MAX_RECIPE_BYTES, TaskHeader};
use azulejo_protocol::{ApiError, JobId, JobStatus, TileStates, Timestamp};

use super::kind;
use super::measuring::{self, Measuring};
use crate::engine::settings::Upload;
use crate::engine::store::jobs::{JobRow, StageTimes};
use crate::engine::store::notes::Notes;

/// What is fixed about a job from its first moment.
#[derive(Debug, Clone)]
pub struct JobSpec {
    /// The row as it was when the job was (re)started.
    pub row: JobRow,
    /// Recipe of the result: orientation, then the client's, with the numbers that were measured.
    pub recipe: Recipe,
    /// How the result is cut.
    pub grid: TileGrid,
    /// What is measured first; `None` where all is known that the recipe needs.
    pub measuring: Option<Measuring>,
    /// Its folder.
    pub folder: JobFolder,
}

impl JobSpec {
    /// Checks `recipe` against an upload and plans the job.
    ///
    /// # Errors
    /// 422 when the recipe does not parse or does not suit the image, or when not even a tile of one pixel fits a record.
    pub fn plan(
        upload: &Upload,
        recipe: &str,
        limits: &IntakeLimits,
        jobs: &Path,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let asked: Recipe = recipe
            .parse()
            .map_err(|error| ApiError::unprocessable("unknown_recipe", format!("{error}")))?;
        let info = &upload.info;
        let unsuitable =
            |error: &dyn std::fmt::Display| ApiError::unprocessable("unsuitable_recipe", error.to_string());
        let input_size = info.size();
        Conversion::of(info, &asked).map_err(|error| unsuitable(&error))?;
        let canonical = asked.to_string();
        let full = info.full_recipe(&asked);
        let output_size = full
            .output_size(info.stored_size)
            .map_err(|error| unsuitable(&error))?;
        let tile_recipe = full.to_string();
        if full.most_text_bytes(info.format) > MAX_RECIPE_BYTES {
            let what = if full.unmeasured().is_some() {
                "the recipe, with the numbers that it needs of the image, may be"
            } else {
                "the recipe is"
            };
            return Err(unsuitable(&format!(
                "{what} longer than {MAX_RECIPE_BYTES} bytes"
            )));
        }
        // Workers parse this text, and with what turns the image upright it may have become too much.
        Recipe::parse(&tile_recipe).map_err(|error| unsuitable(&error))?;
        let output_format = full.output_format(info.format);
        check_size(output_size, limits, "the result")?;
        let tile_size = choose_tile(&full, info.stored_size, info.format, limits)?;
        let grid = TileGrid::new(output_size, tile_size);
        check_tiles(grid)?;
        let befores = measuring::befores(&full);
        let measure_tile = measuring::tile(&befores, |before| {
            choose_tile(before, info.stored_size, info.format, limits)
        })?;
        let id = upload.job.unwrap_or_else(|| JobId(uuid::Uuid::now_v7()));
        let encoding = kind::encoding(upload.encoding, info.kind, output_size, output_format)?;
        let row = JobRow {
            id,
            filename: upload.filename.clone(),
            result_filename: result_filename(&upload.filename, &canonical, encoding.kind().extension()),
            recipe: canonical,
            tile_recipe,
            measured_recipe: None,
            to_measure: befores.len() as u32,
            measure_tile,
            owner: upload.owner.clone(),
            status: JobStatus::Processing,
            created_at: now,
            ended_at: None,
            kind: info.kind.name().to_owned(),
            page: upload.page,
            encoding: encoding.to_string(),
            stored_size: info.stored_size,
            input_size,
            output_size,
            input_format: info.format,
            output_format,
            tile_size,
            total_tiles: grid.len(),
            input_bytes: upload.bytes,
            original_gone: false,
            output_bytes: None,
            error: None,
            notes: Notes::default(),
            decoded: false,
            mosaic_version: 0,
            cached_from: None,
            times: StageTimes {
                upload_started: upload.started_at,
                ..StageTimes::default()
            },
        };
        for before in &befores {
            // All of it is computed, so it is bounded as a result is.
            let size = before
                .output_size(info.stored_size)
                .map_err(|error| unsuitable(&error))?;
            check_size(size, limits, "what is measured")?;
            check_tiles(TileGrid::new(size, measure_tile))?;
        }
        let measuring = Measuring::first(&full, &row).map_err(|error| unsuitable(&error))?;
        Ok(Self {
            recipe: full,
            grid,
            measuring,
            folder: JobFolder::new(jobs, id),
            row,
        })
    }

    /// The job of a stored row.
    ///
    /// # Errors
    /// A sentence, when the row's recipe is not one that this version knows.
    pub fn from_row(row: JobRow, jobs: &Path) -> Result<Self, String> {
        let text = row.measured_recipe.as_ref().unwrap_or(&row.tile_recipe);
        let recipe: Recipe = text
            .parse()
            .map_err(|error| format!("this version does not know the recipe '{text}': {error}"))?;
        let grid = TileGrid::new(row.output_size, row.tile_size);
        if grid.len() != row.total_tiles {
            return Err(format!(
                "the stored job is damaged: {} tiles instead of {}",
                row.total_tiles,
                grid.len()
            ));
        }
        let measuring = Measuring::first(&recipe, &row).map_err(|error| error.to_string())?;
        Ok(Self {
            recipe,
            grid,
            measuring,
            folder: JobFolder::new(jobs, row.id),
            row,
        })
    }

    /// Its id.
    pub fn id(&self) -> JobId {
        self.row.id
    }

    /// How the tiles of this pass are cut: those of the result, or those that are measured.
    pub fn tiles(&self) -> TileGrid {
        self.measuring
            .as_ref()
            .map_or(self.grid, |measuring| measuring.grid)
    }

    /// The recipe that leads to the pixels of the tiles of this pass.
    pub fn pass_recipe(&self) -> &Recipe {
        self.measuring
            .as_ref()
            .map_or(&self.recipe, |measuring| &measuring.recipe)
    }

    /// The part of the input that `tile` needs, and its rectangle in what is rendered or measured.
    pub fn tile_regions(&self, tile: u32) -> Option<(Region, Region)> {
        let output = self.tiles().region(tile)?;
        let region = self
            .pass_recipe()
            .input_region(self.row.stored_size, output)
            .ok()?;
        Some((region, output))
    }

    /// The headers of one try of `tile`.
    pub fn task(&self, tile: u32, attempt: u32, region: Region, output: Region) -> TaskHeader {
        TaskHeader {
            version: record::version_for(self.row.input_format, &self.recipe),
            job: self.id(),
            tile,
            attempt,
            recipe: self.recipe.to_string(),
            image: self.row.stored_size,
            format: self.row.input_format,
            region,
            output,
            measure: self.measuring.as_ref().map(|measuring| measuring.step),
            results: None,
            holder: None,
            // The job is the trace and the tile the span: nothing needs to be remembered to join them up.
            traceparent: Some(format!(
                "00-{}-{:016x}-01",
                self.id().0.simple(),
                u64::from(tile) + 1
            )),
        }
    }

    /// Bytes of the decoded input.
    pub fn source_bytes(&self) -> u64 {
        self.row.stored_size.pixels() * self.row.input_format.bytes_per_pixel() as u64
    }

    /// Bytes of the result's pixels.
    pub fn result_bytes(&self) -> u64 {
        self.row.output_size.pixels() * self.row.output_format.bytes_per_pixel() as u64
    }

    /// Bytes of a row of the decoded input.
    pub fn source_stride(&self) -> usize {
        self.row.stored_size.width as usize * self.row.input_format.bytes_per_pixel()
    }

    /// Where the pixels of a tile with the rectangle `output` begin in `result.raw`. That file holds tile after tile,
    /// each row-major in itself, so that a tile is one write and a row of tiles one read.
    pub fn result_offset(&self, output: Region) -> u64 {
        let above = u64::from(output.y) * u64::from(self.row.output_size.width);
        let left = u64::from(output.x) * u64::from(output.height);
        (above + left) * self.row.output_format.bytes_per_pixel() as u64
    }
}

fn check_tiles(grid: TileGrid) -> Result<(), ApiError> {
    if grid.len() as usize <= TileStates::MAX_TILES {
        return Ok(());
    }
    Err(ApiError::unprocessable(
        "too_many_tiles",
        format!(
            "with this recipe a tile can have {} pixels a side, and that makes {} tiles; a job has at most {}: ask for a smaller radius or \
             size",
            grid.tile(),
            grid.len(),
            TileStates::MAX_TILES
        ),
    ))
}

/// Whether `what` may have that size.
fn check_size(size: Size, limits: &IntakeLimits, what: &str) -> Result<(), ApiError> {
    let refuse = |detail: String| Err(ApiError::unprocessable("result_too_large", detail));
    if size.is_empty() {
        return Err(ApiError::unprocessable(
            "empty_result",
            "the recipe leaves no pixel of the image",
        ));
    }
    if size.width > limits.max_side || size.height > limits.max_side {
        return refuse(format!(
            "{what} would be {size} pixels; a side may have at most {}",
            limits.max_side
        ));
    }
    if size.pixels() > limits.max_pixels {
        return refuse(format!(
            "{what} would be {size} pixels, {} in all; at most {} are allowed",
            size.pixels(),
            limits.max_pixels
        ));
    }
    Ok(())
}

/// The side of the job's tiles. A tile travels as one record each way, and a worker holds each of its steps: all have to fit, so
/// a recipe that needs much of the image for a tile gets smaller ones.
fn choose_tile(
    recipe: &Recipe,
    image: Size,
    input: PixelFormat,
    limits: &IntakeLimits,
) -> Result<u32, ApiError> {
    fitting_tile(recipe, image, input, limits.tile_size, limits.max_record_bytes).map_err(|error| {
        let code = match error {
            TileError::Recipe(_) => "unsuitable_recipe",
            TileError::Record { .. } | TileError::Step { .. } => "tile_too_large",
        };
        ApiError::unprocessable(code, error.to_string())
    })
}

/// Where a job's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFolder(PathBuf);

impl JobFolder {
    /// The folder of job `id` among `jobs`.
    pub fn new(jobs: &Path, id: JobId) -> Self {
        Self(jobs.join(id.to_string()))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The folder of all jobs.
    pub fn parent(&self) -> &Path {
        self.0.parent().unwrap_or(&self.0)
    }

    /// The uploaded file.
    pub fn original(&self) -> PathBuf {
        self.0.join("original")
    }

    /// The decoded pixels, row-major, as the file stores them: not turned upright.
    pub fn source(&self) -> PathBuf {
        self.0.join("source.raw")
    }

    /// The pixels of the tiles that are done, see [`JobSpec::result_offset`].
    pub fn tiles(&self) -> PathBuf {
        self.0.join("result.raw")
    }

    /// The statistics of the tiles that were measured.
    pub fn numbers(&self) -> PathBuf {
        self.0.join("numbers.raw")
    }

    /// The finished result.
    pub fn result(&self, extension: &str) -> PathBuf {
        self.0.join(format!("result.{extension}"))
    }

    /// The result while run `serial` encodes it. An earlier run may still be at its own when a retry begins.
    pub fn unfinished_result(&self, serial: u64) -> PathBuf {
        self.0.join(format!("result.{serial}.part"))
    }

    /// Deletes every unfinished result.
    pub fn remove_unfinished_results(&self) {
        let entries = match std::fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                return tracing::warn!(path = %self.0.display(), %error, "cannot look for unfinished results");
            }
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            if name.starts_with(b"result.") && name.ends_with(b".part") {
                remove_if_there(&path);
            }
        }
    }

    /// The mosaic of a job that has ended.
    pub fn mosaic(&self) -> PathBuf {
        self.0.join("mosaic.png")
    }

    /// Deletes what is only needed while the job is under way: `source.raw`, unfinished results and, when `completed`,
    /// `result.raw`. A failed job keeps its done tiles.
    pub fn remove_scratch(&self, completed: bool) {
        give_back(&self.source());
        remove_if_there(&self.source());
        self.remove_unfinished_results();
        if completed {
            remove_if_there(&self.tiles());
            remove_if_there(&self.numbers());
        }
    }
}

/// Empties a file that goes: what is open keeps its room otherwise, and on a full disk the job's ending has to be stored before
/// its run, which has it open, is dropped. One that cannot be emptied is only deleted.
fn give_back(path: &Path) {
    if let Ok(file) = std::fs::OpenOptions::new().write(true).open(path) {
        drop(file.set_len(0));
    }
}

/// Deletes a file; one that is not there is fine, any other trouble is logged.
pub fn remove_if_there(path: &Path) {
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(path = %path.display(), %error, "cannot delete a file"),
    }
}
