//! The API keys of the data folder, read again when the file changes. Whether it has is looked at for each request, after the request
//! has come and off the threads that serve requests; those that come at the same time share a look.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

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
    inner: Arc<Inner>,
    /// When the last look at the file began.
    looked: tokio::sync::Mutex<Instant>,
}

#[derive(Debug)]
struct Inner {
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
        let inner = Inner {
            folder: folder.to_owned(),
            state: Mutex::new(State {
                keys,
                uses: Uses::read(folder),
                is_unsaved: false,
            }),
        };
        Ok(Self {
            inner: Arc::new(inner),
            looked: tokio::sync::Mutex::new(Instant::now()),
        })
    }

    /// The key with this text, if it is of use at `now`.
    ///
    /// # Errors
    /// 401: it is none, or it is of no use any more. Only who has the whole key hears which.
    pub async fn check(&self, text: &str, now: Timestamp) -> Result<Key, ApiError> {
        self.look().await;
        let mut state = self.inner.lock();
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
    pub async fn by_id(&self, id: &str, now: Timestamp) -> Result<Key, ApiError> {
        self.look().await;
        let mut state = self.inner.lock();
        let key = state.keys.by_id(id).cloned();
        let key = key.ok_or_else(|| unauthorized("key_unknown", "this is no key of this server"))?;
        usable(&key, now)?;
        state.note(id, now);
        Ok(key)
    }

    /// Writes down when keys were used last, if that has changed.
    pub fn save(&self) {
        let uses = {
            let mut state = self.inner.lock();
            if !std::mem::take(&mut state.is_unsaved) {
                return;
            }
            state.uses.clone()
        };
        if let Err(error) = uses.write(&self.inner.folder) {
            tracing::warn!(%error, "when keys were used last cannot be written down");
        }
    }

    /// Sees to it that the keys are those that the file has now, or had later.
    async fn look(&self) {
        let came = Instant::now();
        let mut looked = self.looked.lock().await;
        if *looked >= came {
            return;
        }
        let (began, inner) = (Instant::now(), Arc::clone(&self.inner));
        if tokio::task::spawn_blocking(move || inner.look()).await.is_ok() {
            *looked = began;
        }
    }
}

impl Inner {
    /// Reads the file if it has changed. One that is damaged meanwhile changes nothing, and is told once per change.
    fn look(&self) {
        let stamp = KeyFile::stamp_in(&self.folder);
        if self.lock().keys.stamp() == stamp {
            return;
        }
        match KeyFile::read(&self.folder) {
            Ok(keys) => self.lock().keys = keys,
            Err(error) => {
                tracing::error!(%error, "the keys cannot be read again: those of before hold");
                self.lock().keys.look_away(stamp);
            }
        }
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

    #[tokio::test]
    async fn keys_are_of_use_from_the_moment_they_are_made_to_the_moment_they_are_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::open(folder.path()).unwrap();
        let now = Timestamp::now_utc();
        let text = add(folder.path(), "lab", None, now);
        assert_eq!(keyring.check(&text, now).await.unwrap().name, "lab");
        let guest = add(folder.path(), "guest", Some(now + Duration::hours(1)), now);
        assert!(keyring.check(&guest, now).await.is_ok());
        let late = keyring.check(&guest, now + Duration::hours(1)).await.unwrap_err();
        assert_eq!((late.status, late.code.as_str()), (401, "key_expired"));
        KeyFile::revoke(folder.path(), "lab", now).unwrap();
        assert_eq!(keyring.check(&text, now).await.unwrap_err().code, "key_revoked");
        let mut wrong = text.clone();
        wrong.pop();
        wrong.push(if text.ends_with('A') { 'B' } else { 'A' });
        assert_eq!(
            keyring.check(&wrong, now).await.unwrap_err().code,
            "key_unknown",
            "says nothing of the revoked one"
        );
    }

    #[tokio::test]
    async fn the_last_use_is_kept_to_the_minute() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::open(folder.path()).unwrap();
        let now = Timestamp::now_utc();
        let text = add(folder.path(), "lab", None, now);
        let id = keyring.check(&text, now).await.unwrap().id;
        keyring.save();
        let last = Uses::read(folder.path()).last(&id).unwrap();
        assert!((now - last).abs() <= Duration::seconds(1));
        keyring.check(&text, now + Duration::seconds(30)).await.unwrap();
        keyring.save();
        assert_eq!(Uses::read(folder.path()).last(&id), Some(last));
    }

    #[tokio::test]
    async fn a_file_that_is_damaged_meanwhile_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::open(folder.path()).unwrap();
        let now = Timestamp::now_utc();
        let text = add(folder.path(), "lab", None, now);
        assert!(keyring.check(&text, now).await.is_ok());
        std::fs::write(folder.path().join("keys.json"), "{").unwrap();
        assert!(keyring.check(&text, now).await.is_ok());
        assert!(Keyring::open(folder.path()).is_err());
    }

    #[tokio::test]
    async fn requests_at_the_same_time_share_a_look_and_none_sees_less_than_was_there_when_it_came() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::open(folder.path()).unwrap();
        let now = Timestamp::now_utc();
        let text = add(folder.path(), "lab", None, now);
        let many = async |is_valid: bool| {
            let asked = (0..100).map(|_| keyring.check(&text, now));
            let answers = futures::future::join_all(asked).await;
            assert!(answers.iter().all(|answer| answer.is_ok() == is_valid));
        };
        many(true).await;
        KeyFile::revoke(folder.path(), "lab", now).unwrap();
        many(false).await;
    }

    #[test]
    fn the_thread_that_serves_requests_does_not_wait_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::open(folder.path()).unwrap();
        let now = Timestamp::now_utc();
        let text = add(folder.path(), "lab", None, now);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            // As a disk that answers nobody: the one thread that may wait for it is waiting.
            let (go_on, wait) = std::sync::mpsc::channel::<()>();
            let disk = tokio::task::spawn_blocking(move || wait.recv());
            let check = keyring.check(&text, now);
            tokio::pin!(check);
            let others = tokio::time::sleep(std::time::Duration::from_millis(50));
            tokio::select! {
                _ = &mut check => panic!("it has not looked"),
                () = others => {}
            }
            drop(go_on);
            assert!(disk.await.unwrap().is_err());
            assert!(check.await.is_ok());
        });
    }
}
