//! Making, finding, changing and deleting topics.
//!
//! A topic is a folder `topics/NAME` with `topic.json` and one folder per partition. It appears by rename, complete,
//! and goes by rename into `deleted`, from where its files are removed at leisure.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use uuid::Uuid;

use super::settings::{self, Overrides, TopicSettings};
use super::topic::{Description, Topic, TopicError, is_valid_name};
use crate::files::{read_json, sync_folder, write_json};
use crate::fsync::FsyncPolicy;
use crate::log::partition::Partition;

/// Most partitions of a topic.
pub const MAX_PARTITIONS: i32 = 4096;
/// Most partitions of all topics together: each keeps a few files open.
const MAX_PARTITIONS_IN_ALL: usize = 20_000;
const DESCRIPTION: &str = "topic.json";

fn say_that_nothing_compacts(name: &str) {
    tracing::warn!(
        topic = name,
        "cleanup.policy=compact is taken, but this broker does not compact: older records of a key are kept"
    );
}

/// All topics.
pub struct Registry {
    folder: PathBuf,
    deleted: PathBuf,
    defaults: TopicSettings,
    fsync: FsyncPolicy,
    topics: RwLock<BTreeMap<String, Arc<Topic>>>,
    names: RwLock<HashMap<Uuid, String>>,
    /// Held while a topic is made, changed or deleted.
    changing: Mutex<()>,
}

impl Registry {
    /// Opens all topics below `data_dir`.
    ///
    /// # Errors
    /// Those of the file system, with the topic's name.
    pub fn open(data_dir: &Path, defaults: TopicSettings, fsync: FsyncPolicy) -> io::Result<Self> {
        let registry = Self {
            folder: data_dir.join("topics"),
            deleted: data_dir.join("deleted"),
            defaults,
            fsync,
            topics: RwLock::default(),
            names: RwLock::default(),
            changing: Mutex::new(()),
        };
        std::fs::create_dir_all(&registry.folder)?;
        // What was left of topics that were being deleted, or made, when the broker ended.
        match std::fs::remove_dir_all(&registry.deleted) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::create_dir_all(&registry.deleted)?,
        }
        for entry in std::fs::read_dir(&registry.folder)? {
            let path = entry?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default()
                .to_owned();
            if !is_valid_name(&name) {
                continue;
            }
            let topic = registry.open_topic(&name).map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("cannot open the topic '{name}' in {}: {error}", path.display()),
                )
            })?;
            registry.insert(topic);
        }
        Ok(registry)
    }

    fn open_topic(&self, name: &str) -> io::Result<Topic> {
        let path = self.folder.join(name).join(DESCRIPTION);
        let description: Description = read_json(&path)?.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{} is missing: remove the folder if the topic is not wanted",
                    path.display()
                ),
            )
        })?;
        let count = description.partitions.clamp(1, MAX_PARTITIONS);
        let (settings, left_out) = settings::apply_leniently(&self.defaults, &description.settings);
        for why in left_out {
            tracing::warn!(topic = name, why, "a setting is ignored");
        }
        if settings.compact {
            say_that_nothing_compacts(name);
        }
        let settings = Arc::new(settings);
        let partitions: io::Result<Vec<_>> = (0..count)
            .map(|index| self.open_partition(name, index, &settings))
            .collect();
        Ok(Topic {
            name: name.to_owned(),
            id: description.id,
            overrides: RwLock::new(description.settings),
            partitions: RwLock::new(partitions?),
        })
    }

    fn open_partition(
        &self,
        name: &str,
        index: i32,
        settings: &Arc<TopicSettings>,
    ) -> io::Result<Arc<Partition>> {
        let folder = self.folder.join(name).join(index.to_string());
        Partition::open(&folder, Arc::clone(settings), self.fsync).map(Arc::new)
    }

    fn insert(&self, topic: Topic) -> Arc<Topic> {
        let topic = Arc::new(topic);
        self.names
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(topic.id, topic.name.clone());
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        topics.insert(topic.name.clone(), Arc::clone(&topic));
        topic
    }

    /// The topic called `name`.
    pub fn get(&self, name: &str) -> Option<Arc<Topic>> {
        self.topics
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// The topic with this id.
    pub fn get_by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        let name = self
            .names
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()?;
        self.get(&name)
    }

    /// All topics, by name.
    pub fn all(&self) -> Vec<Arc<Topic>> {
        self.topics
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// Settings of a topic with these of its own.
    ///
    /// # Errors
    /// A sentence that names the setting at fault.
    pub fn effective(&self, overrides: &Overrides) -> Result<TopicSettings, String> {
        settings::apply(&self.defaults, overrides)
    }

    /// Settings that hold for topics without any of their own.
    pub fn defaults(&self) -> &TopicSettings {
        &self.defaults
    }

    /// Checks what [`Self::create`] would be asked, without doing it.
    ///
    /// # Errors
    /// See [`TopicError`].
    pub fn check_new(&self, name: &str, partitions: i32, overrides: &Overrides) -> Result<(), TopicError> {
        if !is_valid_name(name) {
            return Err(TopicError::InvalidName(name.to_owned()));
        }
        if self.get(name).is_some() {
            return Err(TopicError::Exists(name.to_owned()));
        }
        self.check_count(partitions, partitions)?;
        self.effective(overrides)
            .map(drop)
            .map_err(TopicError::InvalidConfig)
    }

    fn check_count(&self, partitions: i32, added: i32) -> Result<(), TopicError> {
        if !(1..=MAX_PARTITIONS).contains(&partitions) {
            let why = format!("{partitions} partitions: a topic has 1 to {MAX_PARTITIONS}");
            return Err(TopicError::InvalidPartitions(why));
        }
        let there: usize = self.all().iter().map(|topic| topic.partitions().len()).sum();
        if there + usize::try_from(added).unwrap_or(0) > MAX_PARTITIONS_IN_ALL {
            let why = format!(
                "{there} partitions are there, and {MAX_PARTITIONS_IN_ALL} is the most: delete a topic"
            );
            return Err(TopicError::InvalidPartitions(why));
        }
        Ok(())
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// See [`TopicError`].
    pub fn create(
        &self,
        name: &str,
        partitions: i32,
        overrides: Overrides,
    ) -> Result<Arc<Topic>, TopicError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_new(name, partitions, &overrides)?;
        let description = Description {
            id: Uuid::new_v4(),
            partitions,
            settings: settings::normal(&overrides).map_err(TopicError::InvalidConfig)?,
        };
        // In `deleted` a topic that did not get finished is cleaned up at the next start.
        let unfinished = self.deleted.join(description.id.simple().to_string());
        std::fs::create_dir_all(&unfinished)?;
        write_json(&unfinished.join(DESCRIPTION), &description)?;
        std::fs::rename(&unfinished, self.folder.join(name))?;
        let topic = match self.open_topic(name) {
            Ok(topic) => topic,
            Err(error) => {
                // A full disk, most likely: nothing may be left of it.
                self.discard(name)?;
                return Err(error.into());
            }
        };
        if self.fsync.outlasts_power() {
            sync_folder(&self.folder)?;
        }
        tracing::info!(topic = name, partitions, "made a topic");
        Ok(self.insert(topic))
    }

    /// Makes more partitions, so that there are `partitions`.
    ///
    /// # Errors
    /// See [`TopicError`].
    pub fn grow(&self, name: &str, partitions: i32, validate_only: bool) -> Result<(), TopicError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = self
            .get(name)
            .ok_or_else(|| TopicError::Unknown(name.to_owned()))?;
        let there = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
        if partitions <= there {
            let why = format!("the topic '{name}' has {there} partitions: their number can only grow");
            return Err(TopicError::InvalidPartitions(why));
        }
        self.check_count(partitions, partitions - there)?;
        if validate_only {
            return Ok(());
        }
        let overrides = topic.overrides();
        let settings = Arc::new(self.effective(&overrides).map_err(TopicError::InvalidConfig)?);
        let added: io::Result<Vec<_>> = (there..partitions)
            .map(|index| self.open_partition(name, index, &settings))
            .collect();
        let added = added?;
        let description = Description {
            id: topic.id,
            partitions,
            settings: overrides,
        };
        write_json(&self.folder.join(name).join(DESCRIPTION), &description)?;
        topic
            .partitions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(added);
        Ok(())
    }

    /// Gives a topic other settings of its own: `change` gets those it has.
    ///
    /// # Errors
    /// See [`TopicError`].
    pub fn reconfigure(
        &self,
        name: &str,
        validate_only: bool,
        change: impl FnOnce(&mut Overrides) -> Result<(), String>,
    ) -> Result<(), TopicError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = self
            .get(name)
            .ok_or_else(|| TopicError::Unknown(name.to_owned()))?;
        let mut overrides = topic.overrides();
        let before = settings::apply_leniently(&self.defaults, &overrides).0;
        change(&mut overrides).map_err(TopicError::InvalidConfig)?;
        let overrides = settings::normal(&overrides).map_err(TopicError::InvalidConfig)?;
        let settings = Arc::new(self.effective(&overrides).map_err(TopicError::InvalidConfig)?);
        if validate_only {
            return Ok(());
        }
        if settings.compact && !before.compact {
            say_that_nothing_compacts(name);
        }
        let partitions = topic.partitions();
        let count = i32::try_from(partitions.len()).unwrap_or(i32::MAX);
        let description = Description {
            id: topic.id,
            partitions: count,
            settings: overrides.clone(),
        };
        write_json(&self.folder.join(name).join(DESCRIPTION), &description)?;
        *topic.overrides.write().unwrap_or_else(PoisonError::into_inner) = overrides;
        for partition in partitions {
            partition.configure(Arc::clone(&settings));
        }
        Ok(())
    }

    /// Deletes a topic. Its files go in the background.
    ///
    /// # Errors
    /// See [`TopicError`].
    pub fn delete(&self, name: &str) -> Result<(), TopicError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = self
            .get(name)
            .ok_or_else(|| TopicError::Unknown(name.to_owned()))?;
        // If the folder cannot be moved, the topic is as it was. Once it is, whoever is about to touch a file in it finds
        // nothing; and another topic of that name, which can only come after this, is safe from those that are marked.
        self.discard(name)?;
        for partition in topic.partitions() {
            partition.mark_deleted();
        }
        self.topics
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        self.names
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&topic.id);
        tracing::info!(topic = name, "deleted a topic");
        Ok(())
    }

    /// Moves the folder of a topic away and removes it in a thread of its own.
    fn discard(&self, name: &str) -> io::Result<()> {
        let grave = self.deleted.join(Uuid::new_v4().simple().to_string());
        std::fs::rename(self.folder.join(name), &grave)?;
        if self.fsync.outlasts_power() {
            // A topic that a power failure brings back is better than a delete that says it failed.
            let synced = sync_folder(&self.folder);
            let _ = synced.inspect_err(|error| tracing::warn!(%error, "cannot give a deletion to the disk"));
        }
        std::thread::spawn(move || {
            if let Err(error) = std::fs::remove_dir_all(&grave) {
                tracing::warn!(path = %grave.display(), %error, "cannot remove a deleted topic; the next start will");
            }
        });
        Ok(())
    }
}
