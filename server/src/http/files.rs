//! The files of the built site, and the answer for addresses where there is nothing.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use azulejo_protocol::ApiError;
use tower::ServiceExt;
use tower_http::services::ServeDir;

use super::accept::{vary, wants_page};
use super::access::{reach, refusal};
use super::error::Failure;
use super::headers::POLICY_OF_FILES;
use super::pages::render_not_found;
use super::state::AppState;
use crate::access::missing;

/// Where no route leads: a file of the site, or 404 as a page or as JSON.
pub async fn file_or_not_found(State(app): State<AppState>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        let wanted = copy_of(&request);
        if let Some(file) = file(&app, &path, wanted).await {
            return file;
        }
        if wants_page(request.headers()) && !is_asset(&path) {
            // The page has the state of the installation in its head.
            let caller = match app.access.caller(request.headers(), &reach(&request)).await {
                Ok(Some(caller)) => caller,
                Ok(None) => return refusal(missing(), true, &path),
                Err(error) => return refusal(error, true, &path),
            };
            let mut request = request;
            request.extensions_mut().insert(caller);
            return vary(render_not_found(app, request).await);
        }
    }
    let shown: String = path.chars().take(200).collect();
    let detail = if is_asset(&path) && !app.site_root.join("pkg").is_dir() {
        format!(
            "there is no {shown}: the built site is missing from {} (--site-root, AZULEJO_SITE); build it with \
             `cargo xtask build`",
            app.site_root.display()
        )
    } else {
        format!("there is nothing at {shown}")
    };
    vary(Failure(ApiError::not_found("not_found", detail)).into_response())
}

/// `405` for an address that exists.
pub async fn method_not_allowed(request: Request) -> Response {
    let detail = format!("{} does not take {}", request.uri().path(), request.method());
    Failure(ApiError::new(405, "method_not_allowed", detail)).into_response()
}

/// What the pages load; a browser that asks for one of these does not want a page.
fn is_asset(path: &str) -> bool {
    path.starts_with("/pkg/") || path.starts_with("/fonts/")
}

/// The parts of `request` that a file's answer depends on: the request itself may still be needed for a page. Ranges are not among
/// them: these files have no tags, so a range could be one of an earlier build.
fn copy_of(request: &Request) -> Request {
    let mut copy = Request::new(Body::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    for name in [header::ACCEPT_ENCODING, header::IF_MODIFIED_SINCE] {
        if let Some(value) = request.headers().get(&name) {
            copy.headers_mut().insert(name, value.clone());
        }
    }
    copy
}

async fn file(app: &AppState, path: &str, request: Request) -> Option<Response> {
    let files = ServeDir::new(&app.site_root)
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip();
    let Ok(served) = files.oneshot(request).await;
    let found = matches!(
        served.status(),
        StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
    );
    if !found {
        return None;
    }
    let mut response = served.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY_OF_FILES);
    headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    headers.remove(header::ACCEPT_RANGES);
    // File names do not change with their content, so a browser asks each time and mostly hears that nothing changed.
    // Fonts do not change.
    let cache = if path.starts_with("/fonts/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    Some(response)
}
