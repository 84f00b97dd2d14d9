//! The settings of who may use the server.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use clap::builder::BoolishValueParser;

use super::parse::ranged;
use crate::access::settings::{AccessSettings, TokenKeys, TokenSettings, Visibility};

/// Flags of who may use the server.
#[derive(Debug, Clone, Args)]
pub struct AccessArguments {
    /// Asks everybody for a key (`azulejo keys add`) or a token, and shows everybody their own jobs. Without it whoever reaches the
    /// address may do everything, so it must be given where --listen names an address that other machines can reach.
    #[arg(long, env = "AZULEJO_AUTH", value_parser = BoolishValueParser::new())]
    pub auth: bool,

    /// Shows those who are no admins their `own` jobs, or `all` jobs, of which they still change only their own. The default is own.
    #[arg(
        long,
        env = "AZULEJO_JOBS_VISIBLE",
        value_name = "WHOSE",
        value_enum,
        default_value = "own"
    )]
    pub jobs_visible: Visibility,

    /// Ends a sign-in of the pages after so many hours. 1 to 8760.
    #[arg(long, env = "AZULEJO_SESSION_HOURS", value_name = "HOURS", default_value = "12",
        value_parser = ranged::<u32>("AZULEJO_SESSION_HOURS", 1, 8760))]
    pub session_hours: u32,

    /// Takes bearer tokens (JWT) of this issuer beside keys: the claim `iss` must be just this. Needs --jwt-audience and one of
    /// --jwt-jwks and --jwt-secret-file.
    #[arg(long, env = "AZULEJO_JWT_ISSUER", value_name = "ISSUER")]
    pub jwt_issuer: Option<String>,

    /// Takes tokens that are for this audience: the claim `aud` must be this or have it among others.
    #[arg(long, env = "AZULEJO_JWT_AUDIENCE", value_name = "AUDIENCE")]
    pub jwt_audience: Option<String>,

    /// Reads the issuer's public keys (JWKS) from this file or https address; an address is asked again every ten minutes, and for
    /// a token of an unknown key.
    #[arg(long, env = "AZULEJO_JWT_JWKS", value_name = "FILE-OR-URL")]
    pub jwt_jwks: Option<String>,

    /// Reads a secret that is shared with the issuer from this file, at least 32 bytes (HS256, HS384, HS512).
    #[arg(long, env = "AZULEJO_JWT_SECRET_FILE", value_name = "FILE")]
    pub jwt_secret_file: Option<PathBuf>,

    /// Reads a token's role from this claim: a word, words with spaces between, or a list, of which the highest of read, submit
    /// and admin counts. Dots lead into objects. The default is role.
    #[arg(
        long,
        env = "AZULEJO_JWT_ROLE_CLAIM",
        value_name = "CLAIM",
        default_value = "role"
    )]
    pub jwt_role_claim: String,
}

impl AccessArguments {
    /// Checks the flags together.
    ///
    /// # Errors
    /// A sentence that names the setting at fault.
    pub fn check(self) -> anyhow::Result<AccessSettings> {
        let keys = match (self.jwt_jwks, self.jwt_secret_file) {
            (None, None) => None,
            (Some(_), Some(_)) => bail!(
                "--jwt-jwks (AZULEJO_JWT_JWKS) and --jwt-secret-file (AZULEJO_JWT_SECRET_FILE) are both given: the keys of \
                 tokens come from one of them"
            ),
            (None, Some(path)) => Some(TokenKeys::Secret(path)),
            (Some(text), None) => Some(key_set(text)?),
        };
        let tokens = match (self.jwt_issuer, self.jwt_audience, keys) {
            (None, None, None) => None,
            (Some(issuer), Some(audience), Some(keys)) => Some(TokenSettings {
                issuer,
                audience,
                keys,
                role_claim: self.jwt_role_claim,
            }),
            _ => bail!(
                "tokens need --jwt-issuer (AZULEJO_JWT_ISSUER), --jwt-audience (AZULEJO_JWT_AUDIENCE), and --jwt-jwks \
                 (AZULEJO_JWT_JWKS) or --jwt-secret-file (AZULEJO_JWT_SECRET_FILE) together: some of them are missing"
            ),
        };
        if tokens.is_some() && !self.auth {
            bail!(
                "tokens are set up (--jwt-issuer), but nobody is asked for one: give --auth (AZULEJO_AUTH) as well"
            );
        }
        Ok(AccessSettings {
            is_on: self.auth,
            visibility: self.jobs_visible,
            session: Duration::from_secs(3600 * u64::from(self.session_hours)),
            tokens,
        })
    }
}

/// A file, or an address. Keys that come over plain http could be anybody's, except from this machine.
fn key_set(text: String) -> anyhow::Result<TokenKeys> {
    if !text.contains("://") {
        return Ok(TokenKeys::File(text.into()));
    }
    let address = reqwest::Url::parse(&text);
    let is_here = |url: &reqwest::Url| {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    };
    match address {
        Ok(url) if url.scheme() == "https" || (url.scheme() == "http" && is_here(&url)) => {
            Ok(TokenKeys::Address(text))
        }
        _ => bail!(
            "--jwt-jwks (AZULEJO_JWT_JWKS) '{text}' must be a file or an https address: keys that come over plain http could be \
             anybody's"
        ),
    }
}
