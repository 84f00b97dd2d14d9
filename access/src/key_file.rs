//! The keys of an installation: `keys.json` in the data folder.
//!
//! The file is written whole and renamed, under a lock, so that a reader sees all of one version and two commands lose nothing of
//! each other's. Only its owner can read it. What is read is checked: a file that somebody else may have changed is refused.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::key::{Key, KeyState};
use crate::secret::{self, Presented};
use crate::stamp::Stamp;
use crate::{Role, name, private};

/// Most keys of an installation, revoked ones counted.
pub const MAX_KEYS: usize = 10_000;
/// Largest file that is read.
const MAX_BYTES: u64 = 8 << 20;
const FILE: &str = "keys.json";
const LOCK: &str = "keys.lock";

/// Why keys could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system's word.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file is there and is not one of keys.
    #[error("{path} is not a file of keys: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What was asked for cannot be.
    #[error("{0}")]
    Refused(String),
}

/// What a new key is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// What it is called.
    pub name: String,
    /// Whose jobs it is for, where that is not its name.
    pub owner: Option<String>,
    /// What it may do.
    pub role: Role,
    /// From when on it is of no use.
    pub expires_at: Option<OffsetDateTime>,
}

/// The keys of an installation as they were when they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyFile {
    folder: PathBuf,
    keys: Vec<Key>,
    stamp: Stamp,
}

#[derive(Serialize, Deserialize)]
struct Content {
    keys: Vec<Key>,
}

impl KeyFile {
    /// Reads the keys of the data folder `folder`; none when there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn read(folder: &Path) -> Result<Self, KeyError> {
        let path = folder.join(FILE);
        let mut keys = Self {
            folder: folder.to_owned(),
            ..Self::default()
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(keys),
            Err(error) => return Err(KeyError::Io { path, error }),
        };
        let mut text = Vec::new();
        let read = (&file).take(MAX_BYTES + 1).read_to_end(&mut text);
        let stamp = read
            .and_then(|_| file.metadata())
            .and_then(|data| Stamp::read(&data));
        keys.stamp = match stamp {
            Ok(stamp) => stamp,
            Err(error) => return Err(KeyError::Io { path, error }),
        };
        let damaged = |reason: String| KeyError::Damaged {
            path: path.clone(),
            reason,
        };
        if text.len() as u64 > MAX_BYTES {
            return Err(damaged(format!("it has more than {MAX_BYTES} bytes")));
        }
        let content: Content = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        check(&content.keys).map_err(damaged)?;
        keys.keys = content.keys;
        Ok(keys)
    }

    /// By what the file was known when it was read.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// By what the file in `folder` is known now: another stamp is that of other keys. Blocks for as long as the file system does.
    pub fn stamp_in(folder: &Path) -> Stamp {
        Stamp::of(&folder.join(FILE))
    }

    /// Takes the file with this stamp for the one that was read: until it changes again nothing is stale.
    pub fn look_away(&mut self, stamp: Stamp) {
        self.stamp = stamp;
    }

    /// All keys, in the order in which they were made.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The key with this text, of use or not.
    pub fn find(&self, presented: &Presented) -> Option<&Key> {
        self.by_id(&presented.id)
            .filter(|key| presented.matches(&key.hash))
    }

    /// The key with this id.
    pub fn by_id(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// Makes a key in the data folder `folder`. The first value is its text, which is kept nowhere.
    ///
    /// # Errors
    /// The name is none, is taken by a key that is of use, or is another's owner; there are too many keys; the file cannot be
    /// written.
    pub fn add(folder: &Path, new: NewKey, now: OffsetDateTime) -> Result<(String, Key), KeyError> {
        name::check(&new.name).map_err(KeyError::Refused)?;
        if let Some(owner) = &new.owner {
            name::check(owner).map_err(KeyError::Refused)?;
        }
        if new.expires_at.is_some_and(|end| end <= now) {
            return Err(KeyError::Refused(
                "the key would be of no use: its time is over already".to_owned(),
            ));
        }
        Self::change(folder, |keys| {
            if keys.len() >= MAX_KEYS {
                let detail = format!("there are {MAX_KEYS} keys already: use another data folder");
                return Err(KeyError::Refused(detail));
            }
            let taken = |key: &&Key| key.name == new.name && key.state(now) == KeyState::Valid;
            if let Some(key) = keys.iter().find(taken) {
                return Err(KeyError::Refused(format!(
                    "there is a key named '{}' already ({}): revoke it first, or give the new one another name and \
                     the same owner",
                    key.name, key.id
                )));
            }
            let joins = |key: &Key| key.name != new.name && key.owner() == new.name;
            if new.owner.is_none() && keys.iter().any(joins) {
                return Err(KeyError::Refused(format!(
                    "other keys are for jobs of '{0}': give the owner '{0}' as well if this one is meant for them, or another name",
                    new.name
                )));
            }
            let (text, id, hash) =
                secret::draw().map_err(|error| KeyError::Refused(format!("no key can be drawn: {error}")))?;
            let key = Key {
                id,
                name: new.name.clone(),
                owner: new.owner.clone(),
                role: new.role,
                hash,
                created_at: now,
                expires_at: new.expires_at,
                revoked_at: None,
            };
            keys.push(key.clone());
            Ok((text, key))
        })
    }

    /// Revokes the key with this id, or the one of this name that is of use.
    ///
    /// # Errors
    /// There is none; the file cannot be written.
    pub fn revoke(folder: &Path, which: &str, now: OffsetDateTime) -> Result<Key, KeyError> {
        Self::change(folder, |keys| {
            let valid = |key: &Key| key.revoked_at.is_none();
            let place = keys
                .iter()
                .position(|key| key.id == which && valid(key))
                .or_else(|| keys.iter().rposition(|key| key.name == which && valid(key)));
            let Some(key) = place.and_then(|place| keys.get_mut(place)) else {
                let shown: String = which.chars().filter(|c| !c.is_control()).take(80).collect();
                return Err(KeyError::Refused(format!(
                    "there is no key '{shown}' that could be revoked: `azulejo keys list` has them all"
                )));
            };
            key.revoked_at = Some(now);
            Ok(key.clone())
        })
    }

    fn change<T>(
        folder: &Path,
        work: impl FnOnce(&mut Vec<Key>) -> Result<T, KeyError>,
    ) -> Result<T, KeyError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error| KeyError::Io { path, error }
        };
        std::fs::create_dir_all(folder).map_err(io(folder))?;
        let path = folder.join(LOCK);
        let _lock = private::lock(&path, folder).map_err(io(&path))?;
        let mut keys = Self::read(folder)?.keys;
        let result = work(&mut keys)?;
        let (draft, path) = (folder.join("keys.json.new"), folder.join(FILE));
        let text = serde_json::to_vec_pretty(&Content { keys })
            .map_err(|error| KeyError::Refused(error.to_string()))?;
        // A key that was revoked stays so when the power goes now.
        private::write(&path, &draft, folder, &text).map_err(io(&path))?;
        Ok(result)
    }
}

fn check(keys: &[Key]) -> Result<(), String> {
    if keys.len() > MAX_KEYS {
        return Err(format!("it has more than {MAX_KEYS} keys"));
    }
    for key in keys {
        name::check(&key.name)?;
        key.owner.as_deref().map_or(Ok(()), name::check)?;
        if !secret::is_id(&key.id) || !secret::is_hash(&key.hash) {
            return Err(format!("the key '{}' has no id or no hash", key.name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-29 12:00 UTC);

    fn new(name: &str, role: Role) -> NewKey {
        NewKey {
            name: name.to_owned(),
            owner: None,
            role,
            expires_at: None,
        }
    }

    #[test]
    fn a_key_is_found_by_its_text_until_it_is_revoked_and_the_text_is_kept_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let (text, made) = KeyFile::add(folder.path(), new("lab", Role::Submit), NOW).unwrap();
        let keys = KeyFile::read(folder.path()).unwrap();
        let presented = Presented::read(&text).unwrap();
        assert_eq!(keys.find(&presented), Some(&made));
        assert_eq!((made.owner(), made.state(NOW)), ("lab", KeyState::Valid));
        let kept = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(!kept.contains(&text[text.len() - 43..]), "{kept}");
        assert_eq!(keys.stamp(), KeyFile::stamp_in(folder.path()));
        KeyFile::revoke(folder.path(), "lab", NOW).unwrap();
        assert_ne!(keys.stamp(), KeyFile::stamp_in(folder.path()));
        let keys = KeyFile::read(folder.path()).unwrap();
        assert_eq!(keys.find(&presented).unwrap().state(NOW), KeyState::Revoked);
        assert!(
            KeyFile::revoke(folder.path(), "lab", NOW)
                .unwrap_err()
                .to_string()
                .contains("no key 'lab'")
        );
    }

    #[test]
    fn a_name_is_used_once_at_a_time_and_the_jobs_can_be_shared() {
        let folder = tempfile::tempdir().unwrap();
        let (_, first) = KeyFile::add(folder.path(), new("lab", Role::Submit), NOW).unwrap();
        let again = KeyFile::add(folder.path(), new("lab", Role::Read), NOW).unwrap_err();
        assert!(again.to_string().contains(&first.id), "{again}");
        let reader = NewKey {
            owner: Some("lab".to_owned()),
            ..new("lab-viewer", Role::Read)
        };
        let (_, reader) = KeyFile::add(folder.path(), reader, NOW).unwrap();
        assert_eq!(reader.owner(), "lab");
        KeyFile::revoke(folder.path(), &first.id, NOW).unwrap();
        let joining = KeyFile::add(folder.path(), new("lab", Role::Submit), NOW).unwrap_err();
        assert!(joining.to_string().contains("the owner 'lab'"), "{joining}");
        let meant = NewKey {
            owner: Some("lab".to_owned()),
            ..new("lab", Role::Submit)
        };
        KeyFile::add(folder.path(), meant, NOW).unwrap();
        assert_eq!(KeyFile::read(folder.path()).unwrap().keys().len(), 3);
    }

    #[test]
    fn a_key_ends_when_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let end = NOW + Duration::days(1);
        let short = NewKey {
            expires_at: Some(end),
            ..new("guest", Role::Read)
        };
        let (_, key) = KeyFile::add(folder.path(), short.clone(), NOW).unwrap();
        assert_eq!(key.state(end - Duration::seconds(1)), KeyState::Valid);
        assert_eq!(key.state(end), KeyState::Expired);
        assert!(KeyFile::add(folder.path(), short, end).is_err());
    }

    #[test]
    fn commands_at_the_same_time_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::thread::scope(|scope| {
            for index in 0..16 {
                scope.spawn(move || {
                    KeyFile::add(path, new(&format!("key-{index}"), Role::Read), NOW).unwrap()
                });
            }
        });
        assert_eq!(KeyFile::read(path).unwrap().keys().len(), 16);
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        for text in ["", "{}", r#"{"keys":[{"id":"x"}]}"#, &"x".repeat(100)] {
            std::fs::write(&path, text).unwrap();
            assert!(KeyFile::read(folder.path()).is_err(), "{text}");
            assert!(KeyFile::add(folder.path(), new("lab", Role::Read), NOW).is_err());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_root_makes_belongs_to_whom_the_folder_belongs() {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let folder = tempfile::tempdir().unwrap();
        // Only root may give a folder away.
        if chown(folder.path(), Some(12_345), Some(12_346)).is_err() {
            return;
        }
        KeyFile::add(folder.path(), new("lab", Role::Read), NOW).unwrap();
        for name in [FILE, LOCK] {
            let data = std::fs::metadata(folder.path().join(name)).unwrap();
            assert_eq!((data.uid(), data.gid()), (12_345, 12_346), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        KeyFile::add(folder.path(), new("lab", Role::Read), NOW).unwrap();
        let mode = std::fs::metadata(folder.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
