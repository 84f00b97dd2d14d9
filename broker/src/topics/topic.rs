//! One topic, what is written down of it, and why it may not be.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::log::partition::Partition;

/// Why a topic was not made or changed.
#[derive(Debug, Error)]
pub enum TopicError {
    /// There is one of that name.
    #[error("the topic '{0}' exists already")]
    Exists(String),
    /// There is none of that name.
    #[error("there is no topic '{0}'")]
    Unknown(String),
    /// Not a name that a topic can have.
    #[error("'{0}' is not a topic name: 1 to 249 letters, digits, '.', '_' and '-'")]
    InvalidName(String),
    /// Not a number of partitions that it can have.
    #[error("{0}")]
    InvalidPartitions(String),
    /// Not settings that it can have.
    #[error("{0}")]
    InvalidConfig(String),
    /// The disk did not take it.
    #[error("cannot write to the data folder: {0}")]
    Storage(#[from] io::Error),
}

/// What is written down of a topic.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Description {
    pub(super) id: Uuid,
    pub(super) partitions: i32,
    #[serde(default)]
    pub(super) settings: BTreeMap<String, String>,
}

/// A topic.
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its id: another topic of the same name, made later, has another.
    pub id: Uuid,
    pub(super) overrides: RwLock<BTreeMap<String, String>>,
    pub(super) partitions: RwLock<Vec<Arc<Partition>>>,
}

impl Topic {
    /// Its partitions, in order.
    pub fn partitions(&self) -> Vec<Arc<Partition>> {
        self.partitions
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Partition `index`, if there is one.
    pub fn partition(&self, index: i32) -> Option<Arc<Partition>> {
        let partitions = self.partitions.read().unwrap_or_else(PoisonError::into_inner);
        partitions.get(usize::try_from(index).ok()?).cloned()
    }

    /// The settings that it has of its own.
    pub fn overrides(&self) -> BTreeMap<String, String> {
        self.overrides
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Whether Kafka allows `name` for a topic. Such a name is also a safe name of a folder.
pub fn is_valid_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=249).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(allowed)
}
