//! The headers of tile records, as text, so that any Kafka tool shows them and a worker in any language is a page of
//! code. `docs/records.md` describes them for people.
//!
//! A header is read strictly: a record with a missing, doubled, non-UTF-8 or contradictory header is refused with
//! a [`RecordError`] that names it, and its sender's pixels are never touched. Every field has a bound ([`crate::bounds`]).

mod headers;
mod rendering;
mod version;

use azulejo_imaging::{Histogram, PixelFormat, Region, Size, Statistic};

use crate::JobId;
use crate::bounds::{self, MAX_ERROR_BYTES, MAX_MICROS};
use headers::invalid;

pub use crate::bounds::MAX_RECIPE_BYTES;
pub use headers::{Headers, Origin, RecordError};
pub use rendering::{PROGRAM, Rendered, Rendering};
pub use version::{LATEST, READABLE, VERSION, version_for};

/// Metadata of a record in `tasks`. Its value is the pixels of `region`, row-major, in `format`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskHeader {
    /// Version of the format, one of [`READABLE`]; the answer has the same.
    pub version: u32,
    /// The job.
    pub job: JobId,
    /// Index of the tile in the job's grid, row by row.
    pub tile: u32,
    /// 1 for the first try.
    pub attempt: u32,
    /// Recipe text.
    pub recipe: String,
    /// Size of the whole input image.
    pub image: Size,
    /// Format of the pixels in the value.
    pub format: PixelFormat,
    /// Which pixels of the input the value holds.
    pub region: Region,
    /// Which pixels of the output are wanted; of what the measured step gets, where there is a `measure`.
    pub output: Region,
    /// The step of the recipe, from 0 on, whose statistic is wanted, of the pixels that it gets, instead of pixels. Not before version 3.
    pub measure: Option<u32>,
    /// The topic to answer to; `None`, as in version 1, is the topic `results` of the installation.
    pub results: Option<String>,
    /// The worker's instance that the task was meant for when it was sent, or that was lost with the tile before. Another one
    /// that gets it has inherited it, perhaps from a worker that died of it. Not in version 1.
    pub holder: Option<String>,
    /// W3C trace context.
    pub traceparent: Option<String>,
}

/// Metadata of a record in `results`. Its value is the pixels of `task.output` in `format`, their statistic as [`Histogram`] writes it where
/// `statistic` names one, or empty with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultHeader {
    /// Version of the format: that of the task.
    pub version: u32,
    /// The job.
    pub job: JobId,
    /// Index of the tile.
    pub tile: u32,
    /// The attempt that this answers.
    pub attempt: u32,
    /// Format of the pixels in the value.
    pub format: PixelFormat,
    /// Which pixels of the output the value holds.
    pub output: Region,
    /// That of the task, also beside an error: so an answer to one pass over the image is none to another. Not before version 3.
    pub measure: Option<u32>,
    /// What the value says of the pixels, where the task asked to measure them. Not before version 3.
    pub statistic: Option<Statistic>,
    /// Who rendered it.
    pub worker: String,
    /// Rendering time, microseconds.
    pub micros: u64,
    /// Why there are no pixels.
    pub error: Option<String>,
    /// W3C trace context, copied from the task.
    pub traceparent: Option<String>,
}

impl TaskHeader {
    /// Name and value of each header.
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            ("v", self.version.to_string()),
            ("job", self.job.to_string()),
            ("tile", self.tile.to_string()),
            ("attempt", self.attempt.to_string()),
            ("recipe", self.recipe.clone()),
            ("image", self.image.to_string()),
            ("format", self.format.to_string()),
            ("region", self.region.to_string()),
            ("output", self.output.to_string()),
        ];
        if let Some(measure) = self.measure {
            pairs.push(("measure", measure.to_string()));
        }
        if let Some(results) = &self.results {
            pairs.push(("results", results.clone()));
        }
        if let Some(holder) = &self.holder {
            pairs.push(("holder", holder.clone()));
        }
        if let Some(traceparent) = &self.traceparent {
            pairs.push(("traceparent", traceparent.clone()));
        }
        pairs
    }

    /// Reads the headers of a task.
    ///
    /// # Errors
    /// [`RecordError`] when one is missing or wrong, or when `region` is not within `image`.
    pub fn from_headers(headers: &Headers<'_>) -> Result<Self, RecordError> {
        let version = headers.version()?;
        // What version 1 did not know says nothing in it.
        let (results, holder) = if version == 1 {
            (None, None)
        } else {
            (headers.topic("results")?, headers.id("holder")?)
        };
        let recipe = headers.text("recipe")?;
        if recipe.len() > MAX_RECIPE_BYTES {
            return Err(invalid("recipe", recipe, "longer than 4096 bytes"));
        }
        let task = Self {
            version,
            job: headers.parsed("job")?,
            tile: headers.parsed("tile")?,
            attempt: headers.attempt()?,
            recipe: recipe.to_owned(),
            image: headers.parsed("image")?,
            format: headers.parsed("format")?,
            region: headers.parsed("region")?,
            output: headers.parsed("output")?,
            measure: headers.measure(version)?,
            results,
            holder,
            traceparent: headers.traceparent()?,
        };
        if version < LATEST && task.format.is_measurement() {
            return Err(invalid(
                "format",
                &task.format.to_string(),
                "not in a record of a version before 3",
            ));
        }
        if !task.region.is_within(task.image) {
            return Err(invalid(
                "region",
                &task.region.to_string(),
                "not within the image",
            ));
        }
        if task.output.size().is_empty() {
            return Err(invalid("output", &task.output.to_string(), "empty"));
        }
        Ok(task)
    }

    /// Checks that `value` has the bytes of `region` in `format`.
    ///
    /// # Errors
    /// [`RecordError::Length`].
    pub fn check_value(&self, value: &[u8]) -> Result<(), RecordError> {
        check_length(value, self.region, self.format)
    }
}

impl Origin {
    /// The answer of `worker` to a task that it cannot read.
    pub fn refusal(&self, worker: &str, error: String) -> ResultHeader {
        ResultHeader {
            version: self.version,
            job: self.job,
            tile: self.tile,
            attempt: self.attempt,
            format: self.format,
            output: self.output,
            measure: self.measure,
            statistic: None,
            worker: worker.to_owned(),
            micros: 0,
            error: Some(error),
            traceparent: self.traceparent.clone(),
        }
    }
}

impl ResultHeader {
    /// Name and value of each header. An error text beyond 4 KiB is cut.
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            ("v", self.version.to_string()),
            ("job", self.job.to_string()),
            ("tile", self.tile.to_string()),
            ("attempt", self.attempt.to_string()),
            ("format", self.format.to_string()),
            ("output", self.output.to_string()),
            ("worker", self.worker.clone()),
            ("micros", self.micros.min(MAX_MICROS).to_string()),
        ];
        if let Some(measure) = self.measure {
            pairs.push(("measure", measure.to_string()));
        }
        if let Some(statistic) = self.statistic {
            pairs.push(("statistic", statistic.to_string()));
        }
        if let Some(error) = &self.error {
            pairs.push(("error", bounds::cut(error, MAX_ERROR_BYTES).to_owned()));
        }
        if let Some(traceparent) = &self.traceparent {
            pairs.push(("traceparent", traceparent.clone()));
        }
        pairs
    }

    /// Reads the headers of a result.
    ///
    /// # Errors
    /// [`RecordError`] when one is missing or wrong.
    pub fn from_headers(headers: &Headers<'_>) -> Result<Self, RecordError> {
        let version = headers.version()?;
        let micros: u64 = headers.parsed("micros")?;
        if micros > MAX_MICROS {
            return Err(invalid("micros", &micros.to_string(), "more than 10000000000000"));
        }
        let statistic = match headers.optional("statistic")? {
            Some(_) if version >= LATEST => Some(headers.parsed("statistic")?),
            _ => None,
        };
        Ok(Self {
            version,
            job: headers.parsed("job")?,
            tile: headers.parsed("tile")?,
            attempt: headers.attempt()?,
            format: headers.parsed("format")?,
            output: headers.parsed("output")?,
            measure: headers.measure(version)?,
            statistic,
            worker: headers.id("worker")?.ok_or(RecordError::Missing("worker"))?,
            micros,
            error: headers.error()?,
            traceparent: headers.traceparent()?,
        })
    }

    /// Checks that `value` has the bytes of `output` in `format`, or their statistic, or none when there is an error.
    ///
    /// # Errors
    /// [`RecordError::Length`], [`RecordError::Numbers`].
    pub fn check_value(&self, value: &[u8]) -> Result<(), RecordError> {
        if self.error.is_some() {
            return if value.is_empty() {
                Ok(())
            } else {
                Err(RecordError::Length {
                    actual: value.len(),
                    expected: 0,
                })
            };
        }
        let Some(statistic) = self.statistic else {
            return check_length(value, self.output, self.format);
        };
        Histogram::from_bytes(value, self.format, statistic, self.output.size().pixels())
            .map(drop)
            .map_err(|error| RecordError::Numbers(error.to_string()))
    }
}

fn check_length(value: &[u8], region: Region, format: PixelFormat) -> Result<(), RecordError> {
    let expected = region
        .size()
        .pixels()
        .saturating_mul(format.bytes_per_pixel() as u64);
    if value.len() as u64 == expected {
        Ok(())
    } else {
        Err(RecordError::Length {
            actual: value.len(),
            expected,
        })
    }
}

#[cfg(test)]
mod tests;
