//! How large the target and the headers of a request may be.
//!
//! The parser has bounds of its own, twice as wide, behind which it answers 431 without a body and closes the connection. What is
//! between the two is refused here, in words.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use azulejo_protocol::ApiError;

use crate::http::error::Failure;

/// What a header counts beside its name and value: a colon, a space and the end of the line.
const LINE: usize = 4;

/// The bounds.
#[derive(Debug, Clone, Copy)]
pub struct HeaderLimits {
    /// Bytes of the target and all headers.
    pub bytes: usize,
    /// Number of headers.
    pub count: usize,
}

/// The middleware that keeps them.
pub async fn bound(State(limits): State<HeaderLimits>, request: Request, next: Next) -> Response {
    match check(limits, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => Failure(error).into_response(),
    }
}

fn check(limits: HeaderLimits, request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    let mut bytes = request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    for (name, value) in headers {
        bytes += name.as_str().len() + value.len() + LINE;
    }
    let (what, found, most, setting) = if headers.len() > limits.count {
        (
            "headers",
            headers.len(),
            limits.count,
            "--max-headers, AZULEJO_MAX_HEADERS",
        )
    } else if bytes > limits.bytes {
        (
            "bytes of target and headers",
            bytes,
            limits.bytes,
            "--max-header-bytes, AZULEJO_MAX_HEADER_BYTES",
        )
    } else {
        return Ok(());
    };
    let detail = format!(
        "the request has {found} {what}, and {most} are taken ({setting}): send fewer, such as cookies"
    );
    Err(ApiError::new(431, "headers_too_large", detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[test]
    fn bytes_and_number_are_bounded_to_the_last_one() {
        let limits = HeaderLimits { bytes: 40, count: 2 };
        let check = |target: &str, headers: &[(&str, &str)]| {
            let mut request = Request::builder().uri(target);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            check(limits, &request.body(Body::empty()).unwrap())
        };
        // 10 of the target, 30 of the header.
        let fits = ("x-a", "0123456789012345678912 ".trim_end());
        assert!(check("/012345678", &[("x-a", &format!("{}9", fits.1))]).is_ok());
        let error = check("/0123456789", &[("x-a", &format!("{}9", fits.1))]).unwrap_err();
        assert_eq!((error.status, error.code.as_str()), (431, "headers_too_large"));
        assert!(error.detail.contains("41 bytes") && error.detail.contains("AZULEJO_MAX_HEADER_BYTES"));
        assert!(check("/", &[("a", ""), ("b", "")]).is_ok());
        let error = check("/", &[("a", ""), ("b", ""), ("a", "")]).unwrap_err();
        assert!(error.detail.contains("3 headers") && error.detail.contains("AZULEJO_MAX_HEADERS"));
    }
}
