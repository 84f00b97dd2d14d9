//! The API keys of the data folder, read again when the file changes.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use azulejo_access::secret::Presented;
use azulejo_access::{Key, KeyError, KeyFile, KeyState, Uses};
use azulejo_protocol::{ApiError, Timestamp};
use time::Duration;

use super::refused::unauthorized;

/// How exactly the last use of a key is kept.
const USE_STEP: Duration = Duration::minutes(1);

/// The API keys.
#[derive(Debug)]
pub struct Keyring {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    keys: KeyFile,
    uses: Uses,
    is_unsaved: bool,
}

impl Keyring {
    /// Reads the keys of the data folder `folder`.
    ///
    /// # Errors
    /// The file is damaged or cannot be read.
    pub fn open(folder: &Path) -> Result<Self, KeyError> {
        let keys = KeyFile::read(folder)?;
        if keys.keys().is_empty() {
            tracing::warn!(
                "there are no keys yet, and nobody can use this server without one: \
                 `azulejo keys add --role admin --name NAME --data-dir {}` makes one",
                folder.display()
            );
        }
        Ok(Self {
            folder: folder.to_owned(),
            state: Mutex::new(State {
                keys,
                uses: Uses::read(folder),
                is_unsaved: false,
            }),
        })
    }

    /// The key with this text, if it is of use at `now`.
    ///
    /// # Errors
    /// 401: it is none, or it is of no use any more. Only who has the whole key hears which.
    pub fn check(&self, text: &str, now: Timestamp) -> Result<Key, ApiError> {
        let mut state = self.fresh();
        let key = Presented::read(text)
            .and_then(|presented| state.keys.find(&presented).cloned())
            .ok_or_else(|| unauthorized("key_unknown", "this is no key of this server"))?;
        usable(&key, now)?;
        state.note(&key.id, now);
        Ok(key)
    }

    /// The key with this id, if it is of use at `now`.
    ///
    /// # Errors
    /// 401, as [`Keyring::check`].
    pub fn by_id(&self, id: &str, now: Timestamp) -> Result<Key, ApiError> {
        let mut state = self.fresh();
        let key = state.keys.by_id(id).cloned();
        let key = key.ok_or_else(|| unauthorized("key_unknown", "this is no key of this server"))?;
        usable(&key, now)?;
        state.note(id, now);
        Ok(key)
    }

    /// Writes down when keys were used last, if that has changed.
    pub fn save(&self) {
        let uses = {
            let mut state = self.lock();
            if !std::mem::take(&mut state.is_unsaved) {
                return;
            }
            state.uses.clone()
        };
        if let Err(error) = uses.write(&self.folder) {
            tracing::warn!(%error, "when keys were used last cannot be written down");
        }
    }

    /// The keys as they are in the file now. A file that is damaged meanwhile changes nothing, and is told once per change.
    fn fresh(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if state.keys.is_stale() {
            match KeyFile::read(&self.folder) {
                Ok(keys) => state.keys = keys,
                Err(error) => {
                    tracing::error!(%error, "the keys cannot be read again: those of before hold");
                    state.keys.look_away();
                }
            }
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, id: &str, now: Timestamp) {
        if self.uses.last(id).is_none_or(|last| now - last >= USE_STEP) {
            self.uses.note(id, now);
            self.is_unsaved = true;
        }
    }
}

fn usable(key: &Key, now: Timestamp) -> Result<(), ApiError> {
    match key.state(now) {
        KeyState::Valid => Ok(()),
        KeyState::Expired => {
            let detail = format!("the time of the key '{}' is over: ask for a new one", key.name);
            Err(unauthorized("key_expired", detail))
        }
        KeyState::Revoked => {
            let detail = format!("the key '{}' was revoked: ask for a new one", key.name);
            Err(unauthorized("key_revoked", detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azulejo_access::{NewKey, Role};

    fn add(folder: &Path, name: &str, expires_at: Option<Timestamp>, now: Timestamp) -> String {
        let new = NewKey {
            name: name.to_owned(),
            owner: None,
            role: Role::Submit,
            expires_at,
        };
        KeyFile::add(folder, new, now).unwrap().0
    }

    #[test]
    fn keys_are_of_use_from_the_moment_they_are_made_to_the_moment_they_are_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::open(folder.path()).unwrap();
        let now = Timestamp::now_utc();
        let text = add(folder.path(), "lab", None, now);
        assert_eq!(keyring.check(&text, now).unwrap().name, "lab");
        let guest = add(folder.path(), "guest", Some(now + Duration::hours(1)), now);
        assert!(keyring.check(&guest, now).is_ok());
        let late = keyring.check(&guest, now + Duration::hours(1)).unwrap_err();
        assert_eq!((late.status, late.code.as_str()), (401, "key_expired"));
        KeyFile::revoke(folder.path(), "lab", now).unwrap();
        assert_eq!(keyring.check(&text, now).unwrap_err().code, "key_revoked");
        let mut wrong = text.clone();
        wrong.pop();
        wrong.push(if text.ends_with('A') { 'B' } else { 'A' });
        assert_eq!(
            keyring.check(&wrong, now).unwrap_err().code,
            "key_unknown",
            "says nothing of the revoked one"
        );
    }

    #[test]
    fn the_last_use_is_kept_to_the_minute() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::open(folder.path()).unwrap();
        let now = Timestamp::now_utc();
        let text = add(folder.path(), "lab", None, now);
        let id = keyring.check(&text, now).unwrap().id;
        keyring.save();
        let last = Uses::read(folder.path()).last(&id).unwrap();
        assert!((now - last).abs() <= Duration::seconds(1));
        keyring.check(&text, now + Duration::seconds(30)).unwrap();
        keyring.save();
        assert_eq!(Uses::read(folder.path()).last(&id), Some(last));
    }

    #[test]
    fn a_file_that_is_damaged_meanwhile_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::open(folder.path()).unwrap();
        let now = Timestamp::now_utc();
        let text = add(folder.path(), "lab", None, now);
        assert!(keyring.check(&text, now).is_ok());
        std::fs::write(folder.path().join("keys.json"), "{").unwrap();
        assert!(keyring.check(&text, now).is_ok());
        assert!(Keyring::open(folder.path()).is_err());
    }
}
