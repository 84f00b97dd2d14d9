//! The Leptos pages and their server functions.
//!
//! Pages are rendered whole before the first byte goes out (no out-of-order streaming), so that every page can be read
//! without JavaScript and hydration finds what it expects.

use std::sync::{Arc, LazyLock};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use azulejo_app::backend::BackendRef;
use azulejo_app::signed_in::SignedIn;
use azulejo_app::{App, shell};
use azulejo_protocol::ApiError;
use leptos::context::{provide_context, use_context};
use leptos::nonce::use_nonce;
use leptos::server_fn;
use leptos_axum::ResponseOptions;

use super::accept::{vary, wants_page};
use super::base;
use super::error::Failure;
use super::headers::policy_of_pages;
use super::state::AppState;
use crate::access::Caller;

/// Largest body of a call to a server function.
const MAX_CALL_BYTES: usize = 256 * 1024;

/// Addresses of the application's pages. Listed once in a process, before any of its servers answers: while Leptos lists them, no
/// resource loads in the whole process, and a page that another server renders in that moment would wait for ever.
static PAGES: LazyLock<Vec<String>> = LazyLock::new(|| {
    leptos_axum::generate_route_list(App)
        .iter()
        .map(|route| route.path().to_owned())
        .collect()
});

/// Where the application's pages are.
pub fn paths() -> &'static [String] {
    &PAGES
}

/// Whether two paths differ only in the names of their parameters.
pub fn same_shape(a: &str, b: &str) -> bool {
    let is_parameter = |part: &str| part.starts_with('{');
    let (mut a, mut b) = (a.split('/'), b.split('/'));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(x), Some(y)) if x == y || (is_parameter(x) && is_parameter(y)) => {}
            _ => return false,
        }
    }
}

/// The page at an address that is both, for a browser; for everyone else what the handler answers.
pub async fn page_or_json(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    vary(if is_read && wants_page(request.headers()) {
        render(State(app), request).await
    } else {
        next.run(request).await
    })
}

/// The page at the request's address.
pub async fn render(State(app): State<AppState>, mut request: Request) -> Response {
    let options = app.leptos.clone();
    let caller = Caller::of(request.extensions());
    let backend: BackendRef = Arc::new(app.backend_of(request.extensions()));
    let signed_in = SignedIn(caller.name.to_string());
    let base = base::current();
    // The router of the pages knows the whole path.
    let whole = base::with_path(request.uri(), &base.at(request.uri().path()));
    *request.uri_mut() = whole;
    let context = move || {
        provide_context(base.clone());
        provide_context(backend.clone());
        provide_context(signed_in.clone());
        let policy = use_nonce().and_then(|nonce| policy_of_pages(&nonce));
        if let (Some(policy), Some(response)) = (policy, use_context::<ResponseOptions>()) {
            response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
        }
    };
    let page = leptos_axum::render_app_async_with_context(context, move || shell(options.clone()));
    page(request).await
}

/// The page that says that there is nothing at this address.
pub async fn render_not_found(app: AppState, request: Request) -> Response {
    let mut response = render(State(app), request).await;
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

/// A call to a server function.
pub async fn call(State(app): State<AppState>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    // HEAD is answered by the function for GET.
    let known = server_fn::axum::server_fn_paths().any(|(known, by)| known == path && by == method);
    if !known {
        let detail = format!(
            "there is no server function at {path} for {method}: reload the page, it may be out of date"
        );
        return Failure(ApiError::not_found("function_not_found", detail)).into_response();
    }
    let (mut parts, body) = request.into_parts();
    if parts.method == Method::GET {
        // To who asks for a page a function answers by leading back to where the request came from, which is for forms alone.
        parts.headers.remove(header::ACCEPT);
    }
    let Ok(body) = to_bytes(body, MAX_CALL_BYTES).await else {
        let detail =
            format!("the call has more than {MAX_CALL_BYTES} bytes, or broke off; send files to /uploads");
        return Failure(ApiError::new(413, "call_too_large", detail)).into_response();
    };
    let backend: BackendRef = Arc::new(app.backend_of(&parts.extensions));
    let base = base::current();
    let context = move || {
        provide_context(backend.clone());
        provide_context(base.clone());
    };
    let request = Request::from_parts(parts, Body::from(body));
    let response = leptos_axum::handle_server_fns_with_context(context, request)
        .await
        .into_response();
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        with_own_status(response).await
    } else {
        response
    }
}

/// Server functions answer an error with 500 unless they were told otherwise, as when arguments cannot be read; the
/// error itself says what it is.
async fn with_own_status(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_CALL_BYTES).await.unwrap_or_default();
    let status = serde_json::from_slice::<ApiError>(&body)
        .ok()
        .and_then(|error| StatusCode::from_u16(error.status).ok())
        .filter(|status| status.is_client_error() || status.is_server_error());
    parts.status = status.unwrap_or(parts.status);
    Response::from_parts(parts, Body::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_ignore_the_names_of_parameters() {
        assert!(same_shape("/job/{id}", "/job/{job}"));
        assert!(same_shape("/", "/"));
        assert!(!same_shape("/job/{id}", "/jobs"));
        assert!(!same_shape("/job/{id}", "/job/{id}/tile"));
        assert!(!same_shape("/job/{id}", "/job/new"));
    }
}
