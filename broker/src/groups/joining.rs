//! How clients become members: with or without an id, for the first time or again, with a name that lasts.

use std::time::Instant;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use uuid::Uuid;

use super::group::{Group, MAX_MEMBERS, State};
use super::member::{JoinError, JoinReply, JoinRequest, Member};

impl Group {
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
        if request.rebalance_timeout.is_zero() {
            // Nobody can come back in no time: the group would only ever hold its newest member.
            request.rebalance_timeout = request.session_timeout;
        }
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
}
