//! Errors on their way to a client: `{"detail", "code"}` with the right status, or a small page where a person waits.

use axum::Json;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use azulejo_protocol::ApiError;
use serde::Serialize;

use super::base;

/// An [`ApiError`] that axum can answer with.
#[derive(Debug)]
pub struct Failure(pub ApiError);

/// What handlers return.
pub type Answer<T> = Result<T, Failure>;

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

#[derive(Serialize)]
struct Body<'a> {
    detail: &'a str,
    code: &'a str,
}

impl Failure {
    /// The status; an error without a sensible one is ours.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status)
            .ok()
            .filter(|status| status.is_client_error() || status.is_server_error())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The error as a page, for a form that was sent without JavaScript.
    pub fn into_page(self) -> Response {
        let status = self.status();
        let reason = status.canonical_reason().unwrap_or("Error");
        let base = base::current();
        let page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{reason} · Azulejo</title><link rel=\"stylesheet\" href=\"{style}\">\
             <link rel=\"icon\" href=\"{icon}\" type=\"image/svg+xml\"></head>\
             <body><main class=\"empty-page\"><h1>{reason}</h1><p>{detail}.</p>\
             <p><a href=\"{studio}\">Back to the studio</a></p></main></body></html>\n",
            detail = escape(&capitalise(&self.0.detail)),
            style = base.at("/pkg/azulejo.css"),
            icon = base.at("/favicon.svg"),
            studio = base.at("/"),
        );
        (status, Html(page)).into_response()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.status();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(code = self.0.code, detail = self.0.detail, "a request failed");
        }
        let body = Body {
            detail: &self.0.detail,
            code: &self.0.code,
        };
        let mut response = (status, Json(body)).into_response();
        // Said only where it is known.
        if let Some(seconds) = self.0.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The middleware that gives errors of axum's own, which are plain text, the shape of all others. Server functions have
/// a format of their own.
pub async fn as_json(request: Request, next: Next) -> Response {
    let is_call = request.uri().path().starts_with("/api/");
    let response = next.run(request).await;
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_plain = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if is_call || !is_plain || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let text = to_bytes(response.into_body(), 4096).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    let reason = status.canonical_reason().unwrap_or("error").to_lowercase();
    let detail = if text.is_empty() { reason.clone() } else { text };
    Failure(ApiError::new(status.as_u16(), &reason.replace(' ', "_"), detail)).into_response()
}

/// `text` for the inside of an HTML element.
pub fn escape(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, c| {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                other => out.push(other),
            }
            out
        })
}

/// `text` as a sentence of its own begins.
pub fn capitalise(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_not_in_the_body_and_nonsense_becomes_500() {
        assert_eq!(
            Failure(ApiError::new(507, "disk_full", "x"))
                .into_response()
                .status(),
            507
        );
        assert_eq!(Failure(ApiError::new(0, "x", "x")).into_response().status(), 500);
        assert_eq!(
            Failure(ApiError::new(200, "x", "x")).into_response().status(),
            500
        );
    }

    #[test]
    fn the_time_to_wait_is_told_where_it_is_known() {
        let error = || ApiError::new(429, "too_many_uploads", "x");
        let told = |error: ApiError| {
            let response = Failure(error).into_response();
            let value = response.headers().get(header::RETRY_AFTER);
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(told(error()), None);
        for (milliseconds, seconds) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (90_000, "90")] {
            let wait = std::time::Duration::from_millis(milliseconds);
            assert_eq!(told(error().after(wait)).as_deref(), Some(seconds));
        }
    }

    #[tokio::test]
    async fn a_page_shows_the_error_as_text() {
        let page = Failure(ApiError::unprocessable("x", "the recipe '<b>' is unknown")).into_page();
        assert_eq!(page.status(), 422);
        let body = axum::body::to_bytes(page.into_body(), 10_000).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            text.contains("The recipe &#39;&lt;b&gt;&#39; is unknown."),
            "{text}"
        );
    }
}
