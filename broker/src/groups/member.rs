//! One member of a group, and what it asks and is told.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::oneshot;

/// Where the answer to a JoinGroup goes.
pub type JoinReply = oneshot::Sender<Result<Joined, JoinError>>;
/// Where the answer to a SyncGroup goes.
pub type SyncReply = oneshot::Sender<Result<Synced, ResponseError>>;

/// What a member brings when it joins.
#[derive(Debug, Clone)]
pub struct JoinRequest {
    /// Its id, or empty if it has none yet.
    pub member_id: String,
    /// Its own lasting name, for static membership.
    pub instance_id: Option<String>,
    /// Name and address of the client, for descriptions.
    pub client_id: String,
    /// Address of the client.
    pub client_host: String,
    /// Without a heartbeat for so long it is gone.
    pub session_timeout: Duration,
    /// So long it may take to join again when the group rebalances.
    pub rebalance_timeout: Duration,
    /// `consumer`, usually.
    pub protocol_type: String,
    /// Assignors that it offers, best first, each with its subscription.
    pub protocols: Vec<(String, Bytes)>,
    /// A client without an id must come back with the one that it is given (JoinGroup version 4 and later).
    pub id_required: bool,
    /// The client understands that a leader may have nothing to assign (JoinGroup version 9 and later).
    pub can_skip_assignment: bool,
}

/// What a member is told when the group has come together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Counts the times that the group came together.
    pub generation: i32,
    /// `consumer`, usually.
    pub protocol_type: String,
    /// The assignor chosen.
    pub protocol: String,
    /// Id of the member that assigns.
    pub leader: String,
    /// Id of the member told.
    pub member_id: String,
    /// The leader need not assign: what is assigned stays.
    pub skip_assignment: bool,
    /// For the leader: every member's id, instance id and subscription.
    pub members: Vec<(String, Option<String>, Bytes)>,
}

/// Why a member did not get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinError {
    /// The reason.
    pub error: ResponseError,
    /// The id to come back with, when that is the reason; otherwise the one it came with.
    pub member_id: String,
}

/// What a member is told of its part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// `consumer`, usually.
    pub protocol_type: String,
    /// The assignor chosen.
    pub protocol: String,
    /// Its part, in the leader's words.
    pub assignment: Bytes,
}

/// A member of a group.
#[derive(Debug)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// What it brought when it last joined.
    pub request: JoinRequest,
    /// Its part, empty until the leader has assigned.
    pub assignment: Bytes,
    /// It is gone if it is not heard of before.
    pub deadline: Instant,
    /// Set while it waits for the group to come together.
    pub joining: Option<JoinReply>,
    /// Set while it waits for its part.
    pub syncing: Option<SyncReply>,
}

impl Member {
    /// Whether it waits for an answer: such a member cannot be expected to send heartbeats.
    pub fn is_waiting(&self) -> bool {
        self.joining.is_some() || self.syncing.is_some()
    }

    /// Its subscription for `protocol`.
    pub fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.request.protocols.iter().find(|(name, _)| name == protocol);
        found.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    /// Whether it offers `protocol`.
    pub fn offers(&self, protocol: &str) -> bool {
        self.request.protocols.iter().any(|(name, _)| name == protocol)
    }

    /// It was heard of.
    pub fn touch(&mut self, now: Instant) {
        self.deadline = now + self.request.session_timeout;
    }
}
