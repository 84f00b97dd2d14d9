//! A tile in one file: what a worker got of it, and what became of it. For whoever looks for the reason of a failure elsewhere.
//!
//! The file is a line of text, a line of JSON, and the pixels as the task's record has them:
//!
//! ```text
//! azulejo tile report 1
//! {"headers":[["v","2"],["job","01a2…"],…],"state":"dead","attempts":3,"worker":"w1","error":"…","version":"0.1.0"}
//! …
//! ```
//!
//! `headers` are those of the record, so that a report is read by the rules of one: see [`TaskHeader::from_headers`]. Whoever
//! reads a report may have got it from anywhere, so everything in it has a bound.

use serde::{Deserialize, Serialize};

use crate::bounds::{self, MAX_ERROR_BYTES, MAX_HEADER_BYTES, MAX_HEADERS, MAX_ID_BYTES, MAX_TEXT_BYTES};
use crate::record::{Headers, RecordError, TaskHeader};
use crate::tile::TileState;
use crate::topics::MAX_RECORD_BYTES;

const MAGIC: &[u8] = b"azulejo tile report 1\n";

/// Longest line of JSON, bytes: each text in it may be escaped, a byte as six.
const MAX_HEAD_BYTES: usize = 6 * (MAX_HEADER_BYTES + MAX_ERROR_BYTES + MAX_ID_BYTES + MAX_TEXT_BYTES) + 8192;

/// Most bytes of a report.
pub const MAX_REPORT_BYTES: usize = MAGIC.len() + MAX_HEAD_BYTES + MAX_RECORD_BYTES;

/// A tile and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileReport {
    /// The task, as it was sent last.
    pub task: TaskHeader,
    /// The value of its record: the pixels of `task.region`.
    pub pixels: Vec<u8>,
    /// Where the tile stood when the report was made.
    pub state: TileState,
    /// How often it was sent.
    pub attempts: u32,
    /// The worker of the last try.
    pub worker: Option<String>,
    /// Why the last try failed.
    pub error: Option<String>,
    /// Version of the server that made the report.
    pub version: String,
}

/// Why a file is no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// It begins otherwise.
    #[error(
        "this is no report of a tile that is known here: it must begin with the line 'azulejo tile report 1'"
    )]
    NotAReport,
    /// Its second line is missing, too long, or is not what it should be.
    #[error("the second line of the report cannot be read: {0}")]
    Head(String),
    /// Its headers are not those of a task.
    #[error("the report's task cannot be read: {0}")]
    Task(#[from] RecordError),
}

#[derive(Serialize, Deserialize)]
struct Head {
    headers: Vec<(String, String)>,
    state: TileState,
    attempts: u32,
    worker: Option<String>,
    error: Option<String>,
    version: String,
}

impl TileReport {
    /// The report as a file. Texts that are longer than is read are cut.
    ///
    /// # Errors
    /// [`ReportError::Head`] when the JSON cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ReportError> {
        let cut = |text: &String, most| bounds::cut(text, most).to_owned();
        let pairs = self.task.to_pairs().into_iter();
        let head = Head {
            headers: pairs.map(|(name, value)| (name.to_owned(), value)).collect(),
            state: self.state,
            attempts: self.attempts,
            worker: self.worker.as_ref().map(|worker| cut(worker, MAX_ID_BYTES)),
            error: self.error.as_ref().map(|error| cut(error, MAX_ERROR_BYTES)),
            version: cut(&self.version, MAX_TEXT_BYTES),
        };
        let mut bytes = MAGIC.to_vec();
        serde_json::to_writer(&mut bytes, &head).map_err(|error| ReportError::Head(error.to_string()))?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.pixels);
        Ok(bytes)
    }

    /// Reads a report. Nothing is allocated for what a report promises and does not have.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReportError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(ReportError::NotAReport)?;
        let bad = |reason: &str| Err(ReportError::Head(reason.to_owned()));
        let near = &rest[..rest.len().min(MAX_HEAD_BYTES)];
        let Some(end) = near.iter().position(|byte| *byte == b'\n') else {
            return bad("it does not end where it should");
        };
        let (line, pixels) = (&rest[..end], &rest[end + 1..]);
        let head: Head =
            serde_json::from_slice(line).map_err(|error| ReportError::Head(error.to_string()))?;
        if head.headers.len() > MAX_HEADERS {
            return bad(&format!("it has more than {MAX_HEADERS} headers"));
        }
        let is_long = |text: &Option<String>, most| text.as_ref().is_some_and(|text| text.len() > most);
        if is_long(&head.worker, MAX_ID_BYTES) || is_long(&head.error, MAX_ERROR_BYTES) {
            return bad("the name of the worker, or the error, is too long");
        }
        if head.version.len() > MAX_TEXT_BYTES {
            return bad("the version is too long");
        }
        let pairs = head.headers.iter();
        let headers = Headers::new(pairs.map(|(name, value)| (name.as_str(), Some(value.as_bytes()))));
        let task = TaskHeader::from_headers(&headers)?;
        task.check_value(pixels)?;
        Ok(Self {
            task,
            pixels: pixels.to_vec(),
            state: head.state,
            attempts: head.attempts,
            worker: head.worker,
            error: head.error,
            version: head.version,
        })
    }
}

#[cfg(test)]
mod tests {
    use azulejo_imaging::{PixelFormat, Region, Size};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::JobId;

    fn report() -> TileReport {
        TileReport {
            task: TaskHeader {
                version: crate::record::VERSION,
                job: JobId(Uuid::from_u128(7)),
                tile: 3,
                attempt: 3,
                recipe: "blur:sigma=2".into(),
                image: Size::new(64, 48),
                format: PixelFormat::RGB8,
                region: Region::new(0, 0, 20, 10),
                output: Region::new(0, 0, 8, 4),
                measure: None,
                results: None,
                holder: None,
                traceparent: Some("00-1-2-01".into()),
            },
            pixels: (0..600).map(|n| n as u8).collect(),
            state: TileState::Dead,
            attempts: 3,
            worker: Some("kiln".into()),
            error: Some("out of \"clay\"\n".into()),
            version: "0.1.0".into(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = report().to_bytes().unwrap();
        assert!(bytes.starts_with(b"azulejo tile report 1\n{\"headers\":[[\"v\",\"2\"],"));
        assert_eq!(TileReport::from_bytes(&bytes).unwrap(), report());
        assert!(bytes.len() < MAX_REPORT_BYTES);
    }

    #[test]
    fn the_largest_report_is_read() {
        let mut large = report();
        large.task.image = Size::new(65_535, 65_535);
        large.task.region = Region::new(0, 0, 2048, 1706);
        large.pixels = vec![1; 2048 * 1706 * 3];
        large.task.recipe = "\u{1}".repeat(4096);
        large.error = Some("\u{1}".repeat(MAX_ERROR_BYTES));
        large.worker = Some("\u{1}".repeat(MAX_ID_BYTES));
        let bytes = large.to_bytes().unwrap();
        assert!(bytes.len() < MAX_REPORT_BYTES);
        assert_eq!(TileReport::from_bytes(&bytes).unwrap(), large);
    }

    #[test]
    fn what_is_no_report_is_refused_by_name() {
        let bytes = report().to_bytes().unwrap();
        let refused = |bytes: &[u8]| TileReport::from_bytes(bytes).unwrap_err().to_string();
        assert!(refused(b"PNG").contains("must begin with"));
        assert!(refused(MAGIC).contains("does not end"));
        assert!(refused(&bytes[..bytes.len() - 1]).contains("599 bytes where the headers say 600"));
        let endless = [MAGIC, &vec![b' '; MAX_REPORT_BYTES]].concat();
        assert!(refused(&endless).contains("does not end"));
        let text = String::from_utf8_lossy(&bytes[..bytes.len() - 600]).into_owned();
        let with = |from: &str, to: &str| [text.replace(from, to).into_bytes(), vec![0; 600]].concat();
        assert!(refused(&with("[\"tile\",\"3\"]", "[\"tile\",\"x\"]")).contains("'tile'"));
        assert!(refused(&with("0,0,20,10", "60,0,20,10")).contains("not within"));
        assert!(refused(&with("[\"v\",\"2\"]", "[\"v\",\"2\"],[\"v\",\"2\"]")).contains("twice"));
        assert!(refused(&with("kiln", &"k".repeat(129))).contains("too long"));
        let many = "[\"x\",\"\"],".repeat(MAX_HEADERS) + "[\"v\",\"2\"]";
        assert!(refused(&with("[\"v\",\"2\"]", &many)).contains("more than 64 headers"));
    }

    proptest! {
        #[test]
        fn nothing_panics(at in 0_usize..900, byte: u8, cut in 0_usize..1000) {
            let mut bytes = report().to_bytes().unwrap();
            let length = bytes.len();
            bytes[at % length] = byte;
            bytes.truncate(length - cut % length);
            if let Ok(report) = TileReport::from_bytes(&bytes) {
                drop(report.task.render(report.pixels));
            }
        }
    }
}
