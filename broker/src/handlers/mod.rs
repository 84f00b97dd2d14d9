//! What each request comes to: one file per kind.

mod api_versions;
mod cluster;
mod configs;
mod fetch;
mod group_admin;
mod groups;
mod list_offsets;
mod metadata;
mod offsets;
mod produce;
mod producer_ids;
mod records;
mod topics;

use std::collections::HashSet;
use std::hash::Hash;
use std::net::SocketAddr;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::{Encodable, HeaderVersion, StrBytes};

use crate::broker::Shared;
use crate::wire::request::{Request, RequestError};
use crate::wire::response::{self, Reply};

/// What a handler works with.
pub struct Context<'a> {
    /// The broker.
    pub shared: &'a Shared,
    /// The address that the client has connected to.
    pub local: SocketAddr,
    /// The client's.
    pub peer: SocketAddr,
}

impl Context<'_> {
    /// The address that the client is told to connect to.
    fn advertised(&self) -> (StrBytes, i32) {
        let (host, port) = match &self.shared.config.advertise {
            Some((host, port)) => (host.clone(), *port),
            None => (self.local.ip().to_string(), self.local.port()),
        };
        (StrBytes::from_string(host), i32::from(port))
    }
}

/// Why there is no answer. The connection is closed.
#[derive(Debug)]
pub enum Failure {
    /// The request cannot be read.
    Request(RequestError),
    /// The answer cannot be written: a mistake of ours.
    Encode(String),
    /// Records were refused that the client wants no answer to: closing the connection is all it will notice.
    Unanswered(String),
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

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
        ApiKey::DescribeGroups => answer(r, &group_admin::describe(context, &r.body()?)),
        ApiKey::ListGroups => answer(r, &group_admin::list(context, &r.body()?)),
        ApiKey::DeleteGroups => answer(r, &group_admin::delete(context, &r.body()?)),
        ApiKey::ApiVersions => api_versions::handle(r),
        ApiKey::CreateTopics => answer(r, &topics::create(context, r.version, r.body()?)),
        ApiKey::DeleteTopics => answer(r, &topics::delete(context, r.version, r.body()?)),
        ApiKey::CreatePartitions => answer(r, &topics::create_partitions(context, &r.body()?)),
        ApiKey::DeleteRecords => answer(r, &records::delete(context, &r.body()?)),
        ApiKey::InitProducerId => answer(r, &producer_ids::init(context, &r.body()?)),
        ApiKey::DescribeConfigs => answer(r, &configs::describe(context, &r.body()?)),
        ApiKey::AlterConfigs => answer(r, &configs::alter(context, &r.body()?)),
        ApiKey::IncrementalAlterConfigs => answer(r, &configs::alter_incrementally(context, &r.body()?)),
        ApiKey::DescribeCluster => answer(r, &cluster::describe(context, &r.body()?)),
        other => Err(Failure::Request(RequestError::NotOffered {
            key: other as i16,
            version: request.version,
        })),
    }
}

fn answer<T: Encodable + HeaderVersion>(request: &Request, message: &T) -> Result<Reply, Failure> {
    response::encode(request, request.version, message, Vec::new()).map_err(Failure::Encode)
}

/// Runs what may wait for the disk without holding up other connections.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::CurrentThread) | Err(_) => work(),
        Ok(_) => tokio::task::block_in_place(work),
    }
}

/// Each of `items` once: whoever names a thing a thousand times is told of it once, as Kafka does, or a small request would
/// make a huge answer.
fn unique<'a, T, K: Eq + Hash>(items: &'a [T], key: impl Fn(&'a T) -> K + 'a) -> impl Iterator<Item = &'a T> {
    let mut seen = HashSet::new();
    items.iter().filter(move |item| seen.insert(key(item)))
}

/// The code of an outcome: 0 if it is good.
fn code<T>(outcome: &Result<T, ResponseError>) -> i16 {
    outcome.as_ref().err().map_or(0, ResponseError::code)
}

/// A string of the codec.
fn text(value: impl Into<String>) -> StrBytes {
    StrBytes::from_string(value.into())
}

/// An error message of the codec.
fn sentence(error: &impl ToString) -> Option<StrBytes> {
    Some(text(error.to_string()))
}
