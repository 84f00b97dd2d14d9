//! What is kept of groups, and the entries of the journal that make it so.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

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

/// What happened to committed positions: one entry of the journal.
#[derive(Serialize, Deserialize)]
pub(super) enum Entry {
    /// A group commits.
    Commit {
        group: String,
        offsets: Vec<(String, i32, Committed)>,
        /// When, in milliseconds since 1970; 0 in old journals.
        #[serde(default)]
        at: i64,
    },
    /// A group is gone.
    Group { group: String },
    /// A topic is gone.
    Topic { topic: String },
    /// A group gives up some of its positions.
    Positions {
        group: String,
        partitions: Vec<(String, i32)>,
    },
    /// A group has got members, or has none any more and had them last at this time, in milliseconds since 1970.
    Members { group: String, any: bool, at: i64 },
}

/// What is kept of a group.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) positions: GroupOffsets,
    /// When it was last known to be used, milliseconds since 1970.
    pub(super) used_at: i64,
    /// Whether it had members when last looked at, as it is written down.
    pub(super) has_members: bool,
}

/// All that is kept, by the group's name.
pub(super) type Groups = HashMap<String, Kept>;

/// Lets `entry` happen.
pub(super) fn apply(groups: &mut Groups, entry: Entry) {
    match entry {
        Entry::Commit { group, offsets, at } => {
            let kept = groups.entry(group).or_default();
            kept.used_at = kept.used_at.max(at);
            let positions = offsets.into_iter();
            kept.positions
                .extend(positions.map(|(topic, partition, c)| ((topic, partition), c)));
        }
        Entry::Group { group } => {
            groups.remove(&group);
        }
        Entry::Topic { topic } => {
            for kept in groups.values_mut() {
                kept.positions.retain(|(name, _), _| *name != topic);
            }
            groups.retain(|_, kept| !kept.positions.is_empty());
        }
        Entry::Positions { group, partitions } => {
            if let Some(kept) = groups.get_mut(&group) {
                for partition in partitions {
                    kept.positions.remove(&partition);
                }
                if kept.positions.is_empty() {
                    groups.remove(&group);
                }
            }
        }
        Entry::Members { group, any, at } => {
            if let Some(kept) = groups.get_mut(&group) {
                kept.has_members = any;
                kept.used_at = kept.used_at.max(at);
            }
        }
    }
}
