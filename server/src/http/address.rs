//! Addresses as URLs and `Host` write them: a name or an IP address, perhaps a port, compared as they are meant.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use axum::http::uri::Authority;

/// How a client speaks to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Without encryption.
    Http,
    /// Over TLS, which may end at a proxy.
    Https,
}

impl Scheme {
    /// The scheme that `text` names.
    pub fn read(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("http") {
            Some(Self::Http)
        } else if text.eq_ignore_ascii_case("https") {
            Some(Self::Https)
        } else {
            None
        }
    }

    /// The port that need not be said.
    pub fn usual_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A host, and a port where one is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// The name in lowercase without a final dot, or the IP address without brackets.
    pub host: String,
    /// The port, if it is said.
    pub port: Option<u16>,
}

impl HostPort {
    /// Reads `name`, `name:port`, `[::1]:port`. `None` for everything else, also for one with a user.
    pub fn read(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        let (host, port) = (authority.host(), authority.port_u16());
        // What is neither the host nor its port: a user, or digits that are no port.
        let rest = authority.as_str().strip_prefix(host)?;
        if !rest.is_empty() && port.is_none() {
            return None;
        }
        let host = match host.strip_prefix('[') {
            Some(address) => address.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.to_string(),
            None => host.trim_end_matches('.').to_ascii_lowercase(),
        };
        (!host.is_empty()).then_some(Self { host, port })
    }

    /// Whether the host is an IP address.
    pub fn is_ip(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok()
    }

    /// Whether both mean the same place over `scheme`: the usual port may be said or not.
    pub fn is_same(&self, other: &Self, scheme: Scheme) -> bool {
        let port = |of: &Self| of.port.unwrap_or(scheme.usual_port());
        self.host == other.host && port(self) == port(other)
    }
}

/// A name by which the server goes, from the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicName(HostPort);

impl PublicName {
    /// Whether a request may be addressed to `asked`. A proxy may have put a port of its own behind the name, and a name answers on
    /// any port: it is the name that a foreign page cannot have.
    pub fn answers(&self, asked: &HostPort) -> bool {
        self.0.host == asked.host
    }

    /// Whether a page from `origin` over `scheme` is one of ours.
    pub fn serves(&self, origin: &HostPort, scheme: Scheme) -> bool {
        self.0.is_same(origin, scheme)
    }
}

impl FromStr for PublicName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "give the name alone, or NAME:PORT, without a scheme or a path, such as tiles.example or tiles.example:8443";
        // An IPv6 address may come without its brackets.
        let bracketed = text.parse::<Ipv6Addr>().map(|address| format!("[{address}]"));
        let read = HostPort::read(bracketed.as_deref().unwrap_or(text)).ok_or(SHAPE)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !read.is_ip() && (read.host.len() > 253 || !read.host.chars().all(allowed)) {
            return Err(SHAPE.into());
        }
        Ok(Self(read))
    }
}

impl fmt::Display for PublicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HostPort { host, port } = &self.0;
        match host.contains(':') {
            true => write!(f, "[{host}]")?,
            false => f.write_str(host)?,
        }
        port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> HostPort {
        HostPort::read(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn hosts_are_compared_as_they_are_meant() {
        for (one, other, scheme, same) in [
            ("Tiles.Example", "tiles.example:80", Scheme::Http, true),
            ("tiles.example.", "tiles.example", Scheme::Http, true),
            ("tiles.example:443", "tiles.example", Scheme::Https, true),
            ("tiles.example:443", "tiles.example", Scheme::Http, false),
            ("tiles.example:8000", "tiles.example", Scheme::Http, false),
            ("[::1]:80", "[0:0::1]", Scheme::Http, true),
            ("tiles.example", "evil.example", Scheme::Http, false),
        ] {
            assert_eq!(read(one).is_same(&read(other), scheme), same, "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_host_is_none() {
        for text in [
            "",
            "a b",
            "[evil]",
            "user@host",
            "user:secret@host:80",
            "host:port",
            "host:99999",
            "http://host",
            "host/path",
            ".",
            ":80",
        ] {
            assert_eq!(HostPort::read(text), None, "{text}");
        }
    }

    #[test]
    fn public_names_are_names_with_or_without_a_port() {
        for (text, shown) in [
            ("Tiles.Example", "tiles.example"),
            ("tiles.example:8443", "tiles.example:8443"),
            ("10.0.0.7", "10.0.0.7"),
            ("::1", "[::1]"),
            ("[::1]:81", "[::1]:81"),
        ] {
            assert_eq!(text.parse::<PublicName>().unwrap().to_string(), shown);
        }
        for text in ["http://x", "x/y", "x:y", "a b", "ä.example", "*", "*.example"] {
            assert!(
                text.parse::<PublicName>().unwrap_err().contains("NAME:PORT"),
                "{text}"
            );
        }
    }
}
