//! The one shape of an error that reaches a client: `{"detail": "...", "code": "..."}` and a status.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An error with a sentence for people and a word for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct ApiError {
    /// What happened, to what, and what to do. Lowercase, no full stop at the end.
    pub detail: String,
    /// A stable word: `unknown_recipe`, `image_too_small`, `job_not_found`, ...
    pub code: String,
    /// HTTP status. Not part of the body.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub status: u16,
    /// Seconds after which it is worth trying again, where that is known: `Retry-After`. Not part of the body.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

fn is_zero(status: &u16) -> bool {
    *status == 0
}

impl ApiError {
    /// An error with HTTP status `status`.
    pub fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            code: code.to_owned(),
            status,
            retry_after: None,
        }
    }

    /// The same, to be tried again after `wait`, which is rounded up to whole seconds and to at least one.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.retry_after = Some(seconds.max(1));
        self
    }

    /// 404: there is no such thing.
    pub fn not_found(code: &str, detail: impl Into<String>) -> Self {
        Self::new(404, code, detail)
    }

    /// 409: the thing is in a state that does not allow this.
    pub fn conflict(code: &str, detail: impl Into<String>) -> Self {
        Self::new(409, code, detail)
    }

    /// 422: understood, but not acceptable.
    pub fn unprocessable(code: &str, detail: impl Into<String>) -> Self {
        Self::new(422, code, detail)
    }
}
