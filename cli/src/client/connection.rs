//! What every request to a server shares: how it is encrypted, who is trusted, the key, and where redirects may lead.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder};

use super::server::Server;

/// How long a machine may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Redirects that are followed, one after the other.
const MOST_REDIRECTS: usize = 5;

/// Who asks, and whom it trusts.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Value of `Authorization`.
    pub key: Option<HeaderValue>,
    /// Certificates that are trusted besides those of the system.
    pub roots: Vec<Certificate>,
}

/// The HTTP client for `server`.
///
/// # Errors
/// When TLS cannot be set up.
pub fn connect(server: &Server, access: &Access) -> anyhow::Result<reqwest::Client> {
    // A proxy of the environment is for the world outside; a server of one's own is reached directly.
    let mut builder = ClientBuilder::new().connect_timeout(CONNECT).no_proxy();
    let origin = server.clone();
    builder = builder.redirect(Policy::custom(move |attempt| {
        // Neither key nor image goes to a server that nobody named. A redirect that is not followed is reported as the answer.
        if origin.is_origin_of(attempt.url()) && attempt.previous().len() <= MOST_REDIRECTS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    }));
    if let Some(key) = &access.key {
        builder = builder.default_headers(HeaderMap::from_iter([(AUTHORIZATION, key.clone())]));
    }
    builder = if server.is_encrypted() {
        builder.tls_certs_merge(access.roots.iter().cloned())
    } else {
        // The certificates of the system, which may have none, are not needed.
        builder.tls_certs_only([])
    };
    builder.build().with_context(|| {
        if server.is_encrypted() && access.roots.is_empty() {
            "cannot set up TLS: where this system has no certificates to trust, install its package ca-certificates or give \
             --ca-cert FILE"
        } else {
            "cannot make an HTTP client"
        }
    })
}
