//! `Idempotency-Key` ([draft-ietf-httpapi-idempotency-key-header]): a request that may be sent again without starting a second
//! job, because its answer was lost or its line was cut.
//!
//! A key stands for one request of one caller. What was asked for is remembered as a hash of its fields and of the file's bytes,
//! which is taken while they stream in, so a form may come with another boundary or its fields in another order. The answer is
//! stored in the transaction that stores the job: there is no moment, and no death of the process, after which the one is there
//! without the other. Refusals are not kept: nothing was done, so the next request is looked at anew.
//!
//! [draft-ietf-httpapi-idempotency-key-header]: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderName};
use azulejo_protocol::{ApiError, Job};
use sha2::{Digest, Sha256};

use super::in_full::in_full;
use super::started::Accepted;
use crate::engine::Engine;
use crate::engine::reuse::{Answered, Once};

/// The header.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Longest key, characters.
const MAX_KEY: usize = 255;

/// Keys whose requests are being answered. Their number is that of the requests under way. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Keys(Arc<Mutex<HashSet<(String, String)>>>);

/// A request with a key, while it is being answered.
#[derive(Debug)]
pub struct Flight {
    keys: Keys,
    owner: String,
    key: String,
}

impl Keys {
    /// Begins to answer a request of `owner`; `None` when it has no key.
    ///
    /// # Errors
    /// 400 for a key that is none, 409 while another request with it is being answered.
    pub fn begin(&self, headers: &HeaderMap, owner: &str) -> Result<Option<Flight>, ApiError> {
        let Some(key) = key(headers)? else {
            return Ok(None);
        };
        let pair = (owner.to_owned(), key);
        let is_new = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(pair.clone());
        if !is_new {
            let detail = "a request with this Idempotency-Key is being answered: wait for it, or try again in a little while";
            return Err(ApiError::conflict("idempotency_in_flight", detail));
        }
        let (owner, key) = pair;
        Ok(Some(Flight {
            keys: self.clone(),
            owner,
            key,
        }))
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let pair = (std::mem::take(&mut self.owner), std::mem::take(&mut self.key));
        self.keys
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&pair);
    }
}

/// The key of a request: a string of structured fields (RFC 9651), as the draft has it, or the same without quotes, as many
/// clients send it.
fn key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let bad = |what: &str| {
        let detail = format!("the header Idempotency-Key {what}");
        Err(ApiError::new(400, "bad_header", detail))
    };
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return bad("is there twice: send one key");
    }
    let text = value.to_str().map(str::trim).unwrap_or_default();
    let key = match text.strip_prefix('"') {
        Some(quoted) => unquoted(quoted),
        None => Some(text.to_owned()).filter(|text| text.bytes().all(is_plain)),
    };
    match key {
        Some(key) if (1..=MAX_KEY).contains(&key.len()) => Ok(Some(key)),
        Some(_) => bad(&format!("must have 1 to {MAX_KEY} characters")),
        None => bad("must be a string in quotes, such as \"8e03978e-40d5-43dd-bc93-6894a57f9324\""),
    }
}

/// What stands in quotes, of which the first is gone. Nothing may follow the last one: no parameter is known.
fn unquoted(text: &str) -> Option<String> {
    let mut key = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(key),
            '\\' => key.push(characters.next().filter(|c| matches!(c, '"' | '\\'))?),
            c @ ' '..='~' => key.push(c),
            _ => return None,
        }
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=:@".contains(&byte)
}

/// The hash of what is asked for. Each part is preceded by its length, so that no two requests run into one text.
#[derive(Debug, Clone)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Of a request for `what`.
    pub fn new(what: &str) -> Self {
        Self(Sha256::new()).with(what.as_bytes())
    }

    /// With another part.
    #[must_use]
    pub fn with(mut self, part: &[u8]) -> Self {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    /// As [`Fingerprint::with`], of what is there. A request that says nothing of it is the same as before it could be said.
    pub fn with_some(self, part: Option<impl ToString>) -> Self {
        match part {
            Some(part) => self.with(part.to_string().as_bytes()),
            None => self,
        }
    }

    fn end(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Answers a request: by what the same request with its key was answered before, or by starting a job with `start`, which
/// stores the key with the job. Runs to its end when the client goes away, and the key is taken until then.
///
/// # Errors
/// 422 when the key was used for another request; those of `start`.
pub async fn once<S, F>(
    engine: &Engine,
    flight: Option<Flight>,
    asked: Fingerprint,
    start: S,
) -> Result<Accepted, ApiError>
where
    S: FnOnce(Option<Once>) -> F + Send + 'static,
    F: Future<Output = Result<Job, ApiError>> + Send + 'static,
{
    let engine = engine.clone();
    in_full(async move {
        let Some(flight) = flight else {
            return start(None).await.map(Accepted::from);
        };
        let fingerprint = asked.end();
        match engine.answered(&flight.owner, &flight.key).await? {
            Some(answered) if answered.fingerprint == fingerprint => Ok(again(answered)),
            Some(_) => {
                let detail =
                    "this Idempotency-Key was used for another request: take a new key for each job, and the same one only to \
                     send the same file, page, recipe and format again";
                Err(ApiError::unprocessable("idempotency_key_reused", detail))
            }
            None => {
                let once = Once {
                    owner: flight.owner.clone(),
                    key: flight.key.clone(),
                    fingerprint,
                };
                start(Some(once)).await.map(Accepted::from)
            }
        }
    })
    .await
}

fn again(answered: Answered) -> Accepted {
    Accepted {
        job_id: answered.job,
        total_tiles: answered.total_tiles,
        transformation: answered.recipe,
        status: answered.status,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<String>, ApiError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap());
        }
        key(&headers)
    }

    #[test]
    fn a_key_is_a_string_in_quotes_or_a_plain_word() {
        assert_eq!(read(&[]).unwrap(), None);
        for (value, key) in [
            (&b"\"8e03978e-40d5\""[..], "8e03978e-40d5"),
            (b"8e03978e-40d5", "8e03978e-40d5"),
            (b" \"a b\" ", "a b"),
            (br#""a\"b\\c""#, r#"a"b\c"#),
        ] {
            assert_eq!(read(&[value]).unwrap().as_deref(), Some(key), "{value:?}");
        }
        let longest = "k".repeat(MAX_KEY);
        assert_eq!(read(&[longest.as_bytes()]).unwrap(), Some(longest.clone()));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let long = "k".repeat(MAX_KEY + 1);
        for value in [
            &b""[..],
            b"\"\"",
            b"\"",
            b"\"open",
            b"\"a\"b",
            b"\"a\";q=1",
            br#""a\n""#,
            b"a b",
            b"a\"b",
            b"\xff",
            b"\"\xc3\xa4\"",
            long.as_bytes(),
        ] {
            let error = read(&[value]).unwrap_err();
            assert_eq!(
                (error.status, error.code.as_str()),
                (400, "bad_header"),
                "{value:?}"
            );
        }
        assert!(read(&[b"a", b"a"]).unwrap_err().detail.contains("twice"));
    }

    #[test]
    fn a_key_is_taken_until_its_request_is_answered() {
        let keys = Keys::default();
        let mut headers = HeaderMap::new();
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_static("k"));
        let flight = keys.begin(&headers, "a").unwrap();
        assert_eq!(
            keys.begin(&headers, "a").unwrap_err().code,
            "idempotency_in_flight"
        );
        let other = keys.begin(&headers, "b").unwrap();
        drop(flight);
        assert!(keys.begin(&headers, "a").unwrap().is_some());
        drop(other);
        assert!(keys.0.lock().unwrap().is_empty());
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let of = |parts: &[&[u8]]| {
            parts
                .iter()
                .fold(Fingerprint::new("x"), |print, part| print.with(part))
                .end()
        };
        assert_eq!(of(&[b"ab", b"c"]), of(&[b"ab", b"c"]));
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"ab"]), of(&[b"ab", b""]));
    }

    /// Keys that an earlier version remembers are those of the same requests.
    #[test]
    fn what_is_not_said_does_not_count() {
        let print = || Fingerprint::new("x").with(b"ab");
        assert_eq!(print().with_some(None::<u32>).end(), print().end());
        assert_ne!(print().with_some(Some(1)).end(), print().with_some(Some(2)).end());
    }
}
