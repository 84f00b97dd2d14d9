//! The one gate that every route is behind: who sends a request, whether they may, and what is written down of it.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use azulejo_protocol::{ApiError, JOB_HEADER, JobId, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::accept::{vary, wants_page};
use super::address::Scheme;
use super::base;
use super::error::Failure;
use super::forwarded::Client;
use super::incoming::Incoming;
use super::limits::rate::Rates;
use super::meant::meant;
use crate::access::audit::{Audit, Entry};
use crate::access::session::Reach;
use crate::access::{Access, Caller, Role, missing};

/// What a route asks of who calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it says nothing of jobs, workers or the installation.
    Nothing,
    /// This role, or one that may do more.
    Role(Role),
}

/// What a method at a path needs; `None` where there is no such method.
type Needs = dyn Fn(&Method, &str) -> Option<Need> + Send + Sync;

/// The gate before one route: what each method needs.
#[derive(Clone)]
pub struct Gate {
    access: Access,
    rates: Rates,
    needs: Arc<Needs>,
}

/// Jobs that a request has started or changed, as far as it has come: among its extensions, for the audit log.
#[derive(Debug, Clone, Default)]
pub struct Touched(Arc<Mutex<Vec<JobId>>>);

impl Touched {
    /// Most jobs that are written down of one request.
    const MOST: usize = 100;

    /// Notes a job.
    pub fn note(&self, job: JobId) {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.len() < Self::MOST && !jobs.contains(&job) {
            jobs.push(job);
        }
    }

    fn jobs(&self) -> Vec<String> {
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.iter().map(JobId::to_string).collect()
    }
}

impl Gate {
    /// A gate that asks `needs` what a method at a path needs; `None` where there is no such method. Those that it turns away
    /// count by `rates`.
    pub fn new(
        access: Access,
        rates: Rates,
        needs: impl Fn(&Method, &str) -> Option<Need> + Send + Sync + 'static,
    ) -> Self {
        Self {
            access,
            rates,
            needs: Arc::new(needs),
        }
    }
}

/// The middleware of one route.
pub async fn check(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let need = (gate.needs)(request.method(), request.uri().path());
    let found = gate.access.caller(request.headers(), &reach(&request)).await;
    let caller = match (need, found) {
        // What is no method here is answered as such by the route itself.
        (None, _) => None,
        (Some(Need::Nothing), found) => found.ok().flatten(),
        (Some(Need::Role(role)), Ok(Some(caller))) => match admit(&caller, role, &request) {
            Ok(()) => Some(caller),
            Err(error) => return refuse(&gate, request, Some(caller), error).await,
        },
        (Some(Need::Role(_)), Ok(None)) => return refuse(&gate, request, None, missing()).await,
        (Some(Need::Role(_)), Err(error)) => return refuse(&gate, request, None, error).await,
    };
    let seen = (!meant(&request).is_safe()).then(|| Seen::of(&gate.access, &request, caller.clone()));
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    if let Some(seen) = &seen {
        request.extensions_mut().insert(seen.touched.clone());
    }
    let response = next.run(request).await;
    if let Some(mut seen) = seen {
        seen.answered(&response);
        seen.write_down().await;
    }
    response
}

/// How the client of a request reaches the server.
pub fn reach(request: &Request) -> Reach {
    let client = request.extensions().get::<Client>();
    Reach {
        is_https: client.is_some_and(|client| client.scheme == Scheme::Https),
        base: base::current(),
    }
}

fn admit(caller: &Caller, role: Role, request: &Request) -> Result<(), ApiError> {
    if caller.role < role {
        let detail = format!(
            "'{}' has the role {}, and this needs the role {role}: ask for another key",
            caller.name, caller.role
        );
        return Err(ApiError::new(403, "not_allowed", detail));
    }
    if caller.has_session() && !request.method().is_safe() && !says_where_from(request.headers()) {
        // Every browser says it with a request that changes something. `guard` looks at what it says.
        let detail = "a request with the cookie of a sign-in must say where it comes from (Origin): programs send a key instead";
        return Err(ApiError::new(403, "cross_site", detail));
    }
    Ok(())
}

fn says_where_from(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site")
}

async fn refuse(gate: &Gate, request: Request, caller: Option<Caller>, error: ApiError) -> Response {
    if let Some(too_many) = gate.rates.refuse(&request) {
        return too_many;
    }
    // Whoever shows nothing is no event.
    if error.code != "key_missing" {
        let mut seen = Seen::of(&gate.access, &request, caller);
        seen.status = Some(error.status);
        seen.write_down().await;
    }
    let page = request.method() == Method::GET && wants_page(request.headers());
    let here = request.uri().path_and_query().map_or("/", |here| here.as_str());
    let here = here.to_owned();
    // A client that is still sending hears the answer only when its bytes are taken. One that waits to be invited is not.
    let (parts, body) = request.into_parts();
    Incoming::new(&parts.headers, body).drain().await;
    refusal(error, page, &here)
}

/// The answer to who may not: the sign-in page for a browser that shows nothing, an error for everyone else.
pub fn refusal(error: ApiError, page: bool, here: &str) -> Response {
    if page && error.status == 401 {
        let next = utf8_percent_encode(here, NON_ALPHANUMERIC);
        return vary(Redirect::to(&format!("/sign-in?next={next}")).into_response());
    }
    let status = error.status;
    let mut response = if page {
        Failure(error).into_page()
    } else {
        Failure(error).into_response()
    };
    if status == StatusCode::UNAUTHORIZED {
        let wanted = HeaderValue::from_static("Bearer realm=\"azulejo\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, wanted);
    }
    vary(response)
}

/// What is written down of a request, when it is answered or its client goes away before that: what was begun is finished.
struct Seen {
    access: Access,
    caller: Option<Caller>,
    touched: Touched,
    method: Method,
    path: String,
    address: Option<String>,
    status: Option<u16>,
    is_written: bool,
}

impl Seen {
    fn of(access: &Access, request: &Request, caller: Option<Caller>) -> Self {
        let client = request.extensions().get::<Client>();
        Self {
            access: access.clone(),
            caller,
            touched: Touched::default(),
            method: meant(request),
            path: request.uri().path().to_owned(),
            address: client.map(|client| client.address.to_string()),
            status: None,
            is_written: false,
        }
    }

    fn answered(&mut self, response: &Response) {
        self.status = Some(response.status().as_u16());
        // Who signs in is known afterwards.
        if self.caller.is_none() {
            self.caller = response.extensions().get::<Caller>().cloned();
        }
        // The job of an upload that came in pieces.
        let job = response
            .headers()
            .get(JOB_HEADER)
            .and_then(|job| job.to_str().ok());
        if let Some(job) = job.and_then(|job| job.parse().ok()) {
            self.touched.note(job);
        }
    }

    /// Writes it down before it is answered. When the client goes away meanwhile it is written down all the same.
    async fn write_down(mut self) {
        let Some(audit) = self.audit().cloned() else {
            return;
        };
        let place = audit.place().await;
        self.is_written = true;
        place.write(&self.entry()).await;
    }

    /// Where it is written down, if it is.
    fn audit(&self) -> Option<&Audit> {
        // Anybody can be nobody: of them only what was refused is written down.
        let is_refused = matches!(self.status, Some(401 | 403));
        let audit = self.access.audit()?;
        (!self.is_written && (self.caller.is_some() || is_refused)).then_some(audit)
    }

    fn entry(&self) -> Entry<'_> {
        Entry {
            time: Timestamp::now_utc(),
            caller: self.caller.as_ref().map(|caller| &*caller.name),
            role: self.caller.as_ref().map(|caller| caller.role.name()),
            address: self.address.clone(),
            method: self.method.as_str(),
            path: &self.path,
            status: self.status,
            jobs: self.touched.jobs(),
        }
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        if let Some(audit) = self.audit() {
            audit.write_later(&self.entry());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use azulejo_access::{KeyFile, NewKey};
    use tower::ServiceExt as _;

    use super::*;
    use crate::access::{AccessSettings, Visibility};
    use crate::config::rates::RateSettings;

    #[tokio::test]
    async fn what_was_begun_is_written_down_when_its_client_goes_away() {
        let folder = tempfile::tempdir().unwrap();
        let settings = AccessSettings {
            is_on: true,
            visibility: Visibility::Own,
            session: Duration::from_secs(1),
            tokens: None,
        };
        let access = Access::open(folder.path(), &settings).unwrap();
        let new = NewKey {
            name: "lab".into(),
            owner: None,
            role: Role::Submit,
            expires_at: None,
        };
        let (key, _) = KeyFile::add(folder.path(), new, Timestamp::now_utc()).unwrap();
        let rates = Rates::new(RateSettings::default());
        let gate = Gate::new(access.clone(), rates, |_, _| Some(Need::Role(Role::Submit)));
        let slow = post(std::future::pending::<StatusCode>);
        let router: Router = Router::new().route("/process", slow.layer(from_fn_with_state(gate, check)));
        let request = axum::http::Request::post("/process")
            .header("authorization", format!("Bearer {key}"))
            .body(Body::empty())
            .unwrap();
        let answer = tokio::time::timeout(Duration::from_millis(100), router.oneshot(request)).await;
        assert!(answer.is_err(), "it is dropped before it is answered");
        access.flush().await;
        let text = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
        let entry: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(entry["caller"], "lab");
        assert_eq!(entry["status"], serde_json::Value::Null);
    }
}
