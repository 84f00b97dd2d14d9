//! Sets of public keys (JWKS, RFC 7517), from a file or an address, read again when they change.
//!
//! The set is read by one task at a time, beside the requests: as long as the keys that are known will do, nobody waits for it.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};

use super::settings::TokenKeys;

/// Largest set that is read.
const MAX_BYTES: usize = 1 << 20;
/// Most keys of a set.
const MAX_KEYS: usize = 100;
/// How long a set is taken as it is; then it is read again while it serves.
const FRESH: Duration = Duration::from_secs(600);
/// How old a set may be to serve while it is read again: nobody has come for that long, and keys may have been withdrawn.
const OLD: Duration = Duration::from_secs(3600);
/// How soon a set is read again for a token whose key is not in it.
const AGAIN: Duration = Duration::from_secs(30);
/// How long an address may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Shortest secret of HS256 (RFC 7518, 3.2).
const MIN_SECRET: usize = 32;

/// A key and what it may verify.
#[derive(Clone)]
pub struct VerifyingKey {
    id: Option<String>,
    family: AlgorithmFamily,
    only: Option<Algorithm>,
    /// The key.
    pub key: DecodingKey,
}

impl VerifyingKey {
    /// Whether it verifies tokens of this key id and algorithm.
    fn suits(&self, id: Option<&str>, algorithm: Algorithm) -> bool {
        // A token may leave the id out, but not name another.
        let is_named = id.is_none() || self.id.is_none() || self.id.as_deref() == id;
        is_named
            && algorithm.family() == self.family
            && self.only.as_ref().is_none_or(|only| *only == algorithm)
    }
}

/// The keys of tokens.
pub struct KeySet(Arc<Shared>);

struct Shared {
    source: TokenKeys,
    http: reqwest::Client,
    state: Mutex<State>,
    /// Whose turn it is to read the set.
    reading: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KeySet").field(&self.0.source).finish()
    }
}

#[derive(Default)]
struct State {
    keys: Vec<VerifyingKey>,
    /// When the set was read last, or was tried to be.
    read: Option<Instant>,
}

impl State {
    fn is_older(&self, age: Duration) -> bool {
        self.read.is_none_or(|read| read.elapsed() >= age)
    }
}

impl KeySet {
    /// Reads the keys where they are in a file; those of an address are read when the first token comes.
    ///
    /// # Errors
    /// The file cannot be read, or has no key that could be used.
    pub fn open(source: TokenKeys) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("no HTTP client can be made")?;
        let state = match &source {
            TokenKeys::Address(_) => State::default(),
            TokenKeys::File(path) | TokenKeys::Secret(path) => {
                let keys = from_file(&source, path).with_context(|| path.display().to_string())?;
                State {
                    keys,
                    read: Some(Instant::now()),
                }
            }
        };
        Ok(Self(Arc::new(Shared {
            source,
            http,
            state: Mutex::new(state),
            reading: tokio::sync::Mutex::default(),
        })))
    }

    /// The keys that may verify a token of this key id and algorithm. A token of an unknown key makes the set be read again, at most
    /// twice a minute.
    pub async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<VerifyingKey> {
        let (found, read, is_old, is_stale, may_read) = {
            let state = self.0.state();
            (
                suiting(&state.keys, id, algorithm),
                state.read,
                state.is_older(OLD),
                state.is_older(FRESH),
                state.is_older(AGAIN),
            )
        };
        if is_old || (found.is_empty() && may_read) {
            self.read_again(read).await;
            return suiting(&self.0.state().keys, id, algorithm);
        }
        if is_stale && self.0.reading.try_lock().is_ok() {
            let shared = Arc::clone(&self.0);
            tokio::spawn(async move { shared.read_again(read).await });
        }
        found
    }

    /// Waits until the set was read again. It is read to the end even when the request goes away: the next would begin anew.
    async fn read_again(&self, seen: Option<Instant>) {
        let shared = Arc::clone(&self.0);
        let reading = tokio::spawn(async move { shared.read_again(seen).await });
        if let Err(error) = reading.await {
            tracing::error!(%error, "reading the keys of tokens ended unexpectedly");
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the set, unless somebody has since it was `seen` to be read last: whoever waits for a turn waits for the same answer.
    async fn read_again(&self, seen: Option<Instant>) {
        let _turn = self.reading.lock().await;
        if self.state().read != seen {
            return;
        }
        let read = match &self.source {
            TokenKeys::Address(address) => self.fetch(address).await,
            TokenKeys::File(path) | TokenKeys::Secret(path) => from_file(&self.source, path),
        };
        let mut state = self.state();
        state.read = Some(Instant::now());
        match read {
            Ok(keys) => state.keys = keys,
            Err(error) => {
                tracing::error!(source = ?self.source, "the keys of tokens cannot be read: {error:#}")
            }
        }
    }

    async fn fetch(&self, address: &str) -> anyhow::Result<Vec<VerifyingKey>> {
        let mut answer = self.http.get(address).send().await?.error_for_status()?;
        let mut text = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if text.len() + chunk.len() > MAX_BYTES {
                bail!("the answer has more than {MAX_BYTES} bytes");
            }
            text.extend_from_slice(&chunk);
        }
        from_set(&text)
    }
}

fn suiting(keys: &[VerifyingKey], id: Option<&str>, algorithm: Algorithm) -> Vec<VerifyingKey> {
    keys.iter()
        .filter(|key| key.suits(id, algorithm))
        .cloned()
        .collect()
}

fn from_file(source: &TokenKeys, path: &Path) -> anyhow::Result<Vec<VerifyingKey>> {
    let length = std::fs::metadata(path)?.len();
    if length > MAX_BYTES as u64 {
        bail!("it has more than {MAX_BYTES} bytes");
    }
    let text = std::fs::read(path)?;
    match source {
        TokenKeys::Secret(_) => from_secret(&text),
        TokenKeys::File(_) | TokenKeys::Address(_) => from_set(&text),
    }
}

/// A secret that both sides know; a line break at its end is not part of it.
fn from_secret(text: &[u8]) -> anyhow::Result<Vec<VerifyingKey>> {
    let secret = text.trim_ascii_end();
    if secret.len() < MIN_SECRET {
        bail!(
            "the secret has {} bytes: it must have at least {MIN_SECRET}",
            secret.len()
        );
    }
    Ok(vec![VerifyingKey {
        id: None,
        family: AlgorithmFamily::Hmac,
        only: None,
        key: DecodingKey::from_secret(secret)?,
    }])
}

/// The public keys of a set; keys of other kinds are left out, secrets among them.
fn from_set(text: &[u8]) -> anyhow::Result<Vec<VerifyingKey>> {
    let set: JwkSet = serde_json::from_slice(text).context("it is no set of keys (JWKS)")?;
    let keys: Vec<_> = set.keys.iter().take(MAX_KEYS).filter_map(public_key).collect();
    if keys.is_empty() {
        bail!("it has no public key that could be used (RSA, EC, OKP)");
    }
    Ok(keys)
}

fn public_key(jwk: &Jwk) -> Option<VerifyingKey> {
    let family = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa,
        AlgorithmParameters::EllipticCurve(_) => AlgorithmFamily::Ec,
        AlgorithmParameters::OctetKeyPair(_) => AlgorithmFamily::Ed,
        // Secrets, and what there may be later.
        _ => return None,
    };
    let is_for_signatures = matches!(
        jwk.common.public_key_use,
        None | Some(jsonwebtoken::jwk::PublicKeyUse::Signature)
    );
    if !is_for_signatures {
        return None;
    }
    let only = match jwk.common.key_algorithm {
        None => None,
        // One that is for something else verifies nothing.
        Some(algorithm) => Some(algorithm.to_string().parse().ok()?),
    };
    Some(VerifyingKey {
        id: jwk.common.key_id.clone(),
        family,
        only,
        key: DecodingKey::from_jwk(jwk).ok()?,
    })
}

#[cfg(test)]
#[path = "jwks_tests.rs"]
mod tests;
