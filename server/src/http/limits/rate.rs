//! How many requests one caller may send: 429 to those that are too many, and headers that say what is left.
//!
//! The headers are those of `draft-ietf-httpapi-ratelimit-headers`: `RateLimit-Policy: "requests";q=1000;w=20` says that 1000
//! requests may come at once and that they are 1000 again after 20 seconds; `RateLimit: "requests";r=998;t=1` that 998 are left, and
//! that it takes a second until they are all there again.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use azulejo_protocol::ApiError;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::origin::Origin;
use crate::access::Caller;
use crate::config::rates::{Rate, RateSettings};
use crate::http::base::PROBES;
use crate::http::error::Failure;
use crate::http::forwarded::Client;
use crate::http::incoming::drain;
use crate::http::serve::Peer;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Callers that are told apart. Those whose limit is whole again are forgotten; beyond this number, which takes an attacker with
/// as many addresses, all other addresses are counted as one. Owners are as many as there are keys, and never among them.
const MOST_CALLERS: usize = 20_000;

/// Forgetting looks at all of them, so it is not done more often than this.
const FORGET_EVERY: Duration = Duration::from_secs(1);

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    /// The owner of a key or token.
    Owner(Arc<str>),
    /// An address, where no key is asked for.
    Origin(Origin),
    /// Everybody who is not told apart.
    Others,
}

/// The limits and how far they are used. Cheap to clone.
#[derive(Clone, Default)]
pub struct Rates(Option<Arc<Both>>);

struct Both {
    requests: Option<Limit>,
    submissions: Option<Limit>,
}

impl Rates {
    /// Limits as `settings` say.
    pub fn new(settings: RateSettings) -> Self {
        let both = Both {
            requests: settings
                .requests
                .and_then(|rate| Limit::new("requests", "--request-rate, AZULEJO_REQUEST_RATE", rate)),
            submissions: settings.submissions.and_then(|rate| {
                Limit::new("submissions", "--submission-rate, AZULEJO_SUBMISSION_RATE", rate)
            }),
        };
        let is_limited = both.requests.is_some() || both.submissions.is_some();
        Self(is_limited.then(|| Arc::new(both)))
    }

    /// Counts a request that is refused for who sent it; the answer, when there are too many.
    pub fn refuse(&self, request: &Request) -> Option<Response> {
        let requests = self.0.as_ref()?.requests.as_ref()?;
        let wait = requests.take(&who(request)).err()?;
        Some(requests.refuse(wait))
    }
}

/// The middleware. It runs behind the gate that knows who sends the request.
pub async fn limit(State(rates): State<Rates>, request: Request, next: Next) -> Response {
    let Some(both) = rates.0 else {
        return next.run(request).await;
    };
    if PROBES.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let who = who(&request);
    let mut told = HeaderMap::new();
    let is_submission = is_submission(request.method(), request.uri().path());
    let limits = [
        both.requests.as_ref(),
        both.submissions.as_ref().filter(|_| is_submission),
    ];
    for limit in limits.into_iter().flatten() {
        match limit.take(&who) {
            Ok(left) => limit.tell(&mut told, left),
            Err(wait) => {
                limit.tell(&mut told, 0);
                let mut response = limit.refuse(wait);
                // Many clients do not look before they have sent everything.
                drain(request.into_body().into_data_stream()).await;
                response.headers_mut().extend(told);
                return response;
            }
        }
    }
    let mut response = next.run(request).await;
    response.headers_mut().extend(told);
    response
}

fn who(request: &Request) -> Who {
    let extensions = request.extensions();
    if let Some(owner) = extensions.get::<Caller>().and_then(Caller::owner) {
        return Who::Owner(owner.into());
    }
    let client = extensions.get::<Client>().map(|client| client.address);
    let address = client.or_else(|| extensions.get::<Peer>().map(Peer::ip));
    address.map_or(Who::Others, |address| Who::Origin(Origin::of(address)))
}

/// Whether a request brings a file or starts a job.
fn is_submission(method: &Method, path: &str) -> bool {
    match *method {
        Method::PUT => path == "/uploads",
        Method::POST => {
            matches!(
                path,
                "/process"
                    | "/files"
                    | "/dead-tiles/replay"
                    | "/api/process"
                    | "/api/run_again"
                    | "/api/retry_job"
                    | "/api/replay_tiles"
                    | "/api/replay_all_tiles"
            ) || path.starts_with("/job/") && !path.ends_with("/cancel")
        }
        _ => false,
    }
}

/// One limit for all callers, each by themselves.
struct Limit {
    name: &'static str,
    setting: &'static str,
    rate: Rate,
    limiter: Limiter,
    clock: DefaultClock,
    forgotten: Mutex<Option<Instant>>,
}

type Limiter = DefaultKeyedRateLimiter<Who, StateInformationMiddleware>;

impl Limit {
    fn new(name: &'static str, setting: &'static str, rate: Rate) -> Option<Self> {
        let each = Duration::from_secs(u64::from(rate.seconds)) / rate.count.get();
        let quota = Quota::with_period(each)?.allow_burst(rate.burst);
        Some(Self {
            name,
            setting,
            rate,
            limiter: RateLimiter::keyed(quota).with_middleware(),
            clock: DefaultClock::default(),
            forgotten: Mutex::default(),
        })
    }

    /// One more of `who`. Gives how many are left.
    ///
    /// # Errors
    /// It is one too many: so long until the next.
    fn take(&self, who: &Who) -> Result<u32, Duration> {
        let is_full = self.is_full();
        let who = match who {
            Who::Origin(_) if is_full => &Who::Others,
            who => who,
        };
        match self.limiter.check_key(who) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(until) => Err(until.wait_time_from(self.clock.now())),
        }
    }

    /// Whether as many callers are told apart as there may be, when those are forgotten that may be.
    fn is_full(&self) -> bool {
        if self.limiter.len() < MOST_CALLERS {
            return false;
        }
        let is_time = {
            let mut forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
            let is_time = forgotten.is_none_or(|at| at.elapsed() >= FORGET_EVERY);
            if is_time {
                *forgotten = Some(Instant::now());
            }
            is_time
        };
        if is_time {
            self.limiter.retain_recent();
        }
        self.limiter.len() >= MOST_CALLERS
    }

    /// Seconds until so many are there again.
    fn seconds(&self, count: u32) -> u64 {
        let Rate {
            count: rate, seconds, ..
        } = self.rate;
        (u64::from(count) * u64::from(seconds)).div_ceil(u64::from(NonZeroU32::get(rate)))
    }

    fn tell(&self, headers: &mut HeaderMap, left: u32) {
        let burst = self.rate.burst.get();
        let name = self.name;
        let policy = format!("\"{name}\";q={burst};w={}", self.seconds(burst));
        let limit = format!(
            "\"{name}\";r={left};t={}",
            self.seconds(burst.saturating_sub(left))
        );
        for (header, value) in [(POLICY, policy), (LIMIT, limit)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.append(header, value);
            }
        }
    }

    fn refuse(&self, wait: Duration) -> Response {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let Rate {
            count, seconds: each, ..
        } = self.rate;
        let time = if each == 1 { "second" } else { "minute" };
        let detail = format!(
            "too many {}: {count} a {time} are answered on average ({}); try again in {seconds} s",
            self.name, self.setting
        );
        let mut response = Failure(ApiError::new(429, "too_many_requests", detail)).into_response();
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn limit_of(count: u32, seconds: u32, burst: u32) -> Limit {
        let rate = Rate {
            count: count.try_into().unwrap(),
            seconds,
            burst: burst.try_into().unwrap(),
        };
        Limit::new("requests", "--request-rate", rate).unwrap()
    }

    fn from(number: u32) -> Who {
        Who::Origin(Origin::of(IpAddr::from(number.to_be_bytes())))
    }

    #[test]
    fn each_caller_has_a_limit_of_its_own() {
        let limit = limit_of(1, 60, 3);
        let left: Vec<_> = (0..4).map(|_| limit.take(&from(1))).collect();
        assert_eq!(left[..3], [Ok(2), Ok(1), Ok(0)]);
        let wait = left[3].unwrap_err();
        assert!(
            wait > Duration::from_secs(55) && wait <= Duration::from_secs(60),
            "{wait:?}"
        );
        assert_eq!(limit.take(&from(2)), Ok(2));
        assert_eq!(limit.take(&Who::Owner("anna".into())), Ok(2));
        let response = limit.refuse(wait);
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "60");
    }

    #[test]
    fn callers_are_forgotten_and_never_more_than_a_number() {
        let slow = limit_of(1, 60, 3);
        for number in 0..MOST_CALLERS as u32 + 100 {
            let _admitted = slow.take(&from(number));
        }
        assert!(slow.limiter.len() <= MOST_CALLERS + 1, "{}", slow.limiter.len());
        assert!(slow.take(&from(u32::MAX)).is_err(), "all others are one caller");
        let owner = Who::Owner("anna".into());
        assert_eq!(slow.take(&owner), Ok(2), "an owner is never one of them");
        // Those whose limit is whole again make room.
        let quick = limit_of(1_000_000, 1, 3);
        for number in 0..MOST_CALLERS as u32 {
            let _admitted = quick.take(&from(number));
        }
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(quick.take(&from(u32::MAX)), Ok(2));
        assert_eq!(quick.limiter.len(), 1);
        // Not with every request: that looks at all of them.
        *quick.forgotten.lock().unwrap() = Some(Instant::now() + 100 * FORGET_EVERY);
        for number in 0..MOST_CALLERS as u32 {
            let _admitted = quick.take(&from(number));
        }
        std::thread::sleep(Duration::from_millis(5));
        assert!(quick.is_full());
        *quick.forgotten.lock().unwrap() = Instant::now().checked_sub(FORGET_EVERY);
        assert!(!quick.is_full());
    }

    #[test]
    fn headers_say_what_is_left_and_when_it_is_whole_again() {
        let mut headers = HeaderMap::new();
        limit_of(50, 1, 1000).tell(&mut headers, 900);
        assert_eq!(headers[&POLICY], "\"requests\";q=1000;w=20");
        assert_eq!(headers[&LIMIT], "\"requests\";r=900;t=2");
    }

    #[test]
    fn what_starts_work_is_a_submission() {
        let job = "/job/0190/";
        for (method, path, is) in [
            (Method::POST, "/process", true),
            (Method::PUT, "/uploads", true),
            (Method::POST, "/files", true),
            (Method::POST, "/dead-tiles/replay", true),
            (Method::GET, "/dead-tiles", false),
            (Method::PATCH, "/files/1", false),
            (Method::POST, &format!("{job}retry"), true),
            (Method::POST, &format!("{job}again"), true),
            (Method::POST, &format!("{job}cancel"), false),
            (Method::GET, &format!("{job}result"), false),
            (Method::POST, "/api/process", true),
            (Method::POST, "/api/set_theme", false),
        ] {
            assert_eq!(is_submission(&method, path), is, "{method} {path}");
        }
    }
}
