//! Bearer tokens of the operator's identity provider: JWT (RFC 7519), signed, with issuer, audience and expiry (RFC 8725).

use azulejo_access::Role;
use azulejo_protocol::ApiError;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde_json::Value;

use super::caller::{Caller, Proof};
use super::jwks::KeySet;
use super::refused::unauthorized;
use super::settings::{TokenSettings, Visibility};

/// Longest subject, bytes.
const MAX_SUBJECT: usize = 200;
/// How far clocks may differ, seconds.
const LEEWAY: u64 = 60;

/// Which tokens are taken.
#[derive(Debug)]
pub struct Tokens {
    settings: TokenSettings,
    keys: KeySet,
}

impl Tokens {
    /// Takes the tokens that `settings` describes.
    ///
    /// # Errors
    /// The keys cannot be read.
    pub fn open(settings: &TokenSettings) -> anyhow::Result<Self> {
        Ok(Self {
            settings: settings.clone(),
            keys: KeySet::open(settings.keys.clone())?,
        })
    }

    /// Who sends this token.
    ///
    /// # Errors
    /// 401: it is none, it is not signed by a key of the issuer, it is for somebody else, or its time is over. 403: it names no
    /// role.
    pub async fn check(&self, text: &str, visibility: Visibility) -> Result<Caller, ApiError> {
        let header = decode_header(text)
            .map_err(|_| invalid("it is neither a key of this server nor a token (JWT)"))?;
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY;
        // Each key says which algorithms it is for: the token cannot choose another.
        for key in self.keys.find(header.kid.as_deref(), header.alg).await {
            match decode::<Value>(text, &key.key, &validation) {
                Ok(token) => return self.caller(&token.claims, visibility),
                Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => {}
                Err(error) => return Err(refusal(error.kind())),
            }
        }
        Err(invalid("no key of the issuer has signed it"))
    }

    fn caller(&self, claims: &Value, visibility: Visibility) -> Result<Caller, ApiError> {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        if subject.is_empty() || subject.len() > MAX_SUBJECT || subject.chars().any(char::is_control) {
            return Err(invalid("its subject (sub) is missing or too long"));
        }
        let expires = claims
            .get("exp")
            .and_then(Value::as_f64)
            .map_or(0, |seconds| seconds as i64);
        let role = self.role(claims).ok_or_else(|| {
            let detail = format!(
                "the token names no role: its claim '{}' must have read, submit or admin",
                self.settings.role_claim
            );
            ApiError::new(403, "not_allowed", detail)
        })?;
        let name = format!("jwt:{subject}");
        Ok(Caller::known(
            &name,
            &name,
            role,
            visibility,
            Proof::Token { expires },
        ))
    }

    /// The highest role that the claim names: it is a word, words with spaces between (as scopes are), or a list.
    fn role(&self, claims: &Value) -> Option<Role> {
        let mut value = claims;
        // A claim that is called so as a whole comes first: names with dots are usual (https://example.org/role).
        value = match claims.get(&self.settings.role_claim) {
            Some(value) => value,
            None => {
                for part in self.settings.role_claim.split('.') {
                    value = value.get(part)?;
                }
                value
            }
        };
        match value {
            Value::String(text) => text.split_whitespace().filter_map(|word| word.parse().ok()).max(),
            Value::Array(list) => list
                .iter()
                .filter_map(Value::as_str)
                .filter_map(|word| word.parse().ok())
                .max(),
            _ => None,
        }
    }
}

fn invalid(reason: &str) -> ApiError {
    unauthorized("token_invalid", format!("the token is not taken: {reason}"))
}

fn refusal(kind: &ErrorKind) -> ApiError {
    match kind {
        ErrorKind::ExpiredSignature => {
            unauthorized("token_expired", "the time of the token is over: get a new one")
        }
        ErrorKind::ImmatureSignature => invalid("its time has not come (nbf)"),
        ErrorKind::InvalidIssuer => invalid("it is of another issuer (iss)"),
        ErrorKind::InvalidAudience => invalid("it is for another audience (aud)"),
        ErrorKind::MissingRequiredClaim(claim) => invalid(&format!("it has no '{claim}'")),
        _ => invalid("it cannot be verified"),
    }
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
