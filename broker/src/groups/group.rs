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
use uuid::Uuid;

use super::member::{JoinError, JoinReply, JoinRequest, Joined, Member, SyncReply, Synced};

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
    state: State,
    generation: i32,
    protocol_type: String,
    protocol: String,
    leader: String,
    /// In the order in which they first joined.
    members: Vec<Member>,
    /// Ids given to clients that have yet to come back with them, and until when.
    pending: HashMap<String, Instant>,
    /// While preparing: not before, so that members who start together join together.
    not_before: Option<Instant>,
    /// While preparing or completing: not after.
    deadline: Option<Instant>,
    initial_delay: Duration,
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

    fn position(&self, member_id: &str) -> Option<usize> {
        self.members.iter().position(|member| member.id == member_id)
    }

    fn instance_position(&self, instance_id: &str) -> Option<usize> {
        self.members
            .iter()
            .position(|m| m.request.instance_id.as_deref() == Some(instance_id))
    }

    /// Finds a member by its id, and by its instance id if it has one.
    fn find(&self, member_id: &str, instance_id: Option<&str>) -> Result<usize, ResponseError> {
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

    /// A client wants to be a member. The answer may take until the group has come together.
    pub fn join(&mut self, request: JoinRequest, reply: JoinReply, now: Instant) {
        if let Err(error) = self.try_join(request, reply, now) {
            let (reply, error) = *error;
            // The client may be gone already; then nobody misses the answer.
            let _ = reply.send(Err(error));
        }
    }

    fn try_join(
        &mut self,
        mut request: JoinRequest,
        reply: JoinReply,
        now: Instant,
    ) -> Result<(), Box<(JoinReply, JoinError)>> {
        let refuse = |reply, error, member_id: &str| {
            Err(Box::new((
                reply,
                JoinError {
                    error,
                    member_id: member_id.to_owned(),
                },
            )))
        };
        if !self.accepts(&request) {
            return refuse(
                reply,
                ResponseError::InconsistentGroupProtocol,
                &request.member_id,
            );
        }
        let instance = request
            .instance_id
            .as_deref()
            .and_then(|instance| self.instance_position(instance));
        if request.member_id.is_empty() {
            if let Some(at) = instance {
                self.replace_static(at, request, reply, now);
                return Ok(());
            }
            if self.members.len() + self.pending.len() >= MAX_MEMBERS {
                return refuse(reply, ResponseError::GroupMaxSizeReached, "");
            }
            let name = request.instance_id.as_deref().unwrap_or(&request.client_id);
            let id = format!("{name}-{}", Uuid::new_v4());
            if request.id_required && request.instance_id.is_none() {
                self.pending.insert(id.clone(), now + request.session_timeout);
                return refuse(reply, ResponseError::MemberIdRequired, &id);
            }
            request.member_id = id;
            self.add(request, reply, now);
            return Ok(());
        }
        let id = request.member_id.clone();
        if self.pending.remove(&id).is_some() {
            self.add(request, reply, now);
            return Ok(());
        }
        match self.find(&id, request.instance_id.as_deref()) {
            Ok(at) => self.rejoin(at, request, reply, now),
            Err(error) => return refuse(reply, error, &id),
        }
        Ok(())
    }

    /// Whether the protocols of `request` go with those of the members.
    fn accepts(&self, request: &JoinRequest) -> bool {
        if request.protocol_type.is_empty() || request.protocols.is_empty() {
            return false;
        }
        let others = || {
            self.members
                .iter()
                .filter(|member| member.id != request.member_id)
        };
        if others().next().is_none() {
            return true;
        }
        let common = |name: &str| others().all(|member| member.offers(name));
        self.protocol_type == request.protocol_type && request.protocols.iter().any(|(name, _)| common(name))
    }

    fn add(&mut self, request: JoinRequest, reply: JoinReply, now: Instant) {
        if self.members.is_empty() {
            self.protocol_type = request.protocol_type.clone();
        }
        let deadline = now + request.session_timeout;
        let id = request.member_id.clone();
        self.members.push(Member {
            id,
            request,
            assignment: Bytes::new(),
            deadline,
            joining: Some(reply),
            syncing: None,
        });
        self.rebalance(now);
    }

    /// A static member has started again: it takes the place of its former self.
    fn replace_static(&mut self, at: usize, mut request: JoinRequest, reply: JoinReply, now: Instant) {
        let old_id = self.members[at].id.clone();
        let instance = request.instance_id.clone().unwrap_or_default();
        request.member_id = format!("{instance}-{}", Uuid::new_v4());
        let can_skip = request.can_skip_assignment;
        let member = &mut self.members[at];
        let fenced = || JoinError {
            error: ResponseError::FencedInstanceId,
            member_id: old_id.clone(),
        };
        if let Some(former) = member.joining.take() {
            let _ = former.send(Err(fenced()));
        }
        if let Some(former) = member.syncing.take() {
            let _ = former.send(Err(ResponseError::FencedInstanceId));
        }
        let unchanged = member.request.protocols == request.protocols;
        member.id = request.member_id.clone();
        member.request = request;
        member.touch(now);
        let was_leader = self.leader == old_id;
        if was_leader {
            self.leader = self.members[at].id.clone();
        }
        if self.state == State::Stable && unchanged {
            let mut joined = self.joined(at);
            if was_leader && can_skip {
                joined.skip_assignment = true;
            } else if was_leader {
                // An older client assigns whenever it is named leader: so it is told its former name.
                joined.leader = old_id;
                joined.members.clear();
            }
            let _ = reply.send(Ok(joined));
            return;
        }
        self.members[at].joining = Some(reply);
        self.rebalance(now);
    }

    fn rejoin(&mut self, at: usize, request: JoinRequest, reply: JoinReply, now: Instant) {
        let changed = self.members[at].request.protocols != request.protocols;
        let is_leader = self.members[at].id == self.leader;
        let member = &mut self.members[at];
        member.request = request;
        member.touch(now);
        let answer_again = match self.state {
            State::Stable => !changed && !is_leader,
            // The answer to its first JoinGroup was lost.
            State::CompletingRebalance => !changed,
            State::PreparingRebalance | State::Empty => false,
        };
        if answer_again {
            let joined = self.joined(at);
            let _ = reply.send(Ok(joined));
            return;
        }
        self.members[at].joining = Some(reply);
        self.rebalance(now);
    }

    /// Begins to come together, if that is not under way, and completes it if everyone is there.
    fn rebalance(&mut self, now: Instant) {
        let longest = self.longest_rebalance_timeout();
        match self.state {
            State::PreparingRebalance => {
                // Another one came while the first waited: wait for its company, too.
                if let (Some(wait), Some(end)) = (self.not_before, self.deadline) {
                    self.not_before = Some(wait.max((now + self.initial_delay).min(end)));
                }
            }
            from => {
                self.not_before = (from == State::Empty).then(|| now + self.initial_delay);
                self.deadline = Some(now + longest);
                self.state = State::PreparingRebalance;
                for member in &mut self.members {
                    member.assignment = Bytes::new();
                    if let Some(reply) = member.syncing.take() {
                        let _ = reply.send(Err(ResponseError::RebalanceInProgress));
                        member.deadline = now + member.request.session_timeout;
                    }
                }
            }
        }
        self.complete_if_ready(now);
    }

    fn longest_rebalance_timeout(&self) -> Duration {
        self.members
            .iter()
            .map(|member| member.request.rebalance_timeout)
            .max()
            .unwrap_or_default()
    }

    fn complete_if_ready(&mut self, now: Instant) {
        if self.state != State::PreparingRebalance {
            return;
        }
        let everyone = self.pending.is_empty() && self.members.iter().all(|member| member.joining.is_some());
        let may = self.not_before.is_none_or(|wait| wait <= now);
        let must = self.deadline.is_some_and(|end| end <= now);
        if must || (everyone && may) || self.members.is_empty() {
            self.complete(now);
        }
    }

    fn complete(&mut self, now: Instant) {
        // Who has not come is out; static members keep their place until their session ends.
        self.members
            .retain(|member| member.joining.is_some() || member.request.instance_id.is_some());
        self.generation = self.generation.wrapping_add(1).max(1);
        self.not_before = None;
        let anyone = self.members.iter().position(|member| member.joining.is_some());
        let Some(first) = anyone else {
            self.state = if self.members.is_empty() {
                State::Empty
            } else {
                State::PreparingRebalance
            };
            self.deadline = (!self.members.is_empty()).then(|| now + self.longest_rebalance_timeout());
            self.protocol.clear();
            self.leader.clear();
            return;
        };
        let leader = self
            .members
            .iter()
            .position(|m| m.id == self.leader && m.joining.is_some());
        self.leader = self.members[leader.unwrap_or(first)].id.clone();
        self.protocol = self.choose_protocol();
        self.state = State::CompletingRebalance;
        self.deadline = Some(now + self.longest_rebalance_timeout());
        for at in 0..self.members.len() {
            let joined = self.joined(at);
            let member = &mut self.members[at];
            if let Some(reply) = member.joining.take() {
                member.touch(now);
                let _ = reply.send(Ok(joined));
            }
        }
    }

    /// The protocol that most members like best among those that all offer.
    fn choose_protocol(&self) -> String {
        let common = |name: &str| self.members.iter().all(|member| member.offers(name));
        let mut votes: Vec<(&str, usize)> = Vec::new();
        for member in &self.members {
            let Some((name, _)) = member.request.protocols.iter().find(|(name, _)| common(name)) else {
                continue;
            };
            match votes.iter_mut().find(|(voted, _)| voted == name) {
                Some((_, count)) => *count += 1,
                None => votes.push((name, 1)),
            }
        }
        // Of equals, the first.
        let best = votes.iter().rev().max_by_key(|(_, count)| *count);
        best.map(|(name, _)| (*name).to_owned()).unwrap_or_default()
    }

    fn joined(&self, at: usize) -> Joined {
        let member = &self.members[at];
        let for_leader = member.id == self.leader;
        let everyone = || {
            let entry = |m: &Member| {
                (
                    m.id.clone(),
                    m.request.instance_id.clone(),
                    m.metadata(&self.protocol),
                )
            };
            self.members.iter().map(entry).collect()
        };
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            member_id: member.id.clone(),
            skip_assignment: false,
            members: if for_leader { everyone() } else { Vec::new() },
        }
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
