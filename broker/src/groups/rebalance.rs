//! How a group comes together: members are waited for, a generation begins, the leader is named.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::group::{Group, State};
use super::member::{Joined, Member};

impl Group {
    /// Begins to come together, if that is not under way, and completes it if everyone is there.
    pub(super) fn rebalance(&mut self, now: Instant) {
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

    pub(super) fn complete_if_ready(&mut self, now: Instant) {
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

    pub(super) fn joined(&self, at: usize) -> Joined {
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
}
