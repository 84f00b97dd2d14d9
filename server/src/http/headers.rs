//! Headers that every answer carries: what a browser may do with it, and how long it may be kept.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// For answers that are no pages: nothing may be loaded or run on their behalf.
const POLICY_OF_DATA: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// For pages that the server writes without Leptos: their style sheet and icon, nothing else.
const POLICY_OF_PLAIN_PAGES: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'",
);

/// For static files: a Web Worker runs under the policy that its own script came with.
pub const POLICY_OF_FILES: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; frame-ancestors 'none'",
);

/// The policy of a Leptos page whose inline scripts carry `nonce`: everything comes from this server, and inline styles
/// are not used.
pub fn policy_of_pages(nonce: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ))
    .ok()
}

/// The middleware that adds what is missing.
pub async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let policy = if is_html(headers) {
        POLICY_OF_PLAIN_PAGES
    } else {
        POLICY_OF_DATA
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (COOP, HeaderValue::from_static("same-origin")),
        (CORP, HeaderValue::from_static("same-origin")),
        // What is not said to be kept changes all the time.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ] {
        headers.entry(name).or_insert(value);
    }
    response
}

fn is_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}
