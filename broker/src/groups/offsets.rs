//! Committed offsets, kept in a journal.
//!
//! Every commit is one entry of JSON; when most of the file is out of date it is written anew.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::config::FsyncPolicy;
use crate::journal::Journal;

/// A position that a group has committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// Next offset to read.
    pub offset: i64,
    /// Leader epoch as the client knew it, or -1.
    pub leader_epoch: i32,
    /// The client's own note.
    pub metadata: String,
}

/// The positions of a group, by topic and partition.
pub type GroupOffsets = BTreeMap<(String, i32), Committed>;

#[derive(Serialize, Deserialize)]
enum Entry {
    /// A group commits.
    Commit {
        group: String,
        offsets: Vec<(String, i32, Committed)>,
    },
    /// A group is gone.
    Group { group: String },
    /// A topic is gone.
    Topic { topic: String },
}

struct State {
    journal: Journal,
    groups: HashMap<String, GroupOffsets>,
    appended: usize,
}

/// All committed offsets.
pub struct Offsets {
    state: Mutex<State>,
    fsync: FsyncPolicy,
}

/// Most positions in one entry: with the longest names and notes, escaped, they stay within an entry's bound.
const PER_ENTRY: usize = 30;
/// Entries after which it is considered whether to write the journal anew.
const REWRITE_AFTER: usize = 20_000;

impl State {
    fn apply(groups: &mut HashMap<String, GroupOffsets>, entry: Entry) {
        match entry {
            Entry::Commit { group, offsets } => {
                let positions = groups.entry(group).or_default();
                positions.extend(
                    offsets
                        .into_iter()
                        .map(|(topic, partition, c)| ((topic, partition), c)),
                );
            }
            Entry::Group { group } => {
                groups.remove(&group);
            }
            Entry::Topic { topic } => {
                for positions in groups.values_mut() {
                    positions.retain(|(name, _), _| *name != topic);
                }
                groups.retain(|_, positions| !positions.is_empty());
            }
        }
    }

    fn append(&mut self, entry: Entry, fsync: FsyncPolicy) -> io::Result<()> {
        self.journal.append(&serde_json::to_vec(&entry)?)?;
        if fsync == FsyncPolicy::Always {
            self.journal.sync()?;
        }
        Self::apply(&mut self.groups, entry);
        self.appended += 1;
        let live: usize = self.groups.values().map(BTreeMap::len).sum();
        if self.appended > REWRITE_AFTER + 10 * live {
            self.rewrite()?;
        }
        Ok(())
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let entries = self.groups.iter().flat_map(|(group, positions)| {
            positions.iter().map(move |((topic, partition), committed)| {
                let offsets = vec![(topic.clone(), *partition, committed.clone())];
                serde_json::to_vec(&Entry::Commit {
                    group: group.clone(),
                    offsets,
                })
                .unwrap_or_default()
            })
        });
        self.journal.rewrite(entries)?;
        self.appended = 0;
        Ok(())
    }
}

impl Offsets {
    /// Opens the journal in `data_dir`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(data_dir: &Path, fsync: FsyncPolicy) -> io::Result<Self> {
        let mut groups = HashMap::new();
        let mut appended = 0;
        let journal = Journal::open(&data_dir.join("offsets.journal"), |bytes| {
            appended += 1;
            match serde_json::from_slice(bytes) {
                Ok(entry) => State::apply(&mut groups, entry),
                Err(error) => {
                    tracing::warn!(%error, "an entry of the journal of offsets is of no known kind")
                }
            }
        })?;
        Ok(Self {
            state: Mutex::new(State {
                journal,
                groups,
                appended,
            }),
            fsync,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps positions of `group`.
    ///
    /// # Errors
    /// Those of the file system; nothing is kept then.
    pub fn commit(&self, group: &str, offsets: Vec<(String, i32, Committed)>) -> io::Result<()> {
        // One entry has a bound, so a commit of very many partitions makes several.
        let mut offsets = offsets.into_iter().peekable();
        while offsets.peek().is_some() {
            let part = offsets.by_ref().take(PER_ENTRY).collect();
            self.state().append(
                Entry::Commit {
                    group: group.to_owned(),
                    offsets: part,
                },
                self.fsync,
            )?;
        }
        Ok(())
    }

    /// The position of `group` in a partition.
    pub fn get(&self, group: &str, topic: &str, partition: i32) -> Option<Committed> {
        self.state()
            .groups
            .get(group)?
            .get(&(topic.to_owned(), partition))
            .cloned()
    }

    /// All positions of `group`.
    pub fn all(&self, group: &str) -> GroupOffsets {
        self.state().groups.get(group).cloned().unwrap_or_default()
    }

    /// Every group that has committed.
    pub fn groups(&self) -> Vec<String> {
        self.state().groups.keys().cloned().collect()
    }

    /// Number of groups that have committed.
    pub fn len(&self) -> usize {
        self.state().groups.len()
    }

    /// Whether no group has committed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `group` has committed.
    pub fn has_group(&self, group: &str) -> bool {
        self.state().groups.contains_key(group)
    }

    /// Forgets `group`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn delete_group(&self, group: &str) -> io::Result<()> {
        self.state().append(
            Entry::Group {
                group: group.to_owned(),
            },
            self.fsync,
        )
    }

    /// Forgets all positions in `topic`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn delete_topic(&self, topic: &str) -> io::Result<()> {
        self.state().append(
            Entry::Topic {
                topic: topic.to_owned(),
            },
            self.fsync,
        )
    }

    /// Gives everything to the disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sync(&self) -> io::Result<()> {
        self.state().journal.sync()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> Committed {
        Committed {
            offset,
            leader_epoch: -1,
            metadata: String::new(),
        }
    }

    #[test]
    fn positions_survive_and_the_journal_stays_small() {
        let folder = tempfile::tempdir().unwrap();
        let offsets = Offsets::open(folder.path(), FsyncPolicy::System).unwrap();
        for n in 0..50_000 {
            offsets
                .commit("g", vec![("t".to_owned(), (n % 3) as i32, at(n))])
                .unwrap();
        }
        offsets.commit("h", vec![("u".to_owned(), 0, at(5))]).unwrap();
        offsets.commit("gone", vec![("u".to_owned(), 0, at(5))]).unwrap();
        offsets.delete_group("gone").unwrap();
        let size = std::fs::metadata(folder.path().join("offsets.journal"))
            .unwrap()
            .len();
        assert!(size < 4_000_000, "{size} bytes");
        drop(offsets);

        let offsets = Offsets::open(folder.path(), FsyncPolicy::System).unwrap();
        assert_eq!(offsets.get("g", "t", 1), Some(at(49_999)));
        assert_eq!(offsets.all("h").len(), 1);
        assert!(!offsets.has_group("gone"));
        offsets.delete_topic("t").unwrap();
        assert_eq!(offsets.groups(), ["h"]);
    }
}
