//! One group as a state machine.
//!
//! ```text
//! Empty -> PreparingRebalance -> CompletingRebalance -> Stable
//!   ^             ^  |                  |                 |
//!   +-------------+--+------------------+-----------------+   a member joins, leaves, is silent, changes its mind
//! ```
//! In `PreparingRebalance` the answers to JoinGroup are held back until every member has joined again or the
//! rebalance time-out is over; in `CompletingRebalance` those to SyncGroup until the leader has assigned.
//! Nothing here reads a clock or waits: `now` is handed in, [`Group::next_deadline`] says when to call
//! [`Group::expire`], and answers go out through the channels that came with the requests.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::member::{JoinError, Member, SyncReply, Synced};

/// Most members of a group.
pub const MAX_MEMBERS: usize = 1000;

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No members. Offsets may be committed from outside.
    Empty,
    /// Members come together.
    PreparingRebalance,
    /// The leader assigns.
    CompletingRebalance,
    /// Everyone has a part.
    Stable,
}

impl State {
    /// Kafka's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// A group.
#[derive(Debug)]
pub struct Group {
    pub(super) state: State,
    pub(super) generation: i32,
    pub(super) protocol_type: String,
    pub(super) protocol: String,
    pub(super) leader: String,
    /// In the order in which they first joined.
    pub(super) members: Vec<Member>,
    /// Ids given to clients that have yet to come back with them, and until when.
    pub(super) pending: HashMap<String, Instant>,
    /// While preparing: not before, so that members who start together join together.
    pub(super) not_before: Option<Instant>,
    /// While preparing or completing: not after.
    pub(super) deadline: Option<Instant>,
    pub(super) initial_delay: Duration,
}

impl Group {
    /// An empty group. Its first member waits `initial_delay` for others.
    pub fn new(initial_delay: Duration) -> Self {
        Self {
            state: State::Empty,
            generation: 0,
            protocol_type: String::new(),
            protocol: String::new(),
            leader: String::new(),
            members: Vec::new(),
            pending: HashMap::new(),
            not_before: None,
            deadline: None,
            initial_delay,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// How often it has come together.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// `consumer`, usually; empty before the first member.
    pub fn protocol_type(&self) -> &str {
        &self.protocol_type
    }

    /// The assignor chosen, while there are members.
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// Its members.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether nobody is there or about to be.
    pub fn is_idle(&self) -> bool {
        self.members.is_empty() && self.pending.is_empty()
    }

    pub(super) fn position(&self, member_id: &str) -> Option<usize> {
        self.members.iter().position(|member| member.id == member_id)
    }

    pub(super) fn instance_position(&self, instance_id: &str) -> Option<usize> {
        self.members
            .iter()
            .position(|m| m.request.instance_id.as_deref() == Some(instance_id))
    }

    /// Finds a member by its id, and by its instance id if it has one.
    pub(super) fn find(&self, member_id: &str, instance_id: Option<&str>) -> Result<usize, ResponseError> {
        if let Some(instance) = instance_id {
            let at = self
                .instance_position(instance)
                .ok_or(ResponseError::UnknownMemberId)?;
            let same = self.members[at].id == member_id;
            return if same {
                Ok(at)
            } else {
                Err(ResponseError::FencedInstanceId)
            };
        }
        self.position(member_id).ok_or(ResponseError::UnknownMemberId)
    }

    /// A member asks for its part; the leader brings everyone's.
    pub fn sync(&mut self, request: SyncRequest, reply: SyncReply, now: Instant) {
        let checked = self
            .find(&request.member_id, request.instance_id.as_deref())
            .and_then(|at| {
                let fits =
                    |named: &Option<String>, actual: &str| named.as_deref().is_none_or(|n| n == actual);
                if request.generation != self.generation {
                    Err(ResponseError::IllegalGeneration)
                } else if !fits(&request.protocol_type, &self.protocol_type)
                    || !fits(&request.protocol, &self.protocol)
                {
                    Err(ResponseError::InconsistentGroupProtocol)
                } else {
                    Ok(at)
                }
            });
        let at = match (checked, self.state) {
            (Err(error), _) => {
                let _ = reply.send(Err(error));
                return;
            }
            (Ok(_), State::PreparingRebalance | State::Empty) => {
                let _ = reply.send(Err(ResponseError::RebalanceInProgress));
                return;
            }
            (Ok(at), State::Stable) => {
                self.members[at].touch(now);
                let _ = reply.send(Ok(self.synced(at)));
                return;
            }
            (Ok(at), State::CompletingRebalance) => at,
        };
        self.members[at].syncing = Some(reply);
        if self.members[at].id != self.leader {
            return;
        }
        for (id, assignment) in request.assignments {
            if let Some(at) = self.position(&id) {
                self.members[at].assignment = assignment;
            }
        }
        self.state = State::Stable;
        self.deadline = None;
        for at in 0..self.members.len() {
            let synced = self.synced(at);
            let member = &mut self.members[at];
            if let Some(reply) = member.syncing.take() {
                member.touch(now);
                let _ = reply.send(Ok(synced));
            }
        }
    }

    fn synced(&self, at: usize) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: self.members[at].assignment.clone(),
        }
    }

    /// A member is alive.
    ///
    /// # Errors
    /// `RebalanceInProgress` tells it to join again; the others that it is not, or no longer, a member.
    pub fn heartbeat(
        &mut self,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
        now: Instant,
    ) -> Result<(), ResponseError> {
        let at = self.find(member_id, instance_id)?;
        if generation != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        self.members[at].touch(now);
        match self.state {
            State::PreparingRebalance => Err(ResponseError::RebalanceInProgress),
            State::Empty => Err(ResponseError::UnknownMemberId),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }

    /// A member goes: by its id, or by its instance id alone if an administrator removes it.
    ///
    /// # Errors
    /// When there is no such member.
    pub fn leave(
        &mut self,
        member_id: &str,
        instance_id: Option<&str>,
        now: Instant,
    ) -> Result<(), ResponseError> {
        if self.pending.remove(member_id).is_some() {
            self.complete_if_ready(now);
            return Ok(());
        }
        let at = match instance_id {
            Some(instance) if member_id.is_empty() => self
                .instance_position(instance)
                .ok_or(ResponseError::UnknownMemberId)?,
            _ => self.find(member_id, instance_id)?,
        };
        self.remove(at, now);
        Ok(())
    }

    fn remove(&mut self, at: usize, now: Instant) {
        let member = self.members.remove(at);
        if let Some(reply) = member.joining {
            let _ = reply.send(Err(JoinError {
                error: ResponseError::UnknownMemberId,
                member_id: member.id,
            }));
        }
        if let Some(reply) = member.syncing {
            let _ = reply.send(Err(ResponseError::UnknownMemberId));
        }
        self.rebalance(now);
    }

    /// Whether a commit of this member and generation is to be taken. A negative generation is a client outside of the
    /// group, which may commit while the group has no members.
    ///
    /// # Errors
    /// What to tell the client otherwise.
    pub fn check_commit(
        &mut self,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
        now: Instant,
    ) -> Result<(), ResponseError> {
        if generation < 0 && self.members.is_empty() {
            return Ok(());
        }
        let at = self.find(member_id, instance_id)?;
        if generation != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        self.members[at].touch(now);
        if self.state == State::CompletingRebalance {
            return Err(ResponseError::RebalanceInProgress);
        }
        Ok(())
    }

    /// When [`Self::expire`] should be called next.
    pub fn next_deadline(&self) -> Option<Instant> {
        let members = self
            .members
            .iter()
            .filter(|m| !m.is_waiting())
            .map(|m| m.deadline);
        // `not_before` only matters once everyone is there; then it is the time to complete.
        members
            .chain(self.pending.values().copied())
            .chain(self.deadline)
            .chain(self.not_before)
            .min()
    }

    /// Does what time brings: members that are silent go, time-outs end.
    pub fn expire(&mut self, now: Instant) {
        self.pending.retain(|_, until| *until > now);
        while let Some(at) = self
            .members
            .iter()
            .position(|m| !m.is_waiting() && m.deadline <= now)
        {
            tracing::info!(
                member = self.members[at].id,
                "a group member is silent for its session time-out: removed"
            );
            self.remove(at, now);
        }
        if self.state == State::CompletingRebalance && self.deadline.is_some_and(|end| end <= now) {
            // Whoever has not asked for its part by now is out, and the others come together again.
            self.members.retain(|member| member.syncing.is_some());
            self.rebalance(now);
        }
        if self.not_before.is_some_and(|wait| wait <= now) {
            self.not_before = None;
        }
        self.complete_if_ready(now);
    }
}

/// What a member asks with SyncGroup.
#[derive(Debug, Clone, Default)]
pub struct SyncRequest {
    /// Its id.
    pub member_id: String,
    /// Its lasting name, if it has one.
    pub instance_id: Option<String>,
    /// The generation that it joined.
    pub generation: i32,
    /// What it takes the group's protocol type for, if it says so.
    pub protocol_type: Option<String>,
    /// What it takes the chosen assignor for, if it says so.
    pub protocol: Option<String>,
    /// From the leader: everyone's part, by member id.
    pub assignments: Vec<(String, Bytes)>,
}
