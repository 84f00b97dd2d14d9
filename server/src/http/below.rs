//! The path below which the server lies, as clients see it: what a proxy takes away and says in `X-Forwarded-Prefix`, and then the
//! server's own `--base-path`. Routes are without it, and handlers write `Location` without it; both happens here.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use azulejo_app::base::BasePath;
use azulejo_protocol::ApiError;

use super::base::{PROBES, with_path, within};
use super::error::Failure;
use super::forwarded::Trusted;
use super::serve::Peer;

const PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// Where the server lies, and who may say more. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bases {
    own: BasePath,
    trusted: Trusted,
}

impl Bases {
    /// A server whose requests come below `own`, behind proxies whose word counts when they are among `trusted`.
    pub fn new(own: BasePath, trusted: Trusted) -> Self {
        Self { own, trusted }
    }

    /// As the client of a request sees it.
    fn of(&self, request: &Request) -> Result<BasePath, ApiError> {
        let peer = request.extensions().get::<Peer>();
        let is_trusted = peer.is_some_and(|peer| self.trusted.has(peer.ip()));
        let before = if is_trusted {
            told(request.headers())?
        } else {
            BasePath::default()
        };
        Ok(before.then(&self.own))
    }
}

/// What the proxy has taken away from the front of the path.
fn told(headers: &HeaderMap) -> Result<BasePath, ApiError> {
    let mut lines = headers.get_all(PREFIX).iter();
    let Some(line) = lines.next() else {
        return Ok(BasePath::default());
    };
    let read = line.to_str().ok().and_then(|text| text.trim().parse().ok());
    read.filter(|_| lines.next().is_none()).ok_or_else(|| {
        let detail = "the proxy says in X-Forwarded-Prefix something that is not one path such as /tiles";
        ApiError::new(400, "bad_header", detail)
    })
}

/// The middleware around all routes.
pub async fn enter(State(bases): State<Bases>, mut request: Request, next: Next) -> Response {
    let base = match bases.of(&request) {
        Ok(base) => base,
        Err(error) => return Failure(error).into_response(),
    };
    let path = request.uri().path();
    let inside = match bases.own.strip(path) {
        Some("") if !bases.own.is_root() => {
            let query = request
                .uri()
                .query()
                .map_or_else(String::new, |query| format!("?{query}"));
            return Redirect::permanent(&base.at(&format!("/{query}"))).into_response();
        }
        Some(inside) => inside,
        // Whoever looks after the process asks it without a proxy.
        None if PROBES.contains(&path) => path,
        None => return Failure(elsewhere(&bases.own)).into_response(),
    };
    if inside.len() != path.len() {
        let cut = with_path(request.uri(), inside);
        *request.uri_mut() = cut;
    }
    let mut response = within(base.clone(), next.run(request)).await;
    lead(&base, response.headers_mut());
    response
}

fn elsewhere(own: &BasePath) -> ApiError {
    let detail =
        format!("there is nothing here: this server lies below {own}/ (--base-path, AZULEJO_BASE_PATH)");
    ApiError::not_found("not_found", detail)
}

/// Where a handler leads, below the base path.
fn lead(base: &BasePath, headers: &mut HeaderMap) {
    let place = headers
        .get(header::LOCATION)
        .and_then(|place| place.to_str().ok());
    let Some(place) = place.filter(|place| place.starts_with('/') && !place.starts_with("//")) else {
        return;
    };
    if let Ok(place) = HeaderValue::from_str(&base.at(place)) {
        headers.insert(header::LOCATION, place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_plain_path_is_taken_for_a_prefix() {
        let told = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(PREFIX, line.parse().unwrap());
            }
            told(&headers).map(|base| base.to_string())
        };
        assert_eq!(told(&[]).unwrap(), "");
        assert_eq!(told(&["/tiles"]).unwrap(), "/tiles");
        assert_eq!(told(&["/"]).unwrap(), "");
        for bad in [
            &["/a", "/b"][..],
            &["/a, /b"],
            &["tiles"],
            &["//evil.example"],
            &["/\"onload="],
        ] {
            assert_eq!(told(bad).unwrap_err().code, "bad_header", "{bad:?}");
        }
    }

    #[test]
    fn only_paths_are_led_below_the_base() {
        let base: BasePath = "/tiles".parse().unwrap();
        for (place, led) in [
            ("/jobs", "/tiles/jobs"),
            ("//evil.example/", "//evil.example/"),
            ("https://example.org/jobs", "https://example.org/jobs"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, place.parse().unwrap());
            lead(&base, &mut headers);
            assert_eq!(headers[header::LOCATION], led);
        }
    }
}
