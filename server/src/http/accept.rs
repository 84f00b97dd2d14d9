//! Page or JSON: one address, two representations.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

/// Whether the client asks for a page: its `Accept` names `text/html` and does not rule it out. Scripts, which send
/// `*/*` or `application/json` or nothing, get JSON.
pub fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value.split(',').any(|range| {
                let mut parts = range.split(';').map(str::trim);
                let is_html = parts
                    .next()
                    .is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"));
                let refused = parts.any(|part| {
                    part.strip_prefix("q=")
                        .or(part.strip_prefix("Q="))
                        .is_some_and(|weight| weight.parse() == Ok(0.0))
                });
                is_html && !refused
            })
        })
}

/// Says that the answer depends on `Accept`, for caches.
pub fn vary(mut response: Response) -> Response {
    response
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("Accept"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        wants_page(&headers)
    }

    #[test]
    fn browsers_get_pages_and_scripts_get_json() {
        assert!(asks(
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        ));
        assert!(asks("application/json;q=0.5, Text/HTML"));
        assert!(!asks("*/*"));
        assert!(!asks("application/json"));
        assert!(!asks("text/html;q=0, application/json"));
        assert!(!asks("text/htmlish"));
        assert!(!wants_page(&HeaderMap::new()));
    }
}
