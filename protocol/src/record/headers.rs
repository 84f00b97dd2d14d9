//! Reading headers: strictly, and within bounds.

use azulejo_imaging::{PixelFormat, Region};

use crate::JobId;
use crate::bounds::{self, MAX_ERROR_BYTES, MAX_HEADER_BYTES, MAX_HEADERS, MAX_TRACEPARENT_BYTES};

use super::version::{LATEST, READABLE, VERSION};

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
    /// More or longer headers than are read.
    #[error(
        "the headers are too many or too long: at most {MAX_HEADERS} with {MAX_HEADER_BYTES} bytes are read"
    )]
    TooLarge,
    /// The value is no statistic of the pixels that the headers name.
    #[error("the value is no statistic of these pixels: {0}")]
    Numbers(String),
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
pub struct Headers<'a> {
    pairs: Vec<(&'a str, Option<&'a [u8]>)>,
    /// Whether there were more than are read.
    cut: bool,
}

/// What can be told of a task whose headers do not all parse: enough to answer it with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The version to answer in: the task's own when it is one that is read here, else [`VERSION`].
    pub version: u32,
    /// The job.
    pub job: JobId,
    /// Index of the tile.
    pub tile: u32,
    /// Number of the try.
    pub attempt: u32,
    /// Format of the task's pixels, `gray8` when it cannot be told.
    pub format: PixelFormat,
    /// Which pixels are wanted, none when that cannot be told.
    pub output: Region,
    /// The step that is measured, when one is named.
    pub measure: Option<u32>,
    /// The topic to answer to, when one is named.
    pub results: Option<String>,
    /// W3C trace context.
    pub traceparent: Option<String>,
}

impl<'a> Headers<'a> {
    /// Headers from pairs. What is beyond the bounds is not kept, and refused by whoever reads a record from it.
    pub fn new(pairs: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>) -> Self {
        let mut headers = Self {
            pairs: Vec::new(),
            cut: false,
        };
        let mut bytes = 0usize;
        for (name, value) in pairs {
            bytes = bytes.saturating_add(name.len() + value.map_or(0, <[u8]>::len));
            if headers.pairs.len() == MAX_HEADERS || bytes > MAX_HEADER_BYTES {
                headers.cut = true;
                break;
            }
            headers.pairs.push((name, value));
        }
        headers
    }

    /// The text of header `name`, `None` when there is no such header. Kafka allows a name twice; we do not.
    pub(super) fn optional(&self, name: &'static str) -> Result<Option<&'a str>, RecordError> {
        let mut values = self.pairs.iter().filter(|(key, _)| *key == name);
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

    pub(super) fn text(&self, name: &'static str) -> Result<&'a str, RecordError> {
        self.optional(name)?.ok_or(RecordError::Missing(name))
    }

    /// The text of `name` with at most `most` bytes.
    pub(super) fn bounded(&self, name: &'static str, most: usize) -> Result<Option<String>, RecordError> {
        match self.optional(name)? {
            Some(text) if text.len() > most => Err(invalid(name, text, &format!("longer than {most} bytes"))),
            text => Ok(text.map(str::to_owned)),
        }
    }

    /// The id of a worker or of an instance.
    pub(super) fn id(&self, name: &'static str) -> Result<Option<String>, RecordError> {
        match self.optional(name)? {
            Some(text) if !bounds::is_id(text) => Err(invalid(
                name,
                text,
                "an id has 1 to 128 bytes and no control characters",
            )),
            text => Ok(text.map(str::to_owned)),
        }
    }

    /// The name of a topic.
    pub(super) fn topic(&self, name: &'static str) -> Result<Option<String>, RecordError> {
        match self.optional(name)? {
            Some(text) if !bounds::is_topic(text) => Err(invalid(
                name,
                text,
                "a topic has 1 to 249 letters, digits, '.', '_' and '-'",
            )),
            text => Ok(text.map(str::to_owned)),
        }
    }

    /// The step that is measured. No record of a version before 3 names one.
    pub(super) fn measure(&self, version: u32) -> Result<Option<u32>, RecordError> {
        match self.optional("measure")? {
            Some(_) if version >= LATEST => self.parsed("measure").map(Some),
            _ => Ok(None),
        }
    }

    pub(super) fn traceparent(&self) -> Result<Option<String>, RecordError> {
        self.bounded("traceparent", MAX_TRACEPARENT_BYTES)
    }

    pub(super) fn error(&self) -> Result<Option<String>, RecordError> {
        self.bounded("error", MAX_ERROR_BYTES)
    }

    pub(super) fn parsed<T>(&self, name: &'static str) -> Result<T, RecordError>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        let text = self.text(name)?;
        text.parse()
            .map_err(|error: T::Err| invalid(name, text, &error.to_string()))
    }

    pub(super) fn attempt(&self) -> Result<u32, RecordError> {
        let attempt = self.parsed("attempt")?;
        if (1..=bounds::MAX_ATTEMPT).contains(&attempt) {
            return Ok(attempt);
        }
        Err(invalid("attempt", &attempt.to_string(), "not from 1 to 1000000"))
    }

    /// The version of the record, when it is one that is read here and the headers are within bounds.
    pub(super) fn version(&self) -> Result<u32, RecordError> {
        if self.cut {
            return Err(RecordError::TooLarge);
        }
        let text = self.text("v")?;
        READABLE
            .iter()
            .copied()
            .find(|version| version.to_string() == text)
            .ok_or_else(|| {
                let known: Vec<String> = READABLE.iter().map(u32::to_string).collect();
                let reason = format!("only the versions {} are known here", known.join(" and "));
                invalid("v", text, &reason)
            })
    }

    /// What a task that does not parse can still be answered by: `None` unless job, tile and attempt can be told.
    /// A results topic that is no topic's name, and a trace context that is too long, read as none.
    pub fn origin(&self) -> Option<Origin> {
        let known = self.version();
        let named = if known == Ok(1) {
            Ok(None)
        } else {
            self.topic("results")
        };
        let version = known.unwrap_or(VERSION);
        Some(Origin {
            version,
            job: self.parsed("job").ok()?,
            tile: self.parsed("tile").ok()?,
            attempt: self.attempt().ok()?,
            format: self.parsed("format").unwrap_or(PixelFormat::GRAY8),
            output: self.parsed("output").unwrap_or(Region::new(0, 0, 0, 0)),
            measure: self.measure(version).unwrap_or_default(),
            results: named.unwrap_or_default(),
            traceparent: self.traceparent().unwrap_or_default(),
        })
    }
}

pub(super) fn invalid(name: &'static str, value: &str, reason: &str) -> RecordError {
    RecordError::Invalid {
        name,
        value: value.chars().take(64).collect(),
        reason: reason.to_owned(),
    }
}
