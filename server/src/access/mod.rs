//! Who sends a request, and what they may do.
//!
//! Authentication is on or off for the whole server. Off, everybody is [`Caller::anyone`] and may do everything. On, a request
//! shows one of three things: an API key, a token of the operator's identity provider (JWT), or the cookie that the sign-in page gave
//! for a key. All are looked at anew with every request: a key that is revoked is of no use from then on, its cookies neither.
//!
//! - [`Caller`]: who it is. [`keyring`]: API keys. [`tokens`]: JWT, with the keys of [`jwks`]. [`session`]: the cookie.
//! - [`audit`]: the log of who did what. [`settings`]: how all of it is set.

pub mod audit;
mod caller;
mod jwks;
pub mod keyring;
mod log_file;
mod refused;
pub mod session;
pub mod settings;
pub mod tokens;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use axum::http::{HeaderMap, HeaderValue, header};
use azulejo_protocol::{ApiError, Timestamp};

pub use azulejo_access::Role;
pub use caller::{Caller, Scope};
pub use refused::missing;
pub use settings::{AccessSettings, Visibility};

use audit::Audit;
use caller::Proof;
use keyring::Keyring;
use refused::unauthorized;
use session::{Reach, Sessions};
use tokens::Tokens;

/// Longest credential that is looked at, bytes: tokens of identity providers have a few kilobytes.
const MAX_CREDENTIAL: usize = 16 * 1024;

/// Who may use the server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Access(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    visibility: Visibility,
    /// `None` where authentication is off.
    means: Option<Means>,
}

#[derive(Debug)]
struct Means {
    audit: Audit,
    keyring: Keyring,
    sessions: Sessions,
    tokens: Option<Tokens>,
}

impl Access {
    /// Opens what is needed in the data folder.
    ///
    /// # Errors
    /// Keys, the secret of the sessions, the keys of tokens or the audit log cannot be read or made.
    pub fn open(data_dir: &Path, settings: &AccessSettings) -> anyhow::Result<Self> {
        let means = if settings.is_on {
            Some(Means {
                audit: Audit::open(data_dir)?,
                keyring: Keyring::open(data_dir).context("the keys cannot be read")?,
                sessions: Sessions::open(data_dir, settings.session)?,
                tokens: settings.tokens.as_ref().map(Tokens::open).transpose()?,
            })
        } else {
            None
        };
        Ok(Self(Arc::new(Inner {
            visibility: settings.visibility,
            means,
        })))
    }

    /// Whether requests must show who they are from.
    pub fn is_on(&self) -> bool {
        self.0.means.is_some()
    }

    /// The log of who did what; `None` where nobody shows who they are.
    pub fn audit(&self) -> Option<&Audit> {
        self.0.means.as_ref().map(|means| &means.audit)
    }

    /// Who sends a request with these headers, over HTTPS or not; `None` when it does not say.
    ///
    /// # Errors
    /// 401 when it shows something that is no good.
    pub async fn caller(&self, headers: &HeaderMap, reach: &Reach) -> Result<Option<Caller>, ApiError> {
        let Some(means) = &self.0.means else {
            return Ok(Some(Caller::anyone()));
        };
        let now = Timestamp::now_utc();
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let text = bearer(value)?;
            if text.starts_with(azulejo_access::secret::PREFIX) {
                let key = means.keyring.check(text, now).await?;
                return Ok(Some(self.of_key(&key, Proof::Key(key.id.as_str().into()))));
            }
            let Some(tokens) = &means.tokens else {
                return Err(unauthorized("key_unknown", "this is no key of this server"));
            };
            return Ok(Some(tokens.check(text, self.0.visibility).await?));
        }
        let Some(id) = means.sessions.key_of(headers, reach, now) else {
            return Ok(None);
        };
        match means.keyring.by_id(&id, now).await {
            Ok(key) => Ok(Some(self.of_key(&key, Proof::Session(id.into())))),
            // The sign-in page follows, which says more than an error could.
            Err(_) => Ok(None),
        }
    }

    fn of_key(&self, key: &azulejo_access::Key, proof: Proof) -> Caller {
        Caller::known(&key.name, key.owner(), key.role, self.0.visibility, proof)
    }

    /// Whether what `caller` showed is still good: for streams that go on for hours.
    pub async fn is_still(&self, caller: &Caller) -> bool {
        let Some(means) = &self.0.means else { return true };
        let now = Timestamp::now_utc();
        match caller.proof() {
            Proof::None => false,
            Proof::Key(id) | Proof::Session(id) => means.keyring.by_id(id, now).await.is_ok(),
            Proof::Token { expires } => *expires > now.unix_timestamp(),
        }
    }

    /// The cookie that stands for the key with this text, for the sign-in page.
    ///
    /// # Errors
    /// 401 when it is no key of use; 404 where authentication is off.
    pub async fn sign_in(&self, text: &str, reach: &Reach) -> Result<(Caller, String), ApiError> {
        let Some(means) = &self.0.means else {
            let detail = "this server asks nobody for a key: just use it";
            return Err(ApiError::not_found("not_found", detail));
        };
        let now = Timestamp::now_utc();
        let key = means.keyring.check(text, now).await?;
        let cookie = means.sessions.cookie(&key.id, reach, now);
        let caller = self.of_key(&key, Proof::Session(key.id.as_str().into()));
        Ok((caller, cookie))
    }

    /// Waits until the log of who did what is written.
    pub async fn flush(&self) {
        if let Some(means) = &self.0.means {
            means.audit.flush().await;
        }
    }

    /// Writes down what is only kept in memory: when keys were used last.
    pub fn save(&self) {
        if let Some(means) = &self.0.means {
            means.keyring.save();
        }
    }
}

/// The credential of `Authorization: Bearer ...`.
fn bearer(value: &HeaderValue) -> Result<&str, ApiError> {
    value
        .to_str()
        .ok()
        .filter(|text| text.len() <= MAX_CREDENTIAL)
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, credential)| credential.trim())
        .ok_or_else(|| {
            let detail = "the header Authorization must be 'Bearer' and a key or a token";
            unauthorized("key_unknown", detail)
        })
}
