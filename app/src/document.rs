//! The HTML document around the application.

use leptos::prelude::*;
use leptos_meta::{HashedStylesheet, MetaTags};

use crate::App;
use crate::base::BasePath;
use crate::signed_in::SignedIn;
use crate::theme::Theme;

/// The document that the server sends for every page. Its one inline script carries Leptos' nonce; there are no inline
/// styles, so the server can send a strict `Content-Security-Policy` with it. A `data:` picture is the icon that fills
/// up.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    // No attribute where nobody has to sign in.
    let caller = Some(SignedIn::current().0).filter(|name| !name.is_empty());
    let base = BasePath::current();
    let root = base.to_string();
    let marked = (!base.is_root()).then(|| base.to_string());
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=Theme::current().name() data-caller=caller data-base=marked>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <link rel="icon" href=base.at("/favicon.svg") type="image/svg+xml" />
                <link rel="preload" href=base.at("/fonts/instrument-sans.woff2") r#as="font" r#type="font/woff2" crossorigin="" />
                <link rel="preload" href=base.at("/fonts/bricolage-grotesque.woff2") r#as="font" r#type="font/woff2" crossorigin="" />
                <HashedStylesheet id="style" options=options.clone() root=root.clone() />
                <HydrationScripts options root />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}
