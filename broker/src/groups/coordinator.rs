//! All groups, their time-outs, and the requests that concern them.
//!
//! The groups are behind one lock, which is never held across a wait or a write to disk: what is asked of committed
//! offsets meanwhile is in memory. One task sleeps until the
//! earliest time-out of any group; a request that brings an earlier one wakes it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;
use tokio::sync::{Notify, oneshot};

use super::group::{Group, State, SyncRequest};
use super::member::{JoinError, JoinRequest, Joined, Synced};
use super::offsets::{Committed, Offsets};
use super::subscription::{self, TopicsInUse};
use crate::clock::now_ms;

/// Most groups at a time.
const MAX_GROUPS: usize = 10_000;
/// Protocol type of groups whose members are consumers.
const CONSUMER: &str = "consumer";
/// Most bytes that a member's subscriptions may have.
const MAX_SUBSCRIPTION: usize = 1 << 20;

/// What a description says of a group.
#[derive(Debug, Clone)]
pub struct Description {
    /// Where it stands, in Kafka's words.
    pub state: &'static str,
    /// `consumer`, usually.
    pub protocol_type: String,
    /// The assignor chosen.
    pub protocol: String,
    /// Its members.
    pub members: Vec<MemberDescription>,
}

/// What a description says of a member.
#[derive(Debug, Clone)]
pub struct MemberDescription {
    /// Its id.
    pub id: String,
    /// Its lasting name.
    pub instance_id: Option<String>,
    /// The client's name.
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// Its subscription.
    pub metadata: bytes::Bytes,
    /// Its part.
    pub assignment: bytes::Bytes,
}

/// The coordinator of all groups.
pub struct Coordinator {
    groups: Mutex<HashMap<String, Group>>,
    offsets: Offsets,
    initial_delay: Duration,
    session_timeout: (Duration, Duration),
    changed: Notify,
}

impl Coordinator {
    /// A coordinator over these committed offsets.
    pub fn new(offsets: Offsets, initial_delay: Duration, session_timeout: (Duration, Duration)) -> Self {
        Self {
            groups: Mutex::default(),
            offsets,
            initial_delay,
            session_timeout,
            changed: Notify::new(),
        }
    }

    /// The committed offsets.
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<String, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time pass for all groups, forever.
    pub async fn run(&self) {
        loop {
            let next = self.groups().values().filter_map(Group::next_deadline).min();
            let changed = self.changed.notified();
            match next {
                Some(at) => {
                    let _ = tokio::time::timeout_at(at.into(), changed).await;
                }
                None => changed.await,
            }
            let now = Instant::now();
            let mut groups = self.groups();
            for group in groups.values_mut() {
                if group.next_deadline().is_some_and(|at| at <= now) {
                    group.expire(now);
                }
            }
            // Where nobody is and nothing is committed, there is no group.
            groups.retain(|name, group| !group.is_idle() || self.offsets.has_group(name));
        }
    }

    /// JoinGroup: waits until the group has come together.
    ///
    /// # Errors
    /// See [`JoinError`].
    pub async fn join(&self, group_id: &str, request: JoinRequest) -> Result<Joined, JoinError> {
        let member_id = request.member_id.clone();
        let refuse = |error| {
            Err(JoinError {
                error,
                member_id: member_id.clone(),
            })
        };
        if group_id.is_empty() {
            return refuse(ResponseError::InvalidGroupId);
        }
        let (shortest, longest) = self.session_timeout;
        if request.session_timeout < shortest || request.session_timeout > longest {
            return refuse(ResponseError::InvalidSessionTimeout);
        }
        if request
            .protocols
            .iter()
            .map(|(name, metadata)| name.len() + metadata.len())
            .sum::<usize>()
            > MAX_SUBSCRIPTION
        {
            return refuse(ResponseError::InvalidRequest);
        }
        let (reply, answer) = oneshot::channel();
        {
            let mut groups = self.groups();
            if !groups.contains_key(group_id) {
                if !request.member_id.is_empty() {
                    return refuse(ResponseError::UnknownMemberId);
                }
                if groups.len() >= MAX_GROUPS {
                    return refuse(ResponseError::GroupMaxSizeReached);
                }
            }
            let group = groups
                .entry(group_id.to_owned())
                .or_insert_with(|| Group::new(self.initial_delay));
            group.join(request, reply, Instant::now());
        }
        self.changed.notify_one();
        match answer.await {
            Ok(outcome) => outcome,
            // The same member asked again over another connection, and that one gets the answer.
            Err(_) => refuse(ResponseError::UnknownMemberId),
        }
    }

    /// SyncGroup: waits until the leader has assigned.
    ///
    /// # Errors
    /// What to tell the client.
    pub async fn sync(&self, group_id: &str, request: SyncRequest) -> Result<Synced, ResponseError> {
        let (reply, answer) = oneshot::channel();
        self.with(group_id, |group| {
            group.sync(request, reply, Instant::now());
            Ok(())
        })?;
        self.changed.notify_one();
        answer.await.unwrap_or(Err(ResponseError::UnknownMemberId))
    }

    /// Heartbeat.
    ///
    /// # Errors
    /// What to tell the client.
    pub fn heartbeat(
        &self,
        group_id: &str,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ResponseError> {
        self.with(group_id, |group| {
            group.heartbeat(member_id, instance_id, generation, Instant::now())
        })
    }

    /// LeaveGroup, for one member.
    ///
    /// # Errors
    /// What to tell the client.
    pub fn leave(
        &self,
        group_id: &str,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(), ResponseError> {
        let outcome = self.with(group_id, |group| {
            group.leave(member_id, instance_id, Instant::now())
        });
        self.changed.notify_one();
        outcome
    }

    fn with<T>(
        &self,
        group_id: &str,
        act: impl FnOnce(&mut Group) -> Result<T, ResponseError>,
    ) -> Result<T, ResponseError> {
        if group_id.is_empty() {
            return Err(ResponseError::InvalidGroupId);
        }
        self.groups()
            .get_mut(group_id)
            .map_or(Err(ResponseError::UnknownMemberId), act)
    }

    /// Whether a commit is to be taken; see [`Group::check_commit`].
    ///
    /// # Errors
    /// What to tell the client otherwise.
    pub fn check_commit(
        &self,
        group_id: &str,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ResponseError> {
        if group_id.is_empty() {
            return Err(ResponseError::InvalidGroupId);
        }
        match self.groups().get_mut(group_id) {
            Some(group) => group.check_commit(member_id, instance_id, generation, Instant::now()),
            None if self.offsets.len() >= MAX_GROUPS && !self.offsets.has_group(group_id) => {
                Err(ResponseError::GroupMaxSizeReached)
            }
            // Whoever takes part in no group may commit to one that nobody has joined.
            None if generation < 0 => Ok(()),
            None => Err(ResponseError::IllegalGeneration),
        }
    }

    /// Keeps positions of a group.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn commit(&self, group_id: &str, offsets: Vec<(String, i32, Committed)>) -> std::io::Result<()> {
        self.offsets.commit(group_id, offsets, now_ms())
    }

    /// Forgets groups that nobody has used for `retention`, with their positions.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn expire(&self, retention: Duration) -> std::io::Result<()> {
        let in_use: HashSet<String> = {
            let groups = self.groups();
            let used = groups.iter().filter(|(_, group)| !group.is_idle());
            used.map(|(name, _)| name.clone()).collect()
        };
        let expired = self.offsets.expire(&in_use, retention, now_ms());
        self.changed.notify_one();
        expired
    }

    /// The topics that the members of a group read.
    ///
    /// # Errors
    /// `GroupIdNotFound`; `NonEmptyGroup` when its members are not consumers.
    pub fn topics_in_use(&self, group_id: &str) -> Result<TopicsInUse, ResponseError> {
        if group_id.is_empty() {
            return Err(ResponseError::InvalidGroupId);
        }
        let groups = self.groups();
        let group = groups.get(group_id);
        let Some(group) = group.filter(|group| !group.members().is_empty()) else {
            let is_there = group.is_some() || self.offsets.has_group(group_id);
            return is_there
                .then(|| TopicsInUse::Known(BTreeSet::new()))
                .ok_or(ResponseError::GroupIdNotFound);
        };
        if group.protocol_type() != CONSUMER {
            return Err(ResponseError::NonEmptyGroup);
        }
        let mut all = BTreeSet::new();
        for member in group.members() {
            match subscription::topics(&member.metadata(group.protocol())) {
                Some(topics) => all.extend(topics),
                None => return Ok(TopicsInUse::Unknown),
            }
        }
        Ok(TopicsInUse::Known(all))
    }

    /// Describes a group: one that nobody has heard of is `Dead`.
    pub fn describe(&self, group_id: &str) -> Description {
        let none = |state| Description {
            state,
            protocol_type: String::new(),
            protocol: String::new(),
            members: Vec::new(),
        };
        let groups = self.groups();
        let Some(group) = groups.get(group_id) else {
            let state = if self.offsets.has_group(group_id) {
                "Empty"
            } else {
                "Dead"
            };
            return none(state);
        };
        let members = group.members().iter().map(|member| MemberDescription {
            id: member.id.clone(),
            instance_id: member.request.instance_id.clone(),
            client_id: member.request.client_id.clone(),
            client_host: member.request.client_host.clone(),
            metadata: member.metadata(group.protocol()),
            assignment: member.assignment.clone(),
        });
        Description {
            state: group.state().name(),
            protocol_type: group.protocol_type().to_owned(),
            protocol: group.protocol().to_owned(),
            members: members.collect(),
        }
    }

    /// Every group: its name, protocol type and state.
    pub fn list(&self) -> Vec<(String, String, &'static str)> {
        let mut list: Vec<_> = {
            let groups = self.groups();
            let row = |(name, group): (&String, &Group)| {
                (
                    name.clone(),
                    group.protocol_type().to_owned(),
                    group.state().name(),
                )
            };
            groups.iter().map(row).collect()
        };
        for name in self.offsets.groups() {
            if !list.iter().any(|(listed, _, _)| *listed == name) {
                list.push((name, String::new(), State::Empty.name()));
            }
        }
        list.sort();
        list
    }

    /// Deletes a group without members, with its offsets.
    ///
    /// # Errors
    /// `NonEmptyGroup`, `GroupIdNotFound`, or that the disk did not take it.
    pub fn delete(&self, group_id: &str) -> Result<(), ResponseError> {
        {
            let mut groups = self.groups();
            match groups.get(group_id) {
                Some(group) if !group.is_idle() => return Err(ResponseError::NonEmptyGroup),
                Some(_) => {
                    groups.remove(group_id);
                }
                None if !self.offsets.has_group(group_id) => return Err(ResponseError::GroupIdNotFound),
                None => {}
            }
        }
        self.offsets.delete_group(group_id).map_err(|error| {
            tracing::error!(group = group_id, %error, "cannot write the journal of offsets");
            ResponseError::KafkaStorageError
        })
    }
}
