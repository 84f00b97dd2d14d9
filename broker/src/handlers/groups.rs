//! What the members of a group ask: JoinGroup, SyncGroup, Heartbeat, LeaveGroup.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::context::{Context, code, text};
use crate::groups::group::SyncRequest;
use crate::groups::member::JoinRequest;
use crate::wire::request::Request;

/// Version of JoinGroup from which a client must come back with the id that it is given.
const ID_REQUIRED_SINCE: i16 = 4;
/// Version of JoinGroup from which a leader can be told that there is nothing to assign.
const SKIP_SINCE: i16 = 9;
/// Version of JoinGroup from which the protocol's name may be null.
const NULLABLE_SINCE: i16 = 7;
/// Version of SyncGroup from which the protocol is told.
const SYNC_PROTOCOL_SINCE: i16 = 5;
/// Version of LeaveGroup from which several members go at once.
const LEAVE_MANY_SINCE: i16 = 3;

fn milliseconds(value: i32) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or(0))
}

fn owned(value: &Option<StrBytes>) -> Option<String> {
    value.as_ref().map(ToString::to_string)
}

/// A copy of its own, for what is kept: a part of a request would keep all of it in memory.
fn copied(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

pub async fn join(context: &Context<'_>, request: &Request, body: JoinGroupRequest) -> JoinGroupResponse {
    let version = request.version;
    // Version 0 knew only one time-out.
    let rebalance_ms = if version == 0 {
        body.session_timeout_ms
    } else {
        body.rebalance_timeout_ms
    };
    let join = JoinRequest {
        member_id: body.member_id.to_string(),
        instance_id: owned(&body.group_instance_id),
        client_id: request.client_id.clone(),
        client_host: format!("/{}", context.peer.ip()),
        session_timeout: milliseconds(body.session_timeout_ms),
        rebalance_timeout: milliseconds(rebalance_ms),
        protocol_type: body.protocol_type.to_string(),
        protocols: body
            .protocols
            .into_iter()
            .map(|p| (p.name.to_string(), copied(&p.metadata)))
            .collect(),
        id_required: version >= ID_REQUIRED_SINCE,
        can_skip_assignment: version >= SKIP_SINCE,
    };
    let nothing = (version < NULLABLE_SINCE).then(StrBytes::default);
    match context.shared.groups.join(&body.group_id, join).await {
        Ok(joined) => {
            let members = joined.members.into_iter().map(|(id, instance, metadata)| {
                JoinGroupResponseMember::default()
                    .with_member_id(text(id))
                    .with_group_instance_id(if version >= 5 { instance.map(text) } else { None })
                    .with_metadata(metadata)
            });
            JoinGroupResponse::default()
                .with_generation_id(joined.generation)
                .with_protocol_type((version >= NULLABLE_SINCE).then(|| text(joined.protocol_type)))
                .with_protocol_name(Some(text(joined.protocol)))
                .with_leader(text(joined.leader))
                .with_skip_assignment(joined.skip_assignment)
                .with_member_id(text(joined.member_id))
                .with_members(members.collect())
        }
        Err(refused) => JoinGroupResponse::default()
            .with_error_code(refused.error.code())
            .with_generation_id(-1)
            .with_protocol_name(nothing)
            .with_member_id(text(refused.member_id)),
    }
}

pub async fn sync(context: &Context<'_>, version: i16, body: SyncGroupRequest) -> SyncGroupResponse {
    let request = SyncRequest {
        member_id: body.member_id.to_string(),
        instance_id: owned(&body.group_instance_id),
        generation: body.generation_id,
        protocol_type: owned(&body.protocol_type),
        protocol: owned(&body.protocol_name),
        assignments: body
            .assignments
            .into_iter()
            .map(|a| (a.member_id.to_string(), copied(&a.assignment)))
            .collect(),
    };
    match context.shared.groups.sync(&body.group_id, request).await {
        Ok(synced) => {
            let response = SyncGroupResponse::default().with_assignment(synced.assignment);
            if version < SYNC_PROTOCOL_SINCE {
                return response;
            }
            response
                .with_protocol_type(Some(text(synced.protocol_type)))
                .with_protocol_name(Some(text(synced.protocol)))
        }
        Err(error) => SyncGroupResponse::default().with_error_code(error.code()),
    }
}

pub fn heartbeat(context: &Context<'_>, body: &HeartbeatRequest) -> HeartbeatResponse {
    let instance = body.group_instance_id.as_deref();
    let outcome =
        context
            .shared
            .groups
            .heartbeat(&body.group_id, &body.member_id, instance, body.generation_id);
    HeartbeatResponse::default().with_error_code(code(&outcome))
}

pub fn leave(context: &Context<'_>, version: i16, body: &LeaveGroupRequest) -> LeaveGroupResponse {
    let groups = &context.shared.groups;
    if version < LEAVE_MANY_SINCE {
        let outcome = groups.leave(&body.group_id, &body.member_id, None);
        return LeaveGroupResponse::default().with_error_code(code(&outcome));
    }
    let members = body.members.iter().map(|member| {
        let instance = member.group_instance_id.as_deref();
        let outcome = groups.leave(&body.group_id, &member.member_id, instance);
        MemberResponse::default()
            .with_member_id(member.member_id.clone())
            .with_group_instance_id(member.group_instance_id.clone())
            .with_error_code(code(&outcome))
    });
    LeaveGroupResponse::default().with_members(members.collect())
}
