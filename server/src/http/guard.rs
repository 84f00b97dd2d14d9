//! Who may speak to the server through a browser: nobody's web page but ours.
//!
//! There is no login on one machine, so every page that the user opens anywhere could otherwise use the user's browser
//! to reach us. Two checks prevent it:
//! - **Host**: on loopback a request must be addressed to `localhost`, an IP address, or a name that was configured. An
//!   attacker's name that resolves to 127.0.0.1 (DNS rebinding) is refused.
//! - **Origin**: a request that changes something, or opens a WebSocket, must not come from another site's page.
//!   Browsers say where it comes from in `Sec-Fetch-Site` and `Origin`; programs send neither.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use azulejo_protocol::ApiError;

use super::error::Failure;

/// The names that the server answers to.
#[derive(Debug, Clone)]
pub struct Hosts {
    names: Arc<[String]>,
    any: bool,
}

impl Hosts {
    /// `localhost`, IP addresses and `names`; any name at all when `remote` and no names are given.
    pub fn new(names: &[String], remote: bool) -> Self {
        Self {
            names: names.into(),
            any: remote && names.is_empty(),
        }
    }

    fn allows(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else {
            return false;
        };
        let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        // A rebinding attack needs a name of its own, so addresses are safe whatever they are.
        self.any || host == "localhost" || bare.parse::<IpAddr>().is_ok() || self.names.contains(&host)
    }
}

/// The middleware of both checks.
pub async fn check(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    match check_host(&hosts, &request).and_then(|()| check_origin(&request)) {
        Ok(()) => next.run(request).await,
        Err(error) => Failure(error).into_response(),
    }
}

fn check_host(hosts: &Hosts, request: &Request) -> Result<(), ApiError> {
    let mut asked = Vec::new();
    for value in request.headers().get_all(header::HOST) {
        asked.push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    asked.extend(request.uri().authority().map(ToString::to_string));
    match asked.iter().find(|authority| !hosts.allows(authority)) {
        None => Ok(()),
        Some(authority) => {
            let shown: String = authority.chars().filter(|c| !c.is_control()).take(100).collect();
            let detail = format!(
                "this server does not answer to the host name '{shown}': use localhost or its IP address, or start it \
                 with --public-host (AZULEJO_PUBLIC_HOST)"
            );
            Err(ApiError::new(421, "unknown_host", detail))
        }
    }
}

fn check_origin(request: &Request) -> Result<(), ApiError> {
    let is_socket = request.headers().contains_key(header::UPGRADE);
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if (changes || is_socket) && is_cross_site(request.headers()) {
        let detail = "the request comes from another site's page, which may not do this; use Azulejo's own pages, or a \
                      program that sends neither Origin nor Sec-Fetch-Site";
        return Err(ApiError::new(403, "cross_site", detail));
    }
    Ok(())
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        // `none` is the user's own doing: an address typed, a bookmark. `same-site` is another port or a sibling name.
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match (origin, host) {
        (Some((_, origin)), Some(host)) => !origin.eq_ignore_ascii_case(host),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn request(method: &str, headers: &[(&str, &str)]) -> Request {
        let mut builder = Request::builder().method(method).uri("/process");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(Body::empty()).unwrap()
    }

    #[test]
    fn foreign_names_are_refused_on_loopback() {
        let hosts = Hosts::new(&["azulejo.example".into()], false);
        for good in [
            "localhost",
            "LOCALHOST:8000",
            "127.0.0.1:8000",
            "[::1]:8000",
            "[::1]",
            "10.0.0.7",
            "Azulejo.Example:81",
        ] {
            assert!(
                check_host(&hosts, &request("GET", &[("host", good)])).is_ok(),
                "{good}"
            );
        }
        for bad in [
            "evil.example",
            "localhost.evil.example:8000",
            "127.0.0.1.evil.example",
            "",
            "a b",
            "[evil]",
        ] {
            let error = check_host(&hosts, &request("GET", &[("host", bad)])).unwrap_err();
            assert_eq!(error.status, 421, "{bad}");
        }
        assert!(
            check_host(&hosts, &request("GET", &[])).is_ok(),
            "HTTP/1.0 has no host"
        );
    }

    #[test]
    fn an_absolute_request_target_is_checked_like_a_host() {
        let request = Request::builder()
            .uri("http://evil.example/jobs")
            .header("host", "localhost")
            .body(Body::empty())
            .unwrap();
        assert!(check_host(&Hosts::new(&[], false), &request).is_err());
    }

    #[test]
    fn a_remote_server_answers_to_any_name_until_names_are_given() {
        assert!(Hosts::new(&[], true).allows("build-box:8000"));
        assert!(!Hosts::new(&["a.example".into()], true).allows("build-box:8000"));
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
        ] {
            assert!(check_origin(&request("POST", &good)).is_ok(), "{good:?}");
        }
        for bad in [
            vec![host, ("sec-fetch-site", "cross-site")],
            vec![host, ("sec-fetch-site", "same-site")],
            vec![host, ("origin", "http://evil.example")],
            vec![host, ("origin", "http://127.0.0.1:9000")],
            vec![host, ("origin", "null")],
            vec![("origin", "http://127.0.0.1:8000")],
        ] {
            assert_eq!(
                check_origin(&request("POST", &bad)).unwrap_err().status,
                403,
                "{bad:?}"
            );
            assert!(check_origin(&request("GET", &bad)).is_ok(), "{bad:?}");
        }
    }

    #[test]
    fn other_sites_cannot_open_a_socket() {
        let headers = [
            ("host", "localhost"),
            ("upgrade", "websocket"),
            ("origin", "http://evil.example"),
        ];
        assert!(check_origin(&request("GET", &headers)).is_err());
    }
}
