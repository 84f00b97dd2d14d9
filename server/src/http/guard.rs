//! Who may speak to the server through a browser: nobody's web page but ours.
//!
//! Every page that a user opens anywhere can have the user's browser send requests to us. Two checks see to it that this is of no
//! use:
//! - **Host**: a request must be addressed to `localhost`, an IP address, or a name that was configured. An attacker's name that
//!   resolves to our address (DNS rebinding) is refused. An address is nobody's to give away, so addresses are safe.
//! - **Origin**: a request that changes something, or opens a WebSocket, must not come from another site's page. Browsers say where
//!   it comes from in `Sec-Fetch-Site`, and over plain http in `Origin` alone; programs send neither. Our own pages are those at the
//!   address that the client used (scheme, host and port) and those at a configured name: behind a proxy, `Host` may be neither.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use azulejo_protocol::ApiError;

use super::address::{HostPort, PublicName, Scheme};
use super::error::Failure;
use super::forwarded::Client;

/// The names that the server answers to.
#[derive(Debug, Clone)]
pub struct Hosts(Arc<[PublicName]>);

impl Hosts {
    /// `localhost`, IP addresses and `names`.
    pub fn new(names: &[PublicName]) -> Self {
        Self(names.into())
    }

    fn allows(&self, asked: &HostPort) -> bool {
        asked.host == "localhost" || asked.is_ip() || self.0.iter().any(|name| name.answers(asked))
    }

    /// Whether a page from `origin` is ours, for a request of `client`.
    fn serves(&self, origin: &HeaderValue, client: Option<&Client>) -> bool {
        let read = || {
            let (scheme, place) = origin.to_str().ok()?.split_once("://")?;
            Some((Scheme::read(scheme)?, HostPort::read(place)?))
        };
        let Some((scheme, place)) = read() else {
            return false;
        };
        let used = client.is_some_and(|client| {
            let host = client.host.as_ref();
            client.scheme == scheme && host.is_some_and(|host| host.is_same(&place, scheme))
        });
        // Whoever is between a client and a page without encryption can put anything into it.
        let is_downgraded =
            scheme == Scheme::Http && client.is_some_and(|client| client.scheme == Scheme::Https);
        used || !is_downgraded && self.0.iter().any(|name| name.serves(&place, scheme))
    }
}

/// The middleware of both checks.
pub async fn check(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let client = request.extensions().get::<Client>();
    match check_host(&hosts, &request, client).and_then(|()| check_origin(&hosts, &request, client)) {
        Ok(()) => next.run(request).await,
        Err(error) => Failure(error).into_response(),
    }
}

fn check_host(hosts: &Hosts, request: &Request, client: Option<&Client>) -> Result<(), ApiError> {
    let mut asked = Vec::new();
    for value in request.headers().get_all(header::HOST) {
        asked.push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    asked.extend(request.uri().authority().map(ToString::to_string));
    let is_allowed = |text: &str| HostPort::read(text).is_some_and(|asked| hosts.allows(&asked));
    if let Some(refused) = asked.iter().find(|text| !is_allowed(text)) {
        return Err(unknown(refused));
    }
    // What a proxy says that the client asked for.
    match client.and_then(|client| client.host.as_ref()) {
        Some(told) if !hosts.allows(told) => Err(unknown(&told.host)),
        _ => Ok(()),
    }
}

fn unknown(host: &str) -> ApiError {
    let shown: String = host.chars().filter(|c| !c.is_control()).take(100).collect();
    let detail = format!(
        "this server does not answer to the host name '{shown}': use localhost or its IP address, or start it \
         with --public-host (AZULEJO_PUBLIC_HOST)"
    );
    ApiError::new(421, "unknown_host", detail)
}

fn check_origin(hosts: &Hosts, request: &Request, client: Option<&Client>) -> Result<(), ApiError> {
    let is_socket = request.headers().contains_key(header::UPGRADE);
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if (changes || is_socket) && is_cross_site(hosts, request.headers(), client) {
        let detail = "the request comes from another site's page, which may not do this; use Azulejo's own pages, or a \
                      program that sends neither Origin nor Sec-Fetch-Site; behind a proxy, name the pages' address \
                      with --public-host (AZULEJO_PUBLIC_HOST)";
        return Err(ApiError::new(403, "cross_site", detail));
    }
    Ok(())
}

fn is_cross_site(hosts: &Hosts, headers: &HeaderMap, client: Option<&Client>) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        // `none` is the user's own doing: an address typed, a bookmark. `same-site` is another port or a sibling name.
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    origins.any(|origin| !hosts.serves(origin, client))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::forwarded::Trusted;
    use crate::http::serve::Peer;
    use axum::body::Body;

    fn hosts(names: &[&str]) -> Hosts {
        let names: Vec<PublicName> = names.iter().map(|name| name.parse().unwrap()).collect();
        Hosts::new(&names)
    }

    fn request(method: &str, headers: &[(&str, &str)]) -> Request {
        let mut builder = Request::builder().method(method).uri("/process");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(Body::empty()).unwrap()
    }

    /// The client of `request`, which comes from 10.0.0.1, a trusted proxy.
    fn client(request: &Request) -> Client {
        let trusted = Trusted::new(&["10.0.0.1".parse().unwrap()]);
        let host = request.headers().get("host").and_then(|host| host.to_str().ok());
        let peer = Peer::new("10.0.0.1:9".parse().unwrap(), false);
        let asked = host.and_then(HostPort::read);
        trusted.client(Some(peer), request.headers(), asked).unwrap()
    }

    fn host_error(names: &[&str], headers: &[(&str, &str)]) -> Option<u16> {
        let request = request("GET", headers);
        let client = client(&request);
        check_host(&hosts(names), &request, Some(&client))
            .err()
            .map(|error| error.status)
    }

    fn origin_error(names: &[&str], method: &str, headers: &[(&str, &str)]) -> Option<u16> {
        let request = request(method, headers);
        let client = client(&request);
        check_origin(&hosts(names), &request, Some(&client))
            .err()
            .map(|error| error.status)
    }

    #[test]
    fn foreign_names_are_refused() {
        let names = ["azulejo.example", "tiles.example:8443"];
        for good in [
            "localhost",
            "LOCALHOST:8000",
            "127.0.0.1:8000",
            "[::1]:8000",
            "[::1]",
            "10.0.0.7",
            "Azulejo.Example:81",
            "tiles.example:8443",
            "tiles.example",
        ] {
            assert_eq!(host_error(&names, &[("host", good)]), None, "{good}");
        }
        for bad in [
            "evil.example",
            "localhost.evil.example:8000",
            "127.0.0.1.evil.example",
            "",
            "a b",
            "[evil]",
        ] {
            assert_eq!(host_error(&names, &[("host", bad)]), Some(421), "{bad}");
        }
        assert_eq!(host_error(&names, &[]), None, "HTTP/1.0 has no host");
        // A proxy passes on what it was asked for: that, too, must be a name of ours.
        let rewritten = |told| [("host", "127.0.0.1:8000"), ("x-forwarded-host", told)];
        assert_eq!(host_error(&names, &rewritten("azulejo.example")), None);
        assert_eq!(host_error(&names, &rewritten("evil.example")), Some(421));
    }

    #[test]
    fn an_absolute_request_target_is_checked_like_a_host() {
        let request = Request::builder()
            .uri("http://evil.example/jobs")
            .header("host", "localhost")
            .body(Body::empty())
            .unwrap();
        assert!(check_host(&hosts(&[]), &request, None).is_err());
    }

    #[test]
    fn other_sites_cannot_change_anything() {
        let host = ("host", "127.0.0.1:8000");
        for good in [
            vec![host],
            vec![
                host,
                ("sec-fetch-site", "same-origin"),
                ("origin", "http://127.0.0.1:8000"),
            ],
            vec![host, ("sec-fetch-site", "none")],
            vec![host, ("origin", "http://127.0.0.1:8000")],
            vec![("host", "localhost"), ("origin", "http://localhost:80")],
        ] {
            assert_eq!(origin_error(&[], "POST", &good), None, "{good:?}");
        }
        for bad in [
            vec![host, ("sec-fetch-site", "cross-site")],
            vec![host, ("sec-fetch-site", "same-site")],
            vec![host, ("origin", "http://evil.example")],
            vec![host, ("origin", "http://127.0.0.1:9000")],
            vec![host, ("origin", "https://127.0.0.1:8000")],
            vec![host, ("origin", "null")],
            vec![host, ("origin", "file://127.0.0.1:8000")],
            vec![
                host,
                ("origin", "http://127.0.0.1:8000"),
                ("origin", "http://evil.example"),
            ],
            vec![("origin", "http://127.0.0.1:8000")],
        ] {
            assert_eq!(origin_error(&[], "POST", &bad), Some(403), "{bad:?}");
            assert_eq!(origin_error(&[], "GET", &bad), None, "{bad:?}");
        }
    }

    #[test]
    fn behind_a_proxy_the_pages_are_where_it_was_said_that_they_are() {
        let names = ["tiles.example", "other.example:8443"];
        for good in [
            // A proxy that writes another host, or a port behind it, and says nothing.
            vec![("host", "127.0.0.1:8000"), ("origin", "http://tiles.example")],
            vec![("host", "tiles.example:80"), ("origin", "http://tiles.example")],
            vec![("host", "127.0.0.1:8000"), ("origin", "https://tiles.example")],
            vec![("host", "azulejo:8000"), ("origin", "https://other.example:8443")],
            // One that says it.
            vec![
                ("host", "127.0.0.1:8000"),
                ("origin", "https://tiles.example"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "tiles.example"),
            ],
            vec![
                ("host", "127.0.0.1:8000"),
                ("origin", "http://10.1.2.3:81"),
                ("x-forwarded-host", "10.1.2.3:81"),
            ],
        ] {
            assert_eq!(origin_error(&names, "POST", &good), None, "{good:?}");
        }
        for bad in [
            vec![("host", "127.0.0.1:8000"), ("origin", "http://evil.example")],
            // Another port of the same name is another site's.
            vec![
                ("host", "127.0.0.1:8000"),
                ("origin", "http://tiles.example:8080"),
            ],
            vec![("host", "127.0.0.1:8000"), ("origin", "https://other.example")],
            // A page without encryption may not speak for one with it.
            vec![
                ("host", "tiles.example"),
                ("origin", "http://tiles.example"),
                ("x-forwarded-proto", "https"),
            ],
        ] {
            assert_eq!(origin_error(&names, "POST", &bad), Some(403), "{bad:?}");
        }
    }

    #[test]
    fn other_sites_cannot_open_a_socket() {
        let headers = [
            ("host", "localhost"),
            ("upgrade", "websocket"),
            ("origin", "http://evil.example"),
        ];
        assert_eq!(origin_error(&[], "GET", &headers), Some(403));
    }
}
