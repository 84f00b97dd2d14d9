//! Every request decoder, for bytes of any kind. Shared by the seeded tests and the fuzz targets.

use azulejo_broker::wire::probe;
use bytes::Bytes;
use kafka_protocol::messages::*;

/// Decodes `body` as the request `key` of `version`, whatever it is.
pub fn decode(key: ApiKey, body: Bytes, version: i16) {
    fn as_a<T: kafka_protocol::protocol::Decodable>(body: Bytes, version: i16) {
        let _ = probe::decode::<T>(body, version);
    }
    match key {
        ApiKey::Produce => as_a::<ProduceRequest>(body, version),
        ApiKey::Fetch => as_a::<FetchRequest>(body, version),
        ApiKey::ListOffsets => as_a::<ListOffsetsRequest>(body, version),
        ApiKey::Metadata => as_a::<MetadataRequest>(body, version),
        ApiKey::OffsetCommit => as_a::<OffsetCommitRequest>(body, version),
        ApiKey::OffsetFetch => as_a::<OffsetFetchRequest>(body, version),
        ApiKey::FindCoordinator => as_a::<FindCoordinatorRequest>(body, version),
        ApiKey::JoinGroup => as_a::<JoinGroupRequest>(body, version),
        ApiKey::Heartbeat => as_a::<HeartbeatRequest>(body, version),
        ApiKey::LeaveGroup => as_a::<LeaveGroupRequest>(body, version),
        ApiKey::SyncGroup => as_a::<SyncGroupRequest>(body, version),
        ApiKey::DescribeGroups => as_a::<DescribeGroupsRequest>(body, version),
        ApiKey::ListGroups => as_a::<ListGroupsRequest>(body, version),
        ApiKey::ApiVersions => as_a::<ApiVersionsRequest>(body, version),
        ApiKey::CreateTopics => as_a::<CreateTopicsRequest>(body, version),
        ApiKey::DeleteTopics => as_a::<DeleteTopicsRequest>(body, version),
        ApiKey::DeleteRecords => as_a::<DeleteRecordsRequest>(body, version),
        ApiKey::InitProducerId => as_a::<InitProducerIdRequest>(body, version),
        ApiKey::DescribeConfigs => as_a::<DescribeConfigsRequest>(body, version),
        ApiKey::AlterConfigs => as_a::<AlterConfigsRequest>(body, version),
        ApiKey::CreatePartitions => as_a::<CreatePartitionsRequest>(body, version),
        ApiKey::DeleteGroups => as_a::<DeleteGroupsRequest>(body, version),
        ApiKey::IncrementalAlterConfigs => as_a::<IncrementalAlterConfigsRequest>(body, version),
        ApiKey::DescribeCluster => as_a::<DescribeClusterRequest>(body, version),
        ApiKey::DescribeLogDirs => as_a::<DescribeLogDirsRequest>(body, version),
        ApiKey::OffsetDelete => as_a::<OffsetDeleteRequest>(body, version),
        ApiKey::OffsetForLeaderEpoch => as_a::<OffsetForLeaderEpochRequest>(body, version),
        ApiKey::ListPartitionReassignments => as_a::<ListPartitionReassignmentsRequest>(body, version),
        ApiKey::DescribeTopicPartitions => as_a::<DescribeTopicPartitionsRequest>(body, version),
        other => panic!("{other:?} is offered, but not tried here"),
    }
}
