//! The path below which the application lies, where a proxy has given it a part of a host: `/tiles` in
//! `https://example.org/tiles/jobs`. The server writes it on the root element (`data-base`), so that the browser finds the same.
//!
//! Addresses in `href`, `src`, `action` and requests go through [`at`]. `use_navigate` takes paths without it: the router adds it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest base path, bytes.
const MAX_BYTES: usize = 200;

/// A checked base path: empty, or `/` and segments of letters, digits and `-._~` without a `/` at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasePath(Arc<str>);

impl Default for BasePath {
    fn default() -> Self {
        Self("".into())
    }
}

impl BasePath {
    /// Whether the application lies at the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// As text: empty, or `/tiles`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `path`, which begins with `/`, as a client asks for it.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// `path` without this in front of it: `None` for one that lies elsewhere. The base path itself gives an empty text.
    pub fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(self.as_str())
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// `self` and below it `inner`.
    pub fn then(&self, inner: &Self) -> Self {
        Self(format!("{self}{inner}").into())
    }

    /// `Path` of a cookie that goes to this application alone.
    pub fn of_cookie(&self) -> &str {
        if self.is_root() { "/" } else { self.as_str() }
    }

    /// Of the request that is being answered: the server puts it into Leptos' context.
    #[cfg(feature = "ssr")]
    pub fn current() -> Self {
        leptos::prelude::use_context::<Self>().unwrap_or_default()
    }

    /// Of the open page.
    #[cfg(not(feature = "ssr"))]
    pub fn current() -> Self {
        static CURRENT: std::sync::OnceLock<BasePath> = std::sync::OnceLock::new();
        let read = || {
            let root = leptos::prelude::document().document_element()?;
            root.get_attribute("data-base")?.parse().ok()
        };
        CURRENT.get_or_init(|| read().unwrap_or_default()).clone()
    }
}

impl FromStr for BasePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let is_good = |segment: &str| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
            !segment.is_empty() && segment != "." && segment != ".." && segment.chars().all(is_plain)
        };
        if path.is_empty() {
            return Ok(Self::default());
        }
        let inside = path
            .strip_prefix('/')
            .filter(|inside| inside.split('/').all(is_good));
        if inside.is_none() || path.len() > MAX_BYTES {
            return Err(format!(
                "give a path such as /tiles: a / and letters, digits or -._~, {MAX_BYTES} bytes at most"
            ));
        }
        Ok(Self(path.into()))
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `path`, which begins with `/`, below the base path of the request or page at hand.
pub fn at(path: &str) -> String {
    BasePath::current().at(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plain_path_is_refused() {
        for good in ["/tiles", "/a/b-c_d.e~f", "/tiles/"] {
            let base: BasePath = good.parse().unwrap();
            assert_eq!(base.as_str(), good.trim_end_matches('/'));
        }
        for root in ["", "/"] {
            assert!(root.parse::<BasePath>().unwrap().is_root());
        }
        let long = format!("/{}", "a".repeat(MAX_BYTES));
        for bad in [
            "tiles",
            "//evil.example",
            "/a//b",
            "/..",
            "/a/./b",
            "/a b",
            "/a\"b",
            "/a?b",
            "/a%2e",
            "/é",
            &long,
        ] {
            assert!(bad.parse::<BasePath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_whole_segments_are_stripped() {
        let base: BasePath = "/tiles".parse().unwrap();
        assert_eq!(base.strip("/tiles/jobs"), Some("/jobs"));
        assert_eq!(base.strip("/tiles"), Some(""));
        assert_eq!(base.strip("/tilesets"), None);
        assert_eq!(base.strip("/jobs"), None);
        assert_eq!(BasePath::default().strip("/jobs"), Some("/jobs"));
        assert_eq!(base.at("/jobs"), "/tiles/jobs");
    }
}
