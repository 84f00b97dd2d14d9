//! How access is set.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

/// Whose jobs those see who are no admins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Visibility {
    /// Their own.
    #[default]
    Own,
    /// Everybody's; they change only their own.
    All,
}

/// Where the keys of tokens come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenKeys {
    /// A file with a secret of at least 32 bytes that both sides know (HS256, HS384, HS512).
    Secret(PathBuf),
    /// A file with a set of public keys (JWKS, RFC 7517).
    File(PathBuf),
    /// An address that gives such a set.
    Address(String),
}

/// Which tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSettings {
    /// What `iss` must be.
    pub issuer: String,
    /// What `aud` must be, or have among others.
    pub audience: String,
    /// Where the keys come from.
    pub keys: TokenKeys,
    /// The claim that names the role; a path with dots leads into objects.
    pub role_claim: String,
}

/// How access is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessSettings {
    /// Whether requests must show who they are from.
    pub is_on: bool,
    /// Whose jobs those see who are no admins.
    pub visibility: Visibility,
    /// How long a sign-in lasts.
    pub session: Duration,
    /// Which tokens are taken beside keys.
    pub tokens: Option<TokenSettings>,
}
