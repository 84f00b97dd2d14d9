//! The headers of tile records, as text, so that any Kafka tool shows them and a worker in any language is a page of
//! code. `docs/records.md` describes them for people.
//!
//! A header is read strictly: a record with a missing, doubled, non-UTF-8 or contradictory header is refused with
//! a [`RecordError`] that names it, and its sender's pixels are never touched.

use azulejo_imaging::{PixelFormat, Region, Size};

use crate::JobId;

/// Version of the record format, header `v`.
pub const VERSION: &str = "1";

/// Longest recipe text in a record, bytes.
pub const MAX_RECIPE_BYTES: usize = 4096;

/// Metadata of a record in `tasks`. Its value is the pixels of `region`, row-major, in `format`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskHeader {
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
    /// Which pixels of the output are wanted.
    pub output: Region,
    /// W3C trace context.
    pub traceparent: Option<String>,
}

/// Metadata of a record in `results`. Its value is the pixels of `task.output` in `format`, or empty with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultHeader {
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
    /// Who rendered it.
    pub worker: String,
    /// Rendering time, microseconds.
    pub micros: u64,
    /// Why there are no pixels.
    pub error: Option<String>,
    /// W3C trace context, copied from the task.
    pub traceparent: Option<String>,
}

/// A record whose headers do not say what they must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A header that must be there is not.
    #[error("header '{0}' is missing")]
    Missing(&'static str),
    /// A header has a value that does not parse.
    #[error("header '{name}' has the value '{value}': {reason}")]
    Invalid {
        /// Its name.
        name: &'static str,
        /// What it has, cut to 64 characters.
        value: String,
        /// What is wrong.
        reason: String,
    },
    /// The value's length is not what the headers say.
    #[error("the value has {actual} bytes where the headers say {expected}")]
    Length {
        /// Bytes in the value.
        actual: usize,
        /// Bytes that the headers give.
        expected: u64,
    },
}

/// Headers as they come from any client: name and value.
pub struct Headers<'a>(Vec<(&'a str, Option<&'a [u8]>)>);

impl<'a> Headers<'a> {
    /// Headers from pairs.
    pub fn new(pairs: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// The text of header `name`, `None` when there is no such header. Kafka allows a name twice; we do not.
    fn optional(&self, name: &'static str) -> Result<Option<&'a str>, RecordError> {
        let mut values = self.0.iter().filter(|(key, _)| *key == name);
        let Some((_, value)) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(invalid(name, "", "it is there twice"));
        }
        let bytes = value.unwrap_or_default();
        std::str::from_utf8(bytes)
            .map(Some)
            .map_err(|_| invalid(name, &String::from_utf8_lossy(bytes), "not UTF-8"))
    }

    fn text(&self, name: &'static str) -> Result<&'a str, RecordError> {
        self.optional(name)?.ok_or(RecordError::Missing(name))
    }

    fn parsed<T>(&self, name: &'static str) -> Result<T, RecordError>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        let text = self.text(name)?;
        text.parse()
            .map_err(|error: T::Err| invalid(name, text, &error.to_string()))
    }

    fn version(&self) -> Result<(), RecordError> {
        match self.text("v")? {
            VERSION => Ok(()),
            other => Err(invalid("v", other, "only version 1 is known here")),
        }
    }

    /// Job, tile and attempt alone: what a dead letter can still be traced by when the rest does not parse.
    pub fn origin(&self) -> Option<(JobId, u32)> {
        Some((self.parsed("job").ok()?, self.parsed("tile").ok()?))
    }
}

fn invalid(name: &'static str, value: &str, reason: &str) -> RecordError {
    RecordError::Invalid {
        name,
        value: value.chars().take(64).collect(),
        reason: reason.to_owned(),
    }
}

impl TaskHeader {
    /// Name and value of each header.
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            ("v", VERSION.to_owned()),
            ("job", self.job.to_string()),
            ("tile", self.tile.to_string()),
            ("attempt", self.attempt.to_string()),
            ("recipe", self.recipe.clone()),
            ("image", self.image.to_string()),
            ("format", self.format.to_string()),
            ("region", self.region.to_string()),
            ("output", self.output.to_string()),
        ];
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
        headers.version()?;
        let task = Self {
            job: headers.parsed("job")?,
            tile: headers.parsed("tile")?,
            attempt: headers.parsed("attempt")?,
            recipe: headers.text("recipe")?.to_owned(),
            image: headers.parsed("image")?,
            format: headers.parsed("format")?,
            region: headers.parsed("region")?,
            output: headers.parsed("output")?,
            traceparent: headers.optional("traceparent")?.map(str::to_owned),
        };
        if task.recipe.len() > MAX_RECIPE_BYTES {
            return Err(invalid("recipe", &task.recipe, "longer than 4096 bytes"));
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

impl ResultHeader {
    /// Name and value of each header.
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            ("v", VERSION.to_owned()),
            ("job", self.job.to_string()),
            ("tile", self.tile.to_string()),
            ("attempt", self.attempt.to_string()),
            ("format", self.format.to_string()),
            ("output", self.output.to_string()),
            ("worker", self.worker.clone()),
            ("micros", self.micros.to_string()),
        ];
        if let Some(error) = &self.error {
            pairs.push(("error", error.clone()));
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
        headers.version()?;
        Ok(Self {
            job: headers.parsed("job")?,
            tile: headers.parsed("tile")?,
            attempt: headers.parsed("attempt")?,
            format: headers.parsed("format")?,
            output: headers.parsed("output")?,
            worker: headers.text("worker")?.to_owned(),
            micros: headers.parsed("micros")?,
            error: headers.optional("error")?.map(str::to_owned),
            traceparent: headers.optional("traceparent")?.map(str::to_owned),
        })
    }

    /// Checks that `value` has the bytes of `output` in `format`, or none when there is an error.
    ///
    /// # Errors
    /// [`RecordError::Length`].
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
        check_length(value, self.output, self.format)
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
mod tests {
    use super::*;
    use uuid::Uuid;

    fn task() -> TaskHeader {
        TaskHeader {
            job: JobId(Uuid::from_u128(7)),
            tile: 3,
            attempt: 1,
            recipe: "blur:sigma=2|sharpen".into(),
            image: Size::new(100, 80),
            format: PixelFormat::RGB8,
            region: Region::new(0, 0, 40, 30),
            output: Region::new(0, 0, 32, 22),
            traceparent: None,
        }
    }

    fn read(pairs: &[(&'static str, String)]) -> Result<TaskHeader, RecordError> {
        TaskHeader::from_headers(&Headers::new(pairs.iter().map(|(k, v)| (*k, Some(v.as_bytes())))))
    }

    #[test]
    fn a_task_round_trips() {
        assert_eq!(read(&task().to_pairs()), Ok(task()));
    }

    #[test]
    fn a_result_round_trips() {
        let result = ResultHeader {
            job: JobId(Uuid::from_u128(7)),
            tile: 3,
            attempt: 2,
            format: PixelFormat::GRAY8,
            output: Region::new(0, 0, 32, 22),
            worker: "kiln-01".into(),
            micros: 4100,
            error: Some("no".into()),
            traceparent: Some("00-x".into()),
        };
        let pairs = result.to_pairs();
        let headers = Headers::new(pairs.iter().map(|(k, v)| (*k, Some(v.as_bytes()))));
        assert_eq!(ResultHeader::from_headers(&headers), Ok(result));
    }

    #[test]
    fn each_missing_header_is_named() {
        let pairs = task().to_pairs();
        for (name, _) in &pairs {
            let rest: Vec<_> = pairs.iter().filter(|(k, _)| k != name).cloned().collect();
            assert_eq!(read(&rest), Err(RecordError::Missing(name)));
        }
    }

    #[test]
    fn a_doubled_header_is_refused() {
        let mut pairs = task().to_pairs();
        pairs.push(("tile", "4".into()));
        assert!(matches!(
            read(&pairs),
            Err(RecordError::Invalid { name: "tile", .. })
        ));
    }

    #[test]
    fn a_region_outside_the_image_is_refused() {
        let mut bad = task();
        bad.region = Region::new(90, 0, 40, 30);
        assert!(matches!(
            read(&bad.to_pairs()),
            Err(RecordError::Invalid { name: "region", .. })
        ));
    }

    #[test]
    fn a_value_of_another_length_is_refused() {
        assert!(task().check_value(&[0; 40 * 30 * 3]).is_ok());
        assert!(task().check_value(&[0; 40 * 30 * 3 - 1]).is_err());
    }
}
