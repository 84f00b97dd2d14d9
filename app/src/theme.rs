//! Light, dark or as the system says. The choice is a cookie, so that the server renders the right one at once and
//! nothing flashes; the style sheet reads it from `data-theme` on the root element.

use serde::{Deserialize, Serialize};

use crate::base::BasePath;

/// A choice of theme.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the system says.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// The word in the cookie and in `data-theme`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The one that the switch leads to next.
    pub const fn next(self) -> Self {
        match self {
            Self::Auto => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::Auto,
        }
    }

    /// The theme called `name`; anything unknown is [`Theme::Auto`].
    pub fn from_name(name: &str) -> Self {
        match name {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::Auto,
        }
    }

    /// The cookie that keeps it for a year.
    pub fn cookie(self) -> String {
        let base = BasePath::current();
        let (name, path) = (self.name(), base.of_cookie());
        format!("theme={name}; Path={path}; Max-Age=31536000; SameSite=Lax")
    }

    /// The choice in a `Cookie` header.
    #[cfg_attr(
        not(feature = "ssr"),
        allow(dead_code, reason = "the header is the server's to read")
    )]
    pub fn from_cookies(header: &str) -> Self {
        header
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == "theme")
            .map_or(Self::Auto, |(_, value)| Self::from_name(value))
    }

    /// The choice of the person whose request is being answered.
    #[cfg(feature = "ssr")]
    pub fn current() -> Self {
        leptos::prelude::use_context::<http::request::Parts>()
            .and_then(|parts| {
                parts
                    .headers
                    .get(http::header::COOKIE)
                    .and_then(|value| value.to_str().ok().map(Self::from_cookies))
            })
            .unwrap_or_default()
    }

    /// The choice that the page was rendered with.
    #[cfg(not(feature = "ssr"))]
    pub fn current() -> Self {
        leptos::prelude::document()
            .document_element()
            .and_then(|root| root.get_attribute("data-theme"))
            .map_or(Self::Auto, |name| Self::from_name(&name))
    }

    /// Shows the open page in it and keeps the choice.
    #[cfg(feature = "hydrate")]
    pub fn apply(self) {
        use wasm_bindgen::JsCast;
        let document = leptos::prelude::document();
        if let Some(root) = document.document_element() {
            // Neither call fails for a fixed, well-formed name.
            let _ = root.set_attribute("data-theme", self.name());
        }
        if let Some(document) = document.dyn_ref::<web_sys::HtmlDocument>() {
            let _ = document.set_cookie(&self.cookie());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        assert_eq!(Theme::from_cookies("a=b; theme=dark; c=d"), Theme::Dark);
        assert_eq!(Theme::from_cookies("mytheme=dark"), Theme::Auto);
        assert_eq!(Theme::from_cookies("theme=purple"), Theme::Auto);
    }

    #[test]
    fn the_switch_goes_round() {
        assert_eq!(Theme::Auto.next().next().next(), Theme::Auto);
        assert!(Theme::Dark.cookie().starts_with("theme=dark;"));
    }
}
