//! `GET /docs` and `GET /redoc`: the description for people. Swagger UI tries requests, also with a key; Redoc is for reading.

use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::Response;

use super::{constant, tag_of};

const DOCS: &str = include_str!("../../../assets/description/docs.html");
const REDOC: &str = include_str!("../../../assets/description/redoc.html");

/// Scripts, styles and requests are this server's. Pictures within the style sheet come as `data:`.
const POLICY_OF_DOCS: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The same, and the two style elements that Redoc makes: an empty one, whose rules a script adds, and that of its progress bar.
const POLICY_OF_REDOC: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; \
     style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' \
     'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// `GET /docs`.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "docs",
    tag = "description",
    summary = "This description as a page that sends requests",
    description = "Swagger UI. A key is entered under \"Authorize\" and forgotten with the page.",
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 304, description = "The client has it already."),
    ),
    extensions(("x-codes" = json!(["precondition_failed"]))),
)]
pub async fn swagger(method: Method, headers: HeaderMap) -> Response {
    page(&method, &headers, DOCS, POLICY_OF_DOCS)
}

/// `GET /redoc`.
#[utoipa::path(
    get,
    path = "/redoc",
    operation_id = "redoc",
    tag = "description",
    summary = "This description as a page to read",
    description = "Redoc.",
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 304, description = "The client has it already."),
    ),
    extensions(("x-codes" = json!(["precondition_failed"]))),
)]
pub async fn redoc(method: Method, headers: HeaderMap) -> Response {
    page(&method, &headers, REDOC, POLICY_OF_REDOC)
}

fn page(method: &Method, headers: &HeaderMap, html: &'static str, policy: HeaderValue) -> Response {
    let tag = tag_of(html.as_bytes());
    let mut response = constant(method, headers, &tag, "text/html; charset=utf-8", || html.into());
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
