//! Where a server is.

use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;

/// The address of a server: scheme, host, port, and the path in front of its own, as behind a proxy (`https://host/tiles`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server(Url);

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|error| {
            format!("{error}; it looks like http://127.0.0.1:8000 or https://tiles.example.org/azulejo")
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme();
            return Err(format!(
                "'{scheme}' is not a scheme that can be used; http and https are"
            ));
        }
        // Whatever is in an address is seen by everyone who sees the processes of this machine.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "an address has no name and password in it: the key belongs into AZULEJO_KEY or --key-file"
                    .into(),
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("an address ends with the path: leave out what follows '?' or '#'".into());
        }
        Ok(Self(url))
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl Server {
    /// Whether what is sent can be read by nobody else on the line.
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether what is sent does not leave this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        // These names are loopback addresses by RFC 6761.
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Its name or address; without the brackets of IPv6, which belong to the URL.
    pub fn host(&self) -> &str {
        let host = self.0.host_str().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Its TCP port.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(80)
    }

    /// Whether `other` is asked of the same server: scheme, host and port are the same.
    pub fn is_origin_of(&self, other: &Url) -> bool {
        self.0.origin() == other.origin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_work_is_refused_with_the_reason() {
        for (text, reason) in [
            ("ftp://example.org", "ftp"),
            ("127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("https://", "empty host"),
            ("https://me:secret@example.org", "AZULEJO_KEY"),
            ("https://token@example.org", "AZULEJO_KEY"),
            ("https://example.org/tiles?key=1", "'?'"),
            ("https://example.org/#jobs", "'#'"),
        ] {
            let error = text.parse::<Server>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn what_is_asked_stands_behind_the_path_of_the_address() {
        for (text, shown) in [
            ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
            ("https://example.org/tiles/", "https://example.org/tiles"),
            ("https://EXAMPLE.org:443/a/b", "https://example.org/a/b"),
        ] {
            assert_eq!(text.parse::<Server>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn loopback_is_known_however_it_is_spelt() {
        let is_loopback = |text: &str| text.parse::<Server>().unwrap().is_loopback();
        for text in [
            "http://127.0.0.1:8000",
            "http://127.1.2.3",
            "http://0x7f.1",
            "http://[::1]:8000",
            "http://LOCALHOST",
            "http://a.localhost/b",
        ] {
            assert!(is_loopback(text), "{text}");
        }
        for text in [
            "http://10.0.0.5",
            "http://[::2]",
            "http://localhost.example.org",
            "http://127.0.0.1.example.org",
            "http://0.0.0.0",
        ] {
            assert!(!is_loopback(text), "{text}");
        }
    }

    #[test]
    fn another_port_or_scheme_is_another_server() {
        let server: Server = "https://example.org/tiles".parse().unwrap();
        for (url, same) in [
            ("https://example.org:443/other", true),
            ("http://example.org/tiles", false),
            ("https://example.org:8443/tiles", false),
            ("https://example.com/tiles", false),
        ] {
            assert_eq!(server.is_origin_of(&Url::parse(url).unwrap()), same, "{url}");
        }
    }
}
