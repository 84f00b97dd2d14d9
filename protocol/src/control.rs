//! What the topic `control` carries: JSON that every worker reads.

use serde::{Deserialize, Serialize};

use crate::JobId;
use crate::bounds::MAX_CONTROL_BYTES;

/// A word from the server to every worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ControlMessage {
    /// Tiles of this job need not be rendered any more: skip them, without a result.
    Cancel {
        /// The job.
        job: JobId,
    },
    /// The job goes on (it was retried): render its tiles again.
    Resume {
        /// The job.
        job: JobId,
    },
}

/// A record of `control` that is no word of any server.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Too long to be one.
    #[error("it has {0} bytes, more than the {MAX_CONTROL_BYTES} of a word")]
    TooLarge(usize),
    /// Not JSON, without a `type`, or a known word with other fields.
    #[error("it does not parse: {0}")]
    Json(#[from] serde_json::Error),
}

impl ControlMessage {
    /// Reads a word; `None` is one of a newer server that this program does not know and need not follow.
    ///
    /// # Errors
    /// When it is too long or no word at all.
    pub fn from_json(json: &[u8]) -> Result<Option<Self>, ControlError> {
        #[derive(Deserialize)]
        struct Tag {
            r#type: String,
        }
        if json.len() > MAX_CONTROL_BYTES {
            return Err(ControlError::TooLarge(json.len()));
        }
        let tag: Tag = serde_json::from_slice(json)?;
        match tag.r#type.as_str() {
            "cancel" | "resume" => Ok(Some(serde_json::from_slice(json)?)),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_newer_server_is_no_error() {
        let read = |json: &str| ControlMessage::from_json(json.as_bytes());
        assert!(matches!(read(r#"{"type":"sing","song":[1,2]}"#), Ok(None)));
        for word in [
            ControlMessage::Cancel {
                job: JobId(uuid::Uuid::nil()),
            },
            ControlMessage::Resume {
                job: JobId(uuid::Uuid::nil()),
            },
        ] {
            let json = serde_json::to_string(&word).unwrap();
            assert_eq!(read(&json).unwrap(), Some(word));
        }
        assert!(read(r#"{"type":"cancel"}"#).is_err());
        assert!(read("[]").is_err() && read("not json").is_err());
        assert!(read(&format!("{{\"type\":\"{}\"}}", "x".repeat(70_000))).is_err());
    }
}
