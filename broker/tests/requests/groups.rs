//! Groups and their positions, good and bad.

use crate::common::{Client, broker, text};
use crate::helpers::{TOPIC, create, group, topic_name, versions};
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::*;

#[test]
fn a_group_lives_in_every_version() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    assert_eq!(create(&mut client, TOPIC, 1, &[], 7), 0);
    for version in versions(ApiKey::FindCoordinator) {
        let request = FindCoordinatorRequest::default();
        let response = if version >= 4 {
            client.call(
                &request.with_coordinator_keys(vec![text("a"), text("b")]),
                version,
            )
        } else {
            client.call(&request.with_key(text("a")), version)
        };
        assert_eq!(response.coordinators.len(), if version >= 4 { 2 } else { 0 });
        assert!(version >= 4 || response.node_id == BrokerId(1));
    }
    for version in versions(ApiKey::JoinGroup) {
        let name = format!("g{version}");
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text("range"))
            .with_metadata(Bytes::from_static(b"m"));
        let join = |member: &str| {
            JoinGroupRequest::default()
                .with_group_id(group(&name))
                .with_session_timeout_ms(6000)
                .with_rebalance_timeout_ms(6000)
                .with_member_id(text(member))
                .with_protocol_type(text("consumer"))
                .with_protocols(vec![protocol.clone()])
        };
        let mut joined = client.call(&join(""), version);
        if version >= 4 {
            assert_eq!(joined.error_code, ResponseError::MemberIdRequired.code());
            joined = client.call(&join(&joined.member_id), version);
        }
        assert_eq!(
            (joined.error_code, joined.generation_id, joined.members.len()),
            (0, 1, 1)
        );
        let member = joined.member_id.clone();
        let short = client
            .call(&join("").with_session_timeout_ms(1), version)
            .error_code;
        assert_eq!(short, ResponseError::InvalidSessionTimeout.code());

        let sync_version = version.min(5);
        let assignment = SyncGroupRequestAssignment::default()
            .with_member_id(member.clone())
            .with_assignment(Bytes::from_static(b"all"));
        let sync = SyncGroupRequest::default()
            .with_group_id(group(&name))
            .with_generation_id(1)
            .with_member_id(member.clone())
            .with_assignments(vec![assignment]);
        assert_eq!(
            client.call(&sync, sync_version).assignment,
            Bytes::from_static(b"all")
        );
        let heartbeat_version = version.min(4);
        let beat = HeartbeatRequest::default()
            .with_group_id(group(&name))
            .with_member_id(member.clone());
        assert_eq!(
            client
                .call(&beat.clone().with_generation_id(1), heartbeat_version)
                .error_code,
            0
        );
        let old = client
            .call(&beat.with_generation_id(0), heartbeat_version)
            .error_code;
        assert_eq!(old, ResponseError::IllegalGeneration.code());

        let commit_version = version.clamp(2, 9);
        let partition = |offset| OffsetCommitRequestPartition::default().with_committed_offset(offset);
        let commit = |generation, offset| {
            let topic = OffsetCommitRequestTopic::default()
                .with_name(topic_name(TOPIC))
                .with_partitions(vec![partition(offset)]);
            OffsetCommitRequest::default()
                .with_group_id(group(&name))
                .with_generation_id_or_member_epoch(generation)
                .with_member_id(member.clone())
                .with_topics(vec![topic])
        };
        let code = |response: OffsetCommitResponse| response.topics[0].partitions[0].error_code;
        assert_eq!(code(client.call(&commit(1, 42), commit_version)), 0);
        let old = code(client.call(&commit(0, 41), commit_version));
        assert_eq!(old, ResponseError::IllegalGeneration.code());

        let describe = DescribeGroupsRequest::default().with_groups(vec![group(&name), group("nobody")]);
        let describe_version = version.min(6);
        let described = client.call(&describe, describe_version);
        let not_there = if describe_version == 6 {
            ResponseError::GroupIdNotFound.code()
        } else {
            0
        };
        assert_eq!(described.groups[1].error_code, not_there);
        assert_eq!(described.groups[0].group_state.as_str(), "Stable");
        assert_eq!(
            described.groups[0].members[0].member_assignment,
            Bytes::from_static(b"all")
        );
        assert_eq!(described.groups[1].group_state.as_str(), "Dead");
        let delete_version = version.min(2);
        let delete = DeleteGroupsRequest::default().with_groups_names(vec![group(&name), group("nobody")]);
        let results = client.call(&delete, delete_version).results;
        assert_eq!(results[0].error_code, ResponseError::NonEmptyGroup.code());
        assert_eq!(results[1].error_code, ResponseError::GroupIdNotFound.code());

        let leave_version = version.min(5);
        let leave = LeaveGroupRequest::default().with_group_id(group(&name));
        if leave_version >= 3 {
            let leave = leave.with_members(vec![MemberIdentity::default().with_member_id(member.clone())]);
            assert_eq!(client.call(&leave, leave_version).members[0].error_code, 0);
        } else {
            assert_eq!(
                client
                    .call(&leave.with_member_id(member), leave_version)
                    .error_code,
                0
            );
        }
        assert_eq!(client.call(&delete, delete_version).results[0].error_code, 0);
    }
    for version in versions(ApiKey::ListGroups) {
        assert_eq!(
            client.call(&ListGroupsRequest::default(), version).groups.len(),
            0
        );
    }
}

#[test]
fn offsets_are_committed_and_fetched_in_every_version() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    assert_eq!(create(&mut client, TOPIC, 2, &[], 7), 0);
    for version in versions(ApiKey::OffsetCommit) {
        let partition = |index, metadata: String| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(index)
                .with_committed_offset(i64::from(version))
                .with_committed_metadata(Some(text(&metadata)))
        };
        let partitions = vec![
            partition(0, "note".to_owned()),
            partition(1, "x".repeat(5000)),
            partition(7, String::new()),
        ];
        let topic = OffsetCommitRequestTopic::default()
            .with_name(topic_name(TOPIC))
            .with_partitions(partitions);
        let request = OffsetCommitRequest::default()
            .with_group_id(group("g"))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![topic]);
        let response = client.call(&request, version);
        let codes: Vec<i16> = response.topics[0]
            .partitions
            .iter()
            .map(|p| p.error_code)
            .collect();
        let expected = [
            0,
            ResponseError::OffsetMetadataTooLarge.code(),
            ResponseError::UnknownTopicOrPartition.code(),
        ];
        assert_eq!(codes, expected);
    }
    let last = i64::from(*versions(ApiKey::OffsetCommit).end());
    for version in versions(ApiKey::OffsetFetch) {
        for everything in [false, true] {
            if everything && version < 2 {
                continue;
            }
            let committed = if version >= 8 {
                let topic = OffsetFetchRequestTopics::default()
                    .with_name(topic_name(TOPIC))
                    .with_partition_indexes(vec![0, 1]);
                let group = OffsetFetchRequestGroup::default()
                    .with_group_id(group("g"))
                    .with_topics((!everything).then(|| vec![topic]));
                let request = OffsetFetchRequest::default().with_groups(vec![group]);
                let response = client.call(&request, version);
                let partitions = &response.groups[0].topics[0].partitions;
                partitions
                    .iter()
                    .map(|p| (p.committed_offset, p.metadata.clone()))
                    .collect::<Vec<_>>()
            } else {
                let topic = OffsetFetchRequestTopic::default()
                    .with_name(topic_name(TOPIC))
                    .with_partition_indexes(vec![0, 1]);
                let request = OffsetFetchRequest::default()
                    .with_group_id(group("g"))
                    .with_topics((!everything).then(|| vec![topic]));
                let response = client.call(&request, version);
                let partitions = &response.topics[0].partitions;
                partitions
                    .iter()
                    .map(|p| (p.committed_offset, p.metadata.clone()))
                    .collect::<Vec<_>>()
            };
            assert_eq!(committed[0], (last, Some(text("note"))), "version {version}");
            assert_eq!(
                committed.get(1),
                (!everything).then(|| (-1, Some(text("")))).as_ref()
            );
        }
    }
}

#[test]
fn commits_that_may_not_be_are_refused_and_change_nothing() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    assert_eq!(create(&mut client, TOPIC, 1, &[], 7), 0);
    let mut commit = |group_name: &str, member: &str, generation, offset| {
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(offset);
        let topic = OffsetCommitRequestTopic::default()
            .with_name(topic_name(TOPIC))
            .with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(group(group_name))
            .with_member_id(text(member))
            .with_generation_id_or_member_epoch(generation)
            .with_topics(vec![topic]);
        client.call(&request, 8).topics[0].partitions[0].error_code
    };
    assert_eq!(commit("g", "", -1, 5), 0);
    assert_eq!(commit("", "", -1, 6), ResponseError::InvalidGroupId.code());
    assert_eq!(
        commit("h", "nobody", 3, 6),
        ResponseError::IllegalGeneration.code()
    );
    let topic = OffsetFetchRequestTopic::default()
        .with_name(topic_name(TOPIC))
        .with_partition_indexes(vec![0, 0, 0]);
    let request = OffsetFetchRequest::default()
        .with_group_id(group("g"))
        .with_topics(Some(vec![topic.clone(), topic]));
    let response = client.call(&request, 7);
    let positions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let positions: Vec<i64> = positions.map(|p| p.committed_offset).collect();
    assert_eq!(positions, [5], "once, however often it is asked");
}

#[test]
fn members_and_coordinators_that_are_not_there_are_told_so() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    let unknown = ResponseError::UnknownMemberId.code();
    let beat = HeartbeatRequest::default()
        .with_group_id(group("g"))
        .with_member_id(text("m"));
    assert_eq!(client.call(&beat, 4).error_code, unknown);
    let nameless = HeartbeatRequest::default().with_member_id(text("m"));
    assert_eq!(
        client.call(&nameless, 4).error_code,
        ResponseError::InvalidGroupId.code()
    );
    let protocol = JoinGroupRequestProtocol::default().with_name(text("range"));
    let join = JoinGroupRequest::default()
        .with_session_timeout_ms(6000)
        .with_rebalance_timeout_ms(6000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    assert_eq!(
        client.call(&join, 9).error_code,
        ResponseError::InvalidGroupId.code()
    );
    let stranger = join
        .clone()
        .with_group_id(group("g"))
        .with_member_id(text("stranger"));
    assert_eq!(client.call(&stranger, 9).error_code, unknown);
    let without = join.with_group_id(group("g")).with_protocols(Vec::new());
    assert_eq!(
        client.call(&without, 9).error_code,
        ResponseError::InconsistentGroupProtocol.code()
    );
}

#[test]
fn a_transactional_client_is_told_for_good_that_there_are_no_transactions() {
    let broker = broker();
    let mut client = Client::connect(broker.running.address());
    let refused = ResponseError::TransactionalIdAuthorizationFailed;
    assert!(!refused.is_retriable());
    for version in versions(ApiKey::FindCoordinator).filter(|version| *version >= 1) {
        let code = |client: &mut Client, key_type| {
            let request = FindCoordinatorRequest::default().with_key_type(key_type);
            if version < 4 {
                return client.call(&request.with_key(text("t")), version).error_code;
            }
            let response = client.call(&request.with_coordinator_keys(vec![text("t")]), version);
            response.coordinators[0].error_code
        };
        assert_eq!(code(&mut client, 0), 0, "a group");
        assert_eq!(code(&mut client, 1), refused.code(), "a transaction");
        assert_eq!(code(&mut client, 2), ResponseError::InvalidRequest.code());
    }
    for version in versions(ApiKey::InitProducerId) {
        let init = InitProducerIdRequest::default().with_transactional_id(Some(TransactionalId(text("t"))));
        assert_eq!(client.call(&init, version).error_code, refused.code());
    }
}
