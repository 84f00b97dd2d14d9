//! What concerns the cluster as a whole, which is one node: FindCoordinator, DescribeCluster, InitProducerId.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{
    BrokerId, DescribeClusterRequest, DescribeClusterResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, InitProducerIdRequest, InitProducerIdResponse, ProducerId,
};

use super::{Context, blocking, text};
use crate::broker::NODE_ID;

/// Key type of a group; 1 would be a transaction.
const GROUP: i8 = 0;
/// Version of FindCoordinator from which several keys are asked at once.
const BATCHED_SINCE: i16 = 4;

pub fn find_coordinator(
    context: &Context<'_>,
    version: i16,
    request: &FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let (host, port) = context.advertised();
    let refused = (request.key_type != GROUP).then_some((
        ResponseError::CoordinatorNotAvailable,
        "only groups have a coordinator here: transactions are not offered",
    ));
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
    FindCoordinatorResponse::default()
        .with_coordinators(request.coordinator_keys.iter().map(coordinator).collect())
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

pub fn init_producer_id(context: &Context<'_>, request: &InitProducerIdRequest) -> InitProducerIdResponse {
    let response = InitProducerIdResponse::default()
        .with_producer_id(ProducerId(-1))
        .with_producer_epoch(-1);
    if request.transactional_id.is_some() {
        return response.with_error_code(ResponseError::TransactionalIdAuthorizationFailed.code());
    }
    let known = request.producer_id.0;
    if known >= 0 && request.producer_epoch >= 0 && request.producer_epoch < i16::MAX - 1 {
        // A producer that lost track begins a new epoch; its partitions learn of it with the next batch.
        return response
            .with_producer_id(ProducerId(known))
            .with_producer_epoch(request.producer_epoch + 1);
    }
    match blocking(|| context.shared.producer_ids.next()) {
        Ok(id) => response.with_producer_id(ProducerId(id)).with_producer_epoch(0),
        Err(error) => {
            tracing::error!(%error, "cannot reserve producer ids");
            response.with_error_code(ResponseError::CoordinatorNotAvailable.code())
        }
    }
}
