//! What each request comes to: one file per kind.

mod alter_configs;
mod api_versions;
mod cluster;
mod configs;
mod context;
mod fetch;
mod group_admin;
mod groups;
mod list_offsets;
mod log_dirs;
mod metadata;
mod offset_delete;
mod offsets;
mod produce;
mod producer_ids;
mod records;
mod replicas;
mod topic_partitions;
mod topics;

use kafka_protocol::messages::{ApiKey, ListPartitionReassignmentsRequest};
use kafka_protocol::protocol::{Encodable, HeaderVersion};

use crate::wire::request::{Request, RequestError};
use crate::wire::response::{self, Reply};
pub use context::{Context, Failure};

/// Handles one request.
///
/// # Errors
/// See [`Failure`]. Whatever is wrong with the content of a request is answered, in the words of the protocol.
pub async fn handle(context: &Context<'_>, request: Request) -> Result<Reply, Failure> {
    let r = &request;
    match r.key {
        ApiKey::Produce => produce::handle(context, r),
        ApiKey::Fetch => fetch::handle(context, r).await,
        ApiKey::ListOffsets => answer(r, &list_offsets::handle(context, r.version, &r.body()?)),
        ApiKey::Metadata => answer(r, &metadata::handle(context, r.version, &r.body()?)),
        ApiKey::OffsetCommit => answer(r, &offsets::commit(context, &r.body()?)),
        ApiKey::OffsetFetch => answer(r, &offsets::fetch(context, r.version, &r.body()?)),
        ApiKey::FindCoordinator => answer(r, &cluster::find_coordinator(context, r.version, &r.body()?)),
        ApiKey::JoinGroup => answer(r, &groups::join(context, r, r.body()?).await),
        ApiKey::SyncGroup => answer(r, &groups::sync(context, r.version, r.body()?).await),
        ApiKey::Heartbeat => answer(r, &groups::heartbeat(context, &r.body()?)),
        ApiKey::LeaveGroup => answer(r, &groups::leave(context, r.version, &r.body()?)),
        ApiKey::DescribeGroups => answer(r, &group_admin::describe(context, r.version, &r.body()?)),
        ApiKey::ListGroups => answer(r, &group_admin::list(context, &r.body()?)),
        ApiKey::DeleteGroups => answer(r, &group_admin::delete(context, &r.body()?)),
        ApiKey::ApiVersions => api_versions::handle(r),
        ApiKey::CreateTopics => answer(r, &topics::create(context, r.version, r.body()?)),
        ApiKey::DeleteTopics => answer(r, &topics::delete(context, r.version, r.body()?)),
        ApiKey::CreatePartitions => answer(r, &topics::create_partitions(context, &r.body()?)),
        ApiKey::DeleteRecords => answer(r, &records::delete(context, &r.body()?)),
        ApiKey::InitProducerId => answer(r, &producer_ids::init(context, &r.body()?)),
        ApiKey::DescribeConfigs => answer(r, &configs::describe(context, &r.body()?)),
        ApiKey::AlterConfigs => answer(r, &alter_configs::alter(context, &r.body()?)),
        ApiKey::IncrementalAlterConfigs => {
            answer(r, &alter_configs::alter_incrementally(context, &r.body()?))
        }
        ApiKey::DescribeCluster => answer(r, &cluster::describe(context, &r.body()?)),
        ApiKey::DescribeLogDirs => answer(r, &log_dirs::describe(context, &r.body()?)),
        ApiKey::OffsetDelete => answer(r, &offset_delete::delete(context, &r.body()?)),
        ApiKey::OffsetForLeaderEpoch => answer(r, &replicas::end_of_epoch(context, &r.body()?)),
        ApiKey::ListPartitionReassignments => {
            let _: ListPartitionReassignmentsRequest = r.body()?;
            answer(r, &replicas::reassignments())
        }
        ApiKey::DescribeTopicPartitions => answer(r, &topic_partitions::describe(context, &r.body()?)),
        other => Err(Failure::Request(RequestError::NotOffered {
            key: other as i16,
            version: request.version,
        })),
    }
}

fn answer<T: Encodable + HeaderVersion>(request: &Request, message: &T) -> Result<Reply, Failure> {
    response::encode(request, request.version, message, Vec::new()).map_err(Failure::Encode)
}
