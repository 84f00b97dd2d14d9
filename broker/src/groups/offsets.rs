//! Committed offsets, kept in memory and in a journal.
//!
//! Every commit is one entry of JSON; when most of the file is out of date it is written anew. What is in memory has a
//! lock of its own, which is never held while the disk is waited for: async tasks take it.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use super::positions::{Committed, GroupOffsets};
use super::positions::{Entry, Groups, apply};
use crate::fsync::FsyncPolicy;
use crate::journal::Journal;

pub(super) struct Writer {
    journal: Journal,
    /// Entries in the journal.
    appended: usize,
    /// The journal is written anew when it has more entries.
    pub(super) rewrite_at: usize,
    /// Entries since the broker started, for those who wait for the disk.
    number: u64,
    /// A flush has failed: what it was to write may be gone, so the journal must be written anew.
    failed: bool,
    /// What happened and could not be written down yet.
    unwritten: Vec<Vec<u8>>,
}

/// All committed offsets.
pub struct Offsets {
    pub(super) writer: Mutex<Writer>,
    /// Changed only by those who hold `writer`.
    groups: Mutex<Groups>,
    /// Number of the last entry that is on disk.
    pub(super) synced: Mutex<u64>,
    fsync: FsyncPolicy,
    opened_at: i64,
}

/// Entries after which it is considered whether to write the journal anew.
const REWRITE_AFTER: usize = 20_000;
/// So long after a start no group is forgotten: its members need time to come back.
const GRACE: Duration = Duration::from_secs(3600);

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Writer {
    fn append(&mut self, bytes: &[u8], groups: &Mutex<Groups>) -> io::Result<()> {
        if self.failed {
            self.rewrite(groups)?;
        }
        while let Some(first) = self.unwritten.first() {
            self.journal.append(first)?;
            self.unwritten.remove(0);
            self.count();
        }
        self.journal.append(bytes)?;
        self.count();
        Ok(())
    }

    fn count(&mut self) {
        self.appended += 1;
        self.number += 1;
    }

    /// Writes the journal anew if most of it is out of date. Not being able to is no failure of what was appended.
    fn tidy(&mut self, groups: &Mutex<Groups>) {
        if self.appended <= self.rewrite_at {
            return;
        }
        let live: usize = locked(groups).values().map(|kept| kept.positions.len()).sum();
        self.rewrite_at = REWRITE_AFTER + 10 * live;
        if self.appended > self.rewrite_at
            && let Err(error) = self.rewrite(groups)
        {
            tracing::warn!(%error, "cannot write the journal of offsets anew; it goes on growing");
            self.rewrite_at += self.appended;
        }
    }

    fn rewrite(&mut self, groups: &Mutex<Groups>) -> io::Result<()> {
        // Copied, so that nobody waits for the disk with the groups locked.
        let mut entries = Vec::new();
        for (group, kept) in locked(groups).iter() {
            for ((topic, partition), committed) in &kept.positions {
                entries.push(serde_json::to_vec(&Entry::Commit {
                    group: group.clone(),
                    offsets: vec![(topic.clone(), *partition, committed.clone())],
                    at: kept.used_at,
                })?);
            }
            if kept.has_members {
                entries.push(serde_json::to_vec(&Entry::Members {
                    group: group.clone(),
                    any: true,
                    at: kept.used_at,
                })?);
            }
        }
        let count = entries.len();
        self.journal.rewrite(entries.into_iter())?;
        self.unwritten.clear();
        self.failed = false;
        self.appended = count;
        Ok(())
    }
}

impl Offsets {
    /// Opens the journal in `data_dir`. `now` is milliseconds since 1970, here and below.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(data_dir: &Path, fsync: FsyncPolicy, now: i64) -> io::Result<Self> {
        let mut groups = Groups::new();
        let mut appended = 0;
        let journal = Journal::open(&data_dir.join("offsets.journal"), |bytes| {
            appended += 1;
            match serde_json::from_slice(bytes) {
                Ok(entry) => apply(&mut groups, entry),
                Err(error) => {
                    tracing::warn!(%error, "an entry of the journal of offsets is of no known kind")
                }
            }
        })?;
        // One that had members when the broker ended has been used until now: whoever they are, they can come back only
        // from here on.
        for kept in groups
            .values_mut()
            .filter(|kept| kept.used_at == 0 || kept.has_members)
        {
            kept.used_at = now;
        }
        let writer = Writer {
            journal,
            appended,
            rewrite_at: REWRITE_AFTER,
            number: 0,
            failed: false,
            unwritten: Vec::new(),
        };
        Ok(Self {
            writer: Mutex::new(writer),
            groups: Mutex::new(groups),
            synced: Mutex::new(0),
            fsync,
            opened_at: now,
        })
    }

    fn groups_now(&self) -> MutexGuard<'_, Groups> {
        locked(&self.groups)
    }

    /// Writes down what happened, and lets it happen.
    fn record(&self, entry: Entry) -> io::Result<()> {
        let bytes = serde_json::to_vec(&entry)?;
        let number = {
            let mut writer = locked(&self.writer);
            writer.append(&bytes, &self.groups)?;
            apply(&mut self.groups_now(), entry);
            writer.tidy(&self.groups);
            writer.number
        };
        if self.fsync == FsyncPolicy::Always {
            self.sync_to(number)?;
        }
        Ok(())
    }

    /// Gives the entries up to `number` to the disk. Those who wait for the same write share it, and nobody else waits.
    fn sync_to(&self, number: u64) -> io::Result<()> {
        let mut synced = locked(&self.synced);
        if *synced >= number {
            return Ok(());
        }
        let (written, sync) = {
            let writer = locked(&self.writer);
            if writer.failed {
                return Err(io::Error::other("an earlier flush has failed"));
            }
            (writer.number, writer.journal.syncing())
        };
        sync().inspect_err(|_| locked(&self.writer).failed = true)?;
        *synced = written;
        Ok(())
    }

    /// Keeps positions of `group`: all of them, or none.
    ///
    /// # Errors
    /// Those of the file system. Nothing is kept then, unless only the flush has failed.
    pub fn commit(&self, group: &str, offsets: Vec<(String, i32, Committed)>, now: i64) -> io::Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        self.record(Entry::Commit {
            group: group.to_owned(),
            offsets,
            at: now,
        })
    }

    /// The position of `group` in a partition.
    pub fn get(&self, group: &str, topic: &str, partition: i32) -> Option<Committed> {
        let groups = self.groups_now();
        let key = (topic.to_owned(), partition);
        groups.get(group)?.positions.get(&key).cloned()
    }

    /// All positions of `group`.
    pub fn all(&self, group: &str) -> GroupOffsets {
        let groups = self.groups_now();
        groups
            .get(group)
            .map(|kept| kept.positions.clone())
            .unwrap_or_default()
    }

    /// Every group that has committed.
    pub fn groups(&self) -> Vec<String> {
        self.groups_now().keys().cloned().collect()
    }

    /// Number of groups that have committed.
    pub fn len(&self) -> usize {
        self.groups_now().len()
    }

    /// Whether no group has committed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `group` has committed.
    pub fn has_group(&self, group: &str) -> bool {
        self.groups_now().contains_key(group)
    }

    /// Forgets `group`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn delete_group(&self, group: &str) -> io::Result<()> {
        self.record(Entry::Group {
            group: group.to_owned(),
        })
    }

    /// Forgets the positions of `group` in these partitions.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn delete_positions(&self, group: &str, partitions: Vec<(String, i32)>) -> io::Result<()> {
        if partitions.is_empty() {
            return Ok(());
        }
        self.record(Entry::Positions {
            group: group.to_owned(),
            partitions,
        })
    }

    /// Forgets all positions in `topic`, which is gone. If that cannot be written down now, it is before anything else.
    pub fn delete_topic(&self, topic: &str) {
        let entry = Entry::Topic {
            topic: topic.to_owned(),
        };
        let Ok(bytes) = serde_json::to_vec(&entry) else {
            return;
        };
        let mut writer = locked(&self.writer);
        if let Err(error) = writer.append(&bytes, &self.groups) {
            tracing::warn!(topic, %error, "cannot write down yet that a topic's positions are void");
            writer.unwritten.push(bytes);
        }
        apply(&mut self.groups_now(), entry);
    }

    /// Forgets positions in topics that are not there: the broker ended between deleting one and forgetting them, and they
    /// would be wrong for another topic of that name.
    pub fn forget_topics_unless(&self, is_there: impl Fn(&str) -> bool) {
        let missing: HashSet<String> = {
            let groups = self.groups_now();
            let topics = groups.values().flat_map(|kept| kept.positions.keys());
            topics
                .filter(|(topic, _)| !is_there(topic))
                .map(|(topic, _)| topic.clone())
                .collect()
        };
        for topic in missing {
            tracing::info!(topic, "positions in a topic that is gone are void");
            self.delete_topic(&topic);
        }
    }

    /// Forgets groups that were not used for `retention`; those `in_use`, because they have members, are used now. Time
    /// counts from when a group has lost its members, as in Kafka, also if the broker ends meanwhile: it is written down
    /// when they come and when they have gone.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn expire(&self, in_use: &HashSet<String>, retention: Duration, now: i64) -> io::Result<()> {
        let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let mut expired = Vec::new();
        let mut changed = Vec::new();
        for (group, kept) in self.groups_now().iter_mut() {
            let any = in_use.contains(group);
            if any {
                kept.used_at = kept.used_at.max(now);
            } else if now.saturating_sub(kept.used_at) > milliseconds(retention) {
                expired.push(group.clone());
            }
            if any != kept.has_members {
                let (group, at) = (group.clone(), kept.used_at);
                changed.push(Entry::Members { group, any, at });
            }
        }
        for entry in changed {
            self.record(entry)?;
        }
        if now.saturating_sub(self.opened_at) < milliseconds(retention.min(GRACE)) {
            return Ok(());
        }
        for group in expired {
            tracing::info!(
                group,
                "the positions of a group that is not used any more have expired"
            );
            self.delete_group(&group)?;
        }
        Ok(())
    }

    /// Gives everything to the disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sync(&self) -> io::Result<()> {
        let number = locked(&self.writer).number;
        self.sync_to(number)
    }
}
