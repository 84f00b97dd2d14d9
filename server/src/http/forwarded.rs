//! Who the client is, when a proxy stands between.
//!
//! What `Forwarded` and `X-Forwarded-*` say is only as good as who says it: everybody can send them. They count when the
//! connection comes from a proxy that the settings name, and of a list of addresses only the part counts that such proxies wrote:
//! from the right, up to the first address that is none of theirs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use azulejo_protocol::ApiError;

use super::address::{HostPort, Scheme};
use super::error::Failure;
use super::serve::Peer;
use crate::config::proxy::Network;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Proxies between a client and the server that are looked at; what is left of them is nobody's word.
const MAX_HOPS: usize = 32;

/// The client of a request. It is in every request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its address, as far as it can be known: that of the connection, or what trusted proxies say. 0.0.0.0, which nobody has, for
    /// a request that came by no connection, as in a test of the routes.
    pub address: IpAddr,
    /// How it speaks: with the server, or with the proxy that says so.
    pub scheme: Scheme,
    /// The host that it addressed, as far as that can be known: a proxy that says nothing may have written another in its place.
    pub host: Option<HostPort>,
    /// Whether a trusted proxy said something of it.
    pub is_forwarded: bool,
}

/// The peers whose word counts. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Trusted(Arc<[Network]>);

impl Trusted {
    /// These.
    pub fn new(networks: &[Network]) -> Self {
        Self(networks.into())
    }

    /// Whether `address` is one of theirs.
    pub fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The client of a request with these headers that came from `peer`, addressed to `asked`.
    ///
    /// # Errors
    /// 400 when a trusted proxy passes on two different stories.
    pub fn client(
        &self,
        peer: Option<Peer>,
        headers: &HeaderMap,
        asked: Option<HostPort>,
    ) -> Result<Client, ApiError> {
        let is_tls = peer.is_some_and(|peer| peer.is_tls);
        let direct = Client {
            address: peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip()),
            scheme: if is_tls { Scheme::Https } else { Scheme::Http },
            host: asked,
            is_forwarded: false,
        };
        let proxy = direct.address;
        if !self.has(proxy) {
            return Ok(direct);
        }
        let standard = told_by_standard(headers).map(|hops| self.first_outside(proxy, hops));
        let usual = told_by_custom(headers).map(|hops| self.first_outside(proxy, hops));
        let told = match (standard, usual) {
            // Many proxies write one of the two and pass on the other as the client sent it.
            (Some(one), Some(other)) if !agree(&one, &other) => return Err(two_stories()),
            (Some(told), _) | (None, Some(told)) => told,
            (None, None) => return Ok(direct),
        };
        let (address, hop) = told;
        Ok(Client {
            address,
            scheme: hop.scheme.unwrap_or(direct.scheme),
            host: hop.host.or(direct.host),
            is_forwarded: true,
        })
    }

    /// The right-most address that is no trusted proxy's, with what was said of it. Where somebody's address is hidden or is none,
    /// the proxy that said so is the last that is known.
    fn first_outside(&self, proxy: IpAddr, hops: Vec<Hop>) -> (IpAddr, Hop) {
        let mut known = proxy;
        let mut told = Hop::default();
        for hop in hops.into_iter().rev().take(MAX_HOPS) {
            let address = hop.address;
            told = hop;
            match address {
                Some(address) => known = address,
                None => break,
            }
            if !self.has(known) {
                break;
            }
        }
        (known, told)
    }
}

/// What one proxy says of whoever it was connected to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Hop {
    address: Option<IpAddr>,
    scheme: Option<Scheme>,
    host: Option<HostPort>,
}

/// Whether two tellings are of the same client. One may say less than the other.
fn agree(one: &(IpAddr, Hop), other: &(IpAddr, Hop)) -> bool {
    let (one_hop, other_hop) = (&one.1, &other.1);
    let schemes = one_hop.scheme.zip(other_hop.scheme);
    let hosts = one_hop.host.as_ref().zip(other_hop.host.as_ref());
    one.0 == other.0 && schemes.is_none_or(|(a, b)| a == b) && hosts.is_none_or(|(a, b)| a == b)
}

fn two_stories() -> ApiError {
    let detail = "the proxy passes on Forwarded and X-Forwarded-*, and they tell of different clients: have it set one of them \
                  and take the other away";
    ApiError::new(400, "bad_header", detail)
}

/// The middleware that puts the [`Client`] into a request's extensions.
pub async fn note(State(trusted): State<Trusted>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let asked = asked(&request);
    match trusted.client(peer, request.headers(), asked) {
        Ok(client) => {
            request.extensions_mut().insert(client);
            next.run(request).await
        }
        Err(error) => Failure(error).into_response(),
    }
}

/// The host that a request is addressed to, by its target or its `Host`.
fn asked(request: &Request) -> Option<HostPort> {
    let target = request.uri().authority().map(|authority| authority.as_str());
    let host = || request.headers().get(header::HOST)?.to_str().ok();
    target.or_else(host).and_then(HostPort::read)
}

/// The elements of `Forwarded` (RFC 7239), the last proxy's last; `None` where there is none.
fn told_by_standard(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let list = joined(headers, &header::FORWARDED)?;
    let mut hops = Vec::new();
    for element in split(&list, ',') {
        let mut hop = Hop::default();
        for pair in split(element, ';') {
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let value = unquoted(value.trim());
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => hop.address = node(&value),
                "proto" => hop.scheme = Scheme::read(&value),
                "host" => hop.host = HostPort::read(&value),
                _ => {}
            }
        }
        hops.push(hop);
    }
    Some(hops)
}

/// The list of `X-Forwarded-For` with what the last proxy says of scheme and host; `None` where there is none of the three.
fn told_by_custom(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let last = |name: HeaderName| {
        let list = joined(headers, &name)?;
        list.rsplit(',').next().map(|last| last.trim().to_owned())
    };
    let list = joined(headers, &FOR);
    let scheme = last(PROTO).and_then(|text| Scheme::read(&text));
    let host = last(HOST).and_then(|text| HostPort::read(&text));
    if list.is_none() && scheme.is_none() && host.is_none() {
        return None;
    }
    let hops = list.unwrap_or_default();
    let hops = hops.split(',').map(|text| Hop {
        address: node(text.trim()),
        scheme,
        host: host.clone(),
    });
    Some(hops.collect())
}

/// The lines of a list as one, in their order.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut lines = headers.get_all(name).iter().peekable();
    lines.peek()?;
    let lines: Vec<_> = lines
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    Some(lines.join(","))
}

/// The parts of `text` between marks that stand in no quotes.
fn split(text: &str, mark: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |c| {
        is_quoted ^= c == '"';
        c == mark && !is_quoted
    })
}

fn unquoted(text: &str) -> String {
    let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inside.unwrap_or(text).replace('\\', "")
}

/// An address, with or without brackets and a port. `None` for `unknown` and names that hide one.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    bare.unwrap_or(text)
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1:4000";
    const STRANGER: &str = "203.0.113.9:4000";

    fn client(peer: &str, headers: &[(&'static str, &str)]) -> Result<Client, ApiError> {
        let trusted = Trusted::new(&["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let peer = Peer::new(peer.parse().unwrap(), false);
        trusted.client(Some(peer), &map, HostPort::read("127.0.0.1:8000"))
    }

    fn address(peer: &str, headers: &[(&'static str, &str)]) -> String {
        client(peer, headers).unwrap().address.to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        for headers in [
            [("x-forwarded-for", "1.2.3.4")],
            [("forwarded", "for=1.2.3.4;proto=https;host=tiles.example")],
            [("x-forwarded-proto", "https")],
            [("x-forwarded-host", "tiles.example")],
        ] {
            let client = client(STRANGER, &headers).unwrap();
            assert_eq!(client.address.to_string(), "203.0.113.9");
            assert_eq!(client.scheme, Scheme::Http);
            assert_eq!(client.host, HostPort::read("127.0.0.1:8000"));
            assert!(!client.is_forwarded);
        }
    }

    #[test]
    fn of_a_list_only_what_proxies_wrote_counts() {
        for (list, wanted) in [
            ("198.51.100.7", "198.51.100.7"),
            // The first is what the client itself sent.
            ("1.2.3.4, 198.51.100.7", "198.51.100.7"),
            ("1.2.3.4, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
            ("10.0.0.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
            // With ports, as some write them, and in brackets.
            ("198.51.100.7:1234", "198.51.100.7"),
            ("[2001:db8::7]:1234", "2001:db8::7"),
            ("2001:db8::7", "2001:db8::7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            // Proxies alone: the first of them.
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            // What is hidden or nonsense ends the search.
            ("198.51.100.7, unknown", "10.0.0.1"),
            ("198.51.100.7, unknown, 10.0.0.2", "10.0.0.2"),
            ("", "10.0.0.1"),
            ("<script>", "10.0.0.1"),
        ] {
            assert_eq!(address(PROXY, &[("x-forwarded-for", list)]), wanted, "{list}");
            let standard: Vec<String> = list
                .split(',')
                .map(|part| format!("for=\"{}\"", part.trim()))
                .collect();
            let standard = standard.join(", ");
            assert_eq!(address(PROXY, &[("forwarded", &standard)]), wanted, "{standard}");
        }
        let lines = [
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-for", "198.51.100.7"),
        ];
        assert_eq!(address(PROXY, &lines), "198.51.100.7");
    }

    #[test]
    fn a_long_list_is_not_read_to_its_end() {
        let list = vec!["10.0.0.2"; 5000].join(",");
        assert_eq!(
            address(PROXY, &[("x-forwarded-for", &format!("1.2.3.4,{list}"))]),
            "10.0.0.2"
        );
    }

    #[test]
    fn scheme_and_host_are_those_that_the_client_used() {
        let both = [
            ("x-forwarded-for", "198.51.100.7"),
            ("x-forwarded-proto", "http, https"),
            ("x-forwarded-host", "Tiles.Example:443"),
        ];
        let client_ = client(PROXY, &both).unwrap();
        assert_eq!(client_.scheme, Scheme::Https);
        assert_eq!(client_.host, HostPort::read("tiles.example:443"));
        // Of each hop by itself in the standard's header.
        let hops = "for=1.2.3.4;host=evil.example, For=198.51.100.7;Proto=https;Host=\"tiles.example:443\", \
                    for=10.0.0.2;proto=http;host=inner";
        let client_ = client(PROXY, &[("forwarded", hops)]).unwrap();
        assert_eq!(client_.address.to_string(), "198.51.100.7");
        assert_eq!(client_.scheme, Scheme::Https);
        assert_eq!(client_.host, HostPort::read("tiles.example:443"));
        // A proxy that says the scheme alone.
        let client_ = client(PROXY, &[("x-forwarded-proto", "https")]).unwrap();
        assert_eq!(
            (client_.scheme, client_.address.to_string().as_str()),
            (Scheme::Https, "10.0.0.1")
        );
    }

    #[test]
    fn two_stories_are_refused_and_one_told_twice_is_not() {
        let two = [("forwarded", "for=1.2.3.4"), ("x-forwarded-for", "198.51.100.7")];
        assert_eq!(client(PROXY, &two).unwrap_err().code, "bad_header");
        let one = [
            ("forwarded", "for=198.51.100.7"),
            ("x-forwarded-for", "198.51.100.7"),
        ];
        assert_eq!(address(PROXY, &one), "198.51.100.7");
        let host = [
            ("forwarded", "for=1.2.3.4;host=a"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-host", "b"),
        ];
        assert_eq!(client(PROXY, &host).unwrap_err().status, 400);
        assert!(client(STRANGER, &two).is_ok(), "nobody listens to either");
    }
}
