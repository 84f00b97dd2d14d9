//! Conditional requests, in the order of RFC 9110 (section 13.2.2). The crate `headers` reads tags, lists of tags and dates.

use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use azulejo_protocol::ApiError;
use headers::{ETag, HeaderMapExt, IfMatch, IfModifiedSince, IfNoneMatch, IfUnmodifiedSince, LastModified};

use super::error::Failure;

/// What tells one state of a resource from another.
#[derive(Debug, Clone, Default)]
pub struct Validators {
    /// The entity tag.
    pub tag: Option<ETag>,
    /// When it changed last. Never later than now.
    pub modified: Option<SystemTime>,
}

/// What a conditional request comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is carried out.
    Go,
    /// 304: the client has this state already.
    Unchanged,
    /// 412: the client meant another state.
    Failed,
}

impl Validators {
    /// Of a state with this entity tag, quotes included, that changed last at `modified`.
    pub fn new(tag: &str, modified: Option<SystemTime>) -> Self {
        Self {
            tag: tag.parse().ok(),
            // An origin must not name a time that is still to come.
            modified: modified.filter(|time| *time <= SystemTime::now()),
        }
    }

    /// What the conditions in `headers` come to for this state.
    pub fn judge(&self, method: &Method, headers: &HeaderMap) -> Outcome {
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        if headers.contains_key(header::IF_MATCH) {
            let known: Option<IfMatch> = headers.typed_get();
            let passes = known.is_some_and(|known| {
                let named = self
                    .tag
                    .as_ref()
                    .is_some_and(|tag| known.precondition_passes(tag));
                known.is_any() || named
            });
            if !passes {
                return Outcome::Failed;
            }
        } else if let (Some(since), Some(modified)) =
            (headers.typed_get::<IfUnmodifiedSince>(), self.modified)
            && !since.precondition_passes(modified)
        {
            return Outcome::Failed;
        }
        if headers.contains_key(header::IF_NONE_MATCH) {
            let known: Option<IfNoneMatch> = headers.typed_get();
            let passes = known.is_none_or(|known| match &self.tag {
                Some(tag) => known.precondition_passes(tag),
                None => known != IfNoneMatch::any(),
            });
            if !passes {
                return if is_read {
                    Outcome::Unchanged
                } else {
                    Outcome::Failed
                };
            }
        } else if let (true, Some(since), Some(modified)) =
            (is_read, headers.typed_get::<IfModifiedSince>(), self.modified)
            && !since.is_modified(modified)
        {
            return Outcome::Unchanged;
        }
        Outcome::Go
    }

    /// Whether a range of this state may be sent: there is no `If-Range`, or it names this very state by a strong tag, or by a date
    /// that is long enough ago to be as good as one.
    pub fn allow_range(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(header::IF_RANGE).iter();
        let Some(value) = values.next() else {
            return true;
        };
        let (Ok(text), None) = (value.to_str(), values.next()) else {
            return false;
        };
        if let Ok(tag) = text.trim().parse::<ETag>() {
            return self
                .tag
                .as_ref()
                .is_some_and(|own| IfMatch::from(tag).precondition_passes(own));
        }
        let (Ok(date), Some(modified)) = (httpdate::parse_http_date(text.trim()), self.modified) else {
            return false;
        };
        // Dates are compared as they are written, in whole seconds; what may have changed twice in that second is not told apart.
        let is_strong = modified
            .elapsed()
            .is_ok_and(|since| since >= Duration::from_secs(1));
        is_strong && httpdate::HttpDate::from(date) == httpdate::HttpDate::from(modified)
    }

    /// Writes both into an answer.
    pub fn tell(&self, headers: &mut HeaderMap) {
        if let Some(tag) = &self.tag {
            headers.typed_insert(tag.clone());
        }
        if let Some(modified) = self.modified {
            headers.typed_insert(LastModified::from(modified));
        }
    }

    /// The answer that needs no body, if the conditions in `headers` come to one; `cache` is its `Cache-Control`.
    pub fn refusal(&self, method: &Method, headers: &HeaderMap, cache: &'static str) -> Option<Response> {
        let mut response = match self.judge(method, headers) {
            Outcome::Go => return None,
            Outcome::Unchanged => StatusCode::NOT_MODIFIED.into_response(),
            Outcome::Failed => Failure(ApiError::new(
                412,
                "precondition_failed",
                "it is in another state than the request names (If-Match, If-Unmodified-Since): ask for it without a condition",
            ))
            .into_response(),
        };
        self.tell(response.headers_mut());
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        Some(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"a-1\"";
    const DATE: &str = "Sat, 29 Oct 1994 19:43:31 GMT";
    const LATER: &str = "Sun, 30 Oct 1994 19:43:31 GMT";
    const EARLIER: &str = "Fri, 28 Oct 1994 19:43:31 GMT";

    fn state() -> Validators {
        Validators::new(TAG, httpdate::parse_http_date(DATE).ok())
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn judged(pairs: &[(&'static str, &str)]) -> Outcome {
        state().judge(&Method::GET, &headers(pairs))
    }

    #[test]
    fn tags_are_compared_as_their_header_wants_it() {
        use Outcome::{Failed, Go, Unchanged};
        for (name, value, outcome) in [
            ("if-none-match", "\"a-1\"", Unchanged),
            ("if-none-match", "W/\"a-1\"", Unchanged),
            ("if-none-match", "\"x\", \"a,b\" , W/\"a-1\"", Unchanged),
            ("if-none-match", "*", Unchanged),
            ("if-none-match", "\"x\", \"y\"", Go),
            ("if-none-match", "a-1", Go),
            ("if-none-match", "", Go),
            ("if-match", "\"a-1\"", Go),
            ("if-match", "\"x\",\"a-1\"", Go),
            ("if-match", "*", Go),
            // Strongly: the same bytes are meant.
            ("if-match", "W/\"a-1\"", Failed),
            ("if-match", "\"x\"", Failed),
            ("if-match", "nonsense", Failed),
        ] {
            assert_eq!(judged(&[(name, value)]), outcome, "{name}: {value}");
        }
        let lines = [("if-none-match", "\"x\""), ("if-none-match", "\"a-1\"")];
        assert_eq!(judged(&lines), Unchanged);
    }

    #[test]
    fn dates_are_compared_and_nonsense_is_ignored() {
        use Outcome::{Failed, Go, Unchanged};
        for (name, value, outcome) in [
            ("if-modified-since", DATE, Unchanged),
            ("if-modified-since", LATER, Unchanged),
            ("if-modified-since", EARLIER, Go),
            ("if-modified-since", "Saturday, 29-Oct-94 19:43:31 GMT", Unchanged),
            ("if-modified-since", "yesterday", Go),
            ("if-unmodified-since", DATE, Go),
            ("if-unmodified-since", LATER, Go),
            ("if-unmodified-since", EARLIER, Failed),
            ("if-unmodified-since", "yesterday", Go),
        ] {
            assert_eq!(judged(&[(name, value)]), outcome, "{name}: {value}");
        }
    }

    #[test]
    fn tags_come_before_dates_and_doubts_before_savings() {
        use Outcome::{Failed, Go, Unchanged};
        // A date is not looked at where there is a tag.
        assert_eq!(
            judged(&[("if-none-match", "\"x\""), ("if-modified-since", LATER)]),
            Go
        );
        assert_eq!(judged(&[("if-match", TAG), ("if-unmodified-since", EARLIER)]), Go);
        // Whether it is meant at all is asked first.
        assert_eq!(judged(&[("if-match", "\"x\""), ("if-none-match", TAG)]), Failed);
        assert_eq!(
            judged(&[("if-unmodified-since", EARLIER), ("if-none-match", TAG)]),
            Failed
        );
        assert_eq!(judged(&[("if-match", TAG), ("if-none-match", TAG)]), Unchanged);
    }

    #[test]
    fn only_reading_can_find_something_unchanged() {
        let known = headers(&[("if-none-match", "*")]);
        assert_eq!(state().judge(&Method::DELETE, &known), Outcome::Failed);
        let since = headers(&[("if-modified-since", LATER)]);
        assert_eq!(state().judge(&Method::POST, &since), Outcome::Go);
    }

    #[test]
    fn a_range_needs_the_very_same_state() {
        for (value, allowed) in [
            (TAG, true),
            ("W/\"a-1\"", false),
            ("\"x\"", false),
            ("nonsense", false),
            (DATE, true),
            (LATER, false),
            (EARLIER, false),
        ] {
            let headers = headers(&[("if-range", value)]);
            assert_eq!(state().allow_range(&headers), allowed, "{value}");
        }
        assert!(state().allow_range(&HeaderMap::new()));
        // A state of this very second may have had a sister.
        let now = SystemTime::now();
        let fresh = Validators::new(TAG, Some(now));
        let text = httpdate::fmt_http_date(now);
        assert!(!fresh.allow_range(&headers(&[("if-range", &text)])));
    }

    #[test]
    fn a_time_to_come_is_not_told() {
        let later = SystemTime::now() + Duration::from_secs(3600);
        assert!(Validators::new(TAG, Some(later)).modified.is_none());
    }
}
