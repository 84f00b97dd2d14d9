//! The text of a key, and what is kept of it.
//!
//! A key is `azk_ID_SECRET`: 12 hexadecimal digits that say which key it is, and 32 random bytes in base64url. The secret has 256
//! bits of chance, so a fast hash of it cannot be searched: the salted, slow hashes that passwords need would only cost time at each
//! request.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What every key begins with, so that scanners for secrets in source code can find it.
pub const PREFIX: &str = "azk_";
/// Digits of an id.
pub const ID_DIGITS: usize = 12;
/// Bytes of a secret.
const SECRET_BYTES: usize = 32;
/// Length of a key's text, bytes.
pub const TEXT_BYTES: usize = PREFIX.len() + ID_DIGITS + 1 + 43;

/// A key's text taken apart: its id and the hash of its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// Which key it says it is.
    pub id: String,
    hash: [u8; 32],
}

/// Draws a new key: its text, which is shown once, its id, and the hash that is kept.
///
/// # Errors
/// The system has no randomness to give.
pub fn draw() -> Result<(String, String, String), getrandom::Error> {
    let mut id = [0; ID_DIGITS / 2];
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut id)?;
    getrandom::fill(&mut secret)?;
    let id = hex(&id);
    let secret = URL_SAFE_NO_PAD.encode(secret);
    let hash = hex(&Sha256::digest(secret.as_bytes()));
    Ok((format!("{PREFIX}{id}_{secret}"), id, hash))
}

impl Presented {
    /// Takes the text of a key apart; `None` when it is not one.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() != TEXT_BYTES {
            return None;
        }
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        is_id(id).then(|| Self {
            id: id.to_owned(),
            hash: Sha256::digest(secret.as_bytes()).into(),
        })
    }

    /// Whether `kept` is the hash of this key's secret, in a time that says nothing of where they differ.
    pub fn matches(&self, kept: &str) -> bool {
        hex(&self.hash).as_bytes().ct_eq(kept.as_bytes()).into()
    }
}

/// Whether `text` has the form of a key's id.
pub fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether `text` has the form of a kept hash.
pub(crate) fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_matches_its_own_hash_and_no_other() {
        let (text, id, hash) = draw().unwrap();
        let (other, other_id, _) = draw().unwrap();
        assert_eq!(text.len(), TEXT_BYTES);
        let read = Presented::read(&text).unwrap();
        assert_eq!(read.id, id);
        assert!(is_id(&id) && is_hash(&hash) && read.matches(&hash));
        assert_ne!(id, other_id);
        assert!(!Presented::read(&other).unwrap().matches(&hash));
        let changed = format!(
            "{}{}",
            &text[..TEXT_BYTES - 1],
            if text.ends_with('A') { 'B' } else { 'A' }
        );
        assert!(!Presented::read(&changed).unwrap().matches(&hash));
        assert!(!read.matches("") && !read.matches(&hash[..63]));
    }

    #[test]
    fn what_is_no_key_is_not_read() {
        let (text, ..) = draw().unwrap();
        for bad in [
            "",
            "azk_",
            &text[1..],
            &format!("{text}x"),
            &text.replace("azk_", "xyz_"),
            &text.to_uppercase(),
        ] {
            assert!(Presented::read(bad).is_none(), "{bad}");
        }
    }
}
