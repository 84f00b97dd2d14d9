//! The method that a request means: clients of resumable uploads that can send no other than POST name another.

use axum::extract::Request;
use axum::http::{HeaderName, Method};

/// The header that names it.
const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
/// Where it is looked at.
const UPLOADS: &str = "/files";

/// The method that is meant. Only POST is taken for another, since that is what is looked at for where a request comes from, and
/// only of uploads.
pub fn meant(request: &Request) -> Method {
    let path = request.uri().path();
    let is_upload = path == UPLOADS
        || path
            .strip_prefix(UPLOADS)
            .is_some_and(|rest| rest.starts_with('/'));
    if *request.method() != Method::POST || !is_upload {
        return request.method().clone();
    }
    let named = request.headers().get(METHOD_OVERRIDE);
    let named = named.and_then(|named| Method::from_bytes(named.as_bytes()).ok());
    named.unwrap_or(Method::POST)
}
