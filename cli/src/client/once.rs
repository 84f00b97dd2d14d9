//! A request that is done once, however often it is sent: it carries an `Idempotency-Key`, by which the server knows it again. So
//! one whose answer was lost can be sent again, and does not start a second job.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use reqwest::RequestBuilder;
use uuid::Uuid;

use super::refused::{Broken, Refused, Unreachable};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Longest key that a server takes, characters.
const MAX_KEY: usize = 255;

/// A key: 1 to 255 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// A key that nobody has used.
    fn draw() -> Self {
        Self(Uuid::new_v4().to_string())
    }

    /// As a string of structured fields (RFC 9651).
    fn quoted(&self) -> String {
        format!("\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for IdempotencyKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if is_printable && (1..=MAX_KEY).contains(&text.len()) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "a key has 1 to {MAX_KEY} printable ASCII characters, such as {}",
            Self::draw()
        ))
    }
}

/// A request with a key, over all its tries.
#[derive(Debug)]
pub struct Once {
    key: IdempotencyKey,
    was_sent: Cell<bool>,
}

impl Once {
    /// A request that was not sent yet, with `key` or one of its own.
    pub fn new(key: Option<&IdempotencyKey>) -> Self {
        Self {
            key: key.cloned().unwrap_or_else(IdempotencyKey::draw),
            was_sent: Cell::new(false),
        }
    }

    /// `request` with the key.
    pub fn mark(&self, request: RequestBuilder) -> RequestBuilder {
        request.header(IDEMPOTENCY_KEY, self.key.quoted())
    }

    /// Notes that an earlier try went out whole.
    pub fn note_sent(&self) {
        self.was_sent.set(true);
    }

    /// Whether an earlier try went out whole, so that the server may have done it.
    pub fn was_sent(&self) -> bool {
        self.was_sent.get()
    }
}

/// Why a request with a key is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The line broke before the answer was here whole, on this side of a proxy or beyond it.
    Line,
    /// The server is still answering an earlier try.
    InFlight,
}

impl Lost {
    /// Why the request that ended with `error` may be sent again; `None` where that is the server's word, or where no try has got
    /// through to it (`has_broken` says that one did).
    pub fn of(error: &anyhow::Error, has_broken: bool) -> Option<Self> {
        if error.is::<Broken>() || (has_broken && error.is::<Unreachable>()) {
            return Some(Self::Line);
        }
        let refused = error.downcast_ref::<Refused>()?;
        match refused.status {
            // What a proxy says whose own line to the server broke.
            502 | 504 => Some(Self::Line),
            409 if refused.code == "idempotency_in_flight" => Some(Self::InFlight),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_printable_and_goes_between_quotes() {
        for (text, quoted) in [
            ("8e03978e-40d5", "\"8e03978e-40d5\""),
            (r#"a "b" \c"#, r#""a \"b\" \\c""#),
        ] {
            assert_eq!(text.parse::<IdempotencyKey>().unwrap().quoted(), quoted);
        }
        for wrong in ["", "ä", "a\nb", &"k".repeat(MAX_KEY + 1)] {
            let error = wrong.parse::<IdempotencyKey>().unwrap_err();
            assert!(error.contains("1 to 255"), "{error}");
        }
        let (one, other) = (IdempotencyKey::draw(), IdempotencyKey::draw());
        assert!(one != other && one.0.parse::<Uuid>().unwrap().get_version_num() == 4);
    }
}
