//! The one gate that every route is behind: who sends a request, whether they may, and what is written down of it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use azulejo_protocol::{ApiError, JobId, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::accept::{vary, wants_page};
use super::error::Failure;
use super::forwarded::Client;
use super::incoming::drain;
use crate::access::audit::Entry;
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
    needs: Arc<Needs>,
}

/// The job that a request has started, among the extensions of its response.
#[derive(Debug, Clone, Copy)]
pub struct Started(pub JobId);

impl Gate {
    /// A gate that asks `needs` what a method at a path needs; `None` where there is no such method.
    pub fn new(
        access: Access,
        needs: impl Fn(&Method, &str) -> Option<Need> + Send + Sync + 'static,
    ) -> Self {
        Self {
            access,
            needs: Arc::new(needs),
        }
    }
}

/// The middleware of one route.
pub async fn check(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let need = (gate.needs)(request.method(), request.uri().path());
    let found = gate.access.caller(request.headers()).await;
    let caller = match (need, found) {
        // What is no method here is answered as such by the route itself.
        (None, _) => None,
        (Some(Need::Nothing), found) => found.ok().flatten(),
        (Some(Need::Role(role)), Ok(Some(caller))) => match admit(&caller, role, &request) {
            Ok(()) => Some(caller),
            Err(error) => return refuse(&gate.access, request, Some(caller), error).await,
        },
        (Some(Need::Role(_)), Ok(None)) => return refuse(&gate.access, request, None, missing()).await,
        (Some(Need::Role(_)), Err(error)) => return refuse(&gate.access, request, None, error).await,
    };
    if let Some(caller) = &caller {
        request.extensions_mut().insert(caller.clone());
    }
    let changes = !request.method().is_safe();
    let seen = changes.then(|| Seen::of(&request));
    let response = next.run(request).await;
    if let Some(seen) = seen {
        seen.write(&gate.access, caller.as_ref(), &response);
    }
    response
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

async fn refuse(access: &Access, request: Request, caller: Option<Caller>, error: ApiError) -> Response {
    let seen = Seen::of(&request);
    let page = request.method() == Method::GET && wants_page(request.headers());
    let here = request
        .uri()
        .path_and_query()
        .map_or("/", |here| here.as_str())
        .to_owned();
    // A client that is still sending hears the answer only when its bytes are taken.
    drain(request.into_body().into_data_stream()).await;
    // Whoever shows nothing is no event: anybody could fill the log.
    let is_event = error.code != "key_missing";
    let response = refusal(error, page, &here);
    if is_event {
        seen.write(access, caller.as_ref(), &response);
    }
    response
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

/// What is written down of a request.
struct Seen {
    method: Method,
    path: String,
    address: Option<String>,
}

impl Seen {
    fn of(request: &Request) -> Self {
        let client = request.extensions().get::<Client>();
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            address: client.map(|client| client.address.to_string()),
        }
    }

    fn write(self, access: &Access, caller: Option<&Caller>, response: &Response) {
        if !access.is_on() {
            return;
        }
        // Who signs in is known afterwards.
        let caller = caller.or_else(|| response.extensions().get::<Caller>());
        access.audit().write(&Entry {
            time: Timestamp::now_utc(),
            caller: caller.map(|caller| &*caller.name),
            role: caller.map(|caller| caller.role.name()),
            address: self.address,
            method: self.method.as_str(),
            path: &self.path,
            status: response.status().as_u16(),
            job: response
                .extensions()
                .get::<Started>()
                .map(|started| started.0.to_string()),
        });
    }
}
