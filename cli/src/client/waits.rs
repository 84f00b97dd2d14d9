//! Waiting for a server that has had enough for the moment (429), or whose answer was lost, within bounds.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::once::Lost;
use super::refused::Refused;
use crate::output;

/// Longest time that a request waits in all.
const MOST: Duration = Duration::from_secs(120);

/// The first wait where the server does not say how long; each one after it is twice as long.
const FIRST: Duration = Duration::from_secs(1);

/// No wait is shorter: a server that says 0 is not asked in a circle.
const LEAST: Duration = Duration::from_millis(200);

/// A wait that is shorter is not worth a word.
const WORTH_A_WORD: Duration = Duration::from_secs(2);

/// The waits of one request.
#[derive(Debug)]
pub struct Waits {
    left: Duration,
    next: Duration,
}

impl Waits {
    /// Those of a request that was not sent yet. One that is not `patient` does not wait.
    pub fn new(patient: bool) -> Self {
        Self {
            left: if patient { MOST } else { Duration::ZERO },
            next: FIRST,
        }
    }

    /// How long to wait after a 429 with this `Retry-After`; `None` when that is longer than is waited for.
    pub fn next(&mut self, retry_after: Option<Duration>) -> Option<Duration> {
        let wait = retry_after.unwrap_or(self.next).max(LEAST);
        self.next *= 2;
        self.left = self.left.checked_sub(wait)?;
        Some(wait)
    }
}

/// `Retry-After`: seconds, or a moment, counted from `now`.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = httpdate::parse_http_date(text).ok()?;
    // One that has passed is now.
    Some(moment.duration_since(now).unwrap_or_default())
}

/// Waits as long as a server wants that has had enough for the moment, or before a request whose answer was `lost` is sent again;
/// gives back every other error, and one after which is not waited any more.
pub async fn wait(waits: &mut Waits, error: anyhow::Error, lost: Option<Lost>) -> anyhow::Result<()> {
    let refused = error.downcast_ref::<Refused>();
    let has_enough = refused.is_some_and(|refused| refused.status == 429);
    if !has_enough && lost.is_none() {
        return Err(error);
    }
    let Some(pause) = waits.next(refused.and_then(|refused| refused.retry_after)) else {
        return Err(error);
    };
    let seconds = pause.as_secs_f64();
    match (lost, refused) {
        (Some(Lost::Line), _) => output::say(&format!(
            "{error:#}; sending it again in {seconds:.0} s, with the same Idempotency-Key"
        )),
        (Some(Lost::InFlight), _) => output::say(&format!(
            "the server is still answering the try before; asking again in {seconds:.0} s"
        )),
        (None, Some(refused)) if pause >= WORTH_A_WORD => output::say(&format!(
            "the server has had enough for the moment ({}); trying again in {seconds:.0} s",
            refused.detail
        )),
        _ => {}
    }
    tokio::time::sleep(pause).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_bounded_in_all_and_one_that_is_too_long_is_not_begun() {
        let mut waits = Waits::new(true);
        let seconds = Duration::from_secs;
        assert_eq!(waits.next(Some(seconds(100))), Some(seconds(100)));
        assert_eq!(waits.next(Some(seconds(21))), None);
        assert_eq!(Waits::new(true).next(Some(seconds(3600))), None);
        assert_eq!(Waits::new(true).next(Some(Duration::ZERO)), Some(LEAST));
        assert_eq!(Waits::new(false).next(Some(Duration::ZERO)), None);
        let mut waits = Waits::new(true);
        let guessed: Vec<_> = std::iter::from_fn(|| waits.next(None)).collect();
        assert_eq!(guessed, [1, 2, 4, 8, 16, 32].map(seconds));
    }

    #[test]
    fn the_wait_is_read_in_both_forms() {
        let read = |text: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            let now = httpdate::parse_http_date("Sun, 29 Nov 2026 11:00:00 GMT").unwrap();
            retry_after(&headers, now)
        };
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            read("Sun, 29 Nov 2026 11:01:30 GMT"),
            Some(Duration::from_secs(90))
        );
        assert_eq!(read("Sun, 29 Nov 2026 10:00:00 GMT"), Some(Duration::ZERO));
        for wrong in ["", "-1", "soon", "1.5"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
