//! What concerns the cluster as a whole, which is one node: FindCoordinator, DescribeCluster.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{
    BrokerId, DescribeClusterRequest, DescribeClusterResponse, FindCoordinatorRequest,
    FindCoordinatorResponse,
};

use super::context::{Context, text, unique};
use crate::shared::NODE_ID;

/// Key type of a group.
const GROUP: i8 = 0;
/// Key type of a transaction.
const TRANSACTION: i8 = 1;
/// Version of FindCoordinator from which several keys are asked at once.
const BATCHED_SINCE: i16 = 4;

pub fn find_coordinator(
    context: &Context<'_>,
    version: i16,
    request: &FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let (host, port) = context.advertised();
    // Errors at which clients give up. Of those that they know for transactions this is the one that says most; whatever may
    // pass by itself they would wait for, the Java client for a minute.
    let refused = match request.key_type {
        GROUP => None,
        TRANSACTION => Some((
            ResponseError::TransactionalIdAuthorizationFailed,
            "transactions are not offered by this broker",
        )),
        _ => Some((
            ResponseError::InvalidRequest,
            "only groups have a coordinator here",
        )),
    };
    let error_code = refused.map_or(0, |(error, _)| error.code());
    let message = refused.map(|(_, why)| text(why));
    let (node, host, port) = match refused {
        Some(_) => (BrokerId(-1), text(""), -1),
        None => (BrokerId(NODE_ID), host, port),
    };
    if version < BATCHED_SINCE {
        return FindCoordinatorResponse::default()
            .with_error_code(error_code)
            .with_error_message(message)
            .with_node_id(node)
            .with_host(host)
            .with_port(port);
    }
    let coordinator = |key: &kafka_protocol::protocol::StrBytes| {
        Coordinator::default()
            .with_key(key.clone())
            .with_error_code(error_code)
            .with_error_message(message.clone())
            .with_node_id(node)
            .with_host(host.clone())
            .with_port(port)
    };
    FindCoordinatorResponse::default().with_coordinators(
        unique(&request.coordinator_keys, |key| key.as_str())
            .map(coordinator)
            .collect(),
    )
}

pub fn describe(context: &Context<'_>, request: &DescribeClusterRequest) -> DescribeClusterResponse {
    /// The other kind, controllers, is for tools that speak with the quorum.
    const BROKERS: i8 = 1;
    if request.endpoint_type != BROKERS {
        return DescribeClusterResponse::default()
            .with_endpoint_type(request.endpoint_type)
            .with_error_code(ResponseError::UnsupportedEndpointType.code());
    }
    let (host, port) = context.advertised();
    let broker = DescribeClusterBroker::default()
        .with_broker_id(BrokerId(NODE_ID))
        .with_host(host)
        .with_port(port);
    DescribeClusterResponse::default()
        .with_cluster_id(text(context.shared.cluster_id.clone()))
        .with_controller_id(BrokerId(NODE_ID))
        .with_brokers(vec![broker])
}
