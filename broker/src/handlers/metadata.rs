//! Metadata: the topics there are, and that everything is here.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, MetadataRequest, MetadataResponse, TopicName};
use std::sync::Arc;

use super::context::{Context, text, unique};
use crate::blocking::blocking;
use crate::shared::NODE_ID;
use crate::topics::{Topic, TopicError};

/// Answers Metadata.
pub fn handle(context: &Context<'_>, version: i16, request: &MetadataRequest) -> MetadataResponse {
    let shared = context.shared;
    let (host, port) = context.advertised();
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(NODE_ID))
        .with_host(host)
        .with_port(port);
    let everything = match &request.topics {
        None => true,
        // Version 0 had no null: an empty list meant all.
        Some(topics) => version == 0 && topics.is_empty(),
    };
    let topics = if everything {
        shared.topics.all().iter().map(describe).collect()
    } else {
        // Before version 4 a client could not say that it wants no topic made.
        let may_create = version < 4 || request.allow_auto_topic_creation;
        let topics = request.topics.as_deref().unwrap_or_default();
        unique(topics, |wanted| (&wanted.name, wanted.topic_id))
            .map(|wanted| find(context, wanted, may_create))
            .collect()
    };
    MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(text(shared.cluster_id.clone())))
        .with_controller_id(BrokerId(NODE_ID))
        .with_topics(topics)
}

fn find(context: &Context<'_>, wanted: &MetadataRequestTopic, may_create: bool) -> MetadataResponseTopic {
    let shared = context.shared;
    let missing = |error: ResponseError| {
        MetadataResponseTopic::default()
            .with_error_code(error.code())
            .with_name(wanted.name.clone())
            .with_topic_id(wanted.topic_id)
    };
    let Some(name) = &wanted.name else {
        let topic = shared.topics.get_by_id(wanted.topic_id);
        return topic.map_or_else(
            || missing(ResponseError::UnknownTopicId),
            |topic| describe(&topic),
        );
    };
    if let Some(topic) = shared.topics.get(name) {
        return describe(&topic);
    }
    if !crate::topics::topic::is_valid_name(name) {
        return missing(ResponseError::InvalidTopicException);
    }
    if !(may_create && shared.config.auto_create_topics) {
        return missing(ResponseError::UnknownTopicOrPartition);
    }
    match blocking(|| {
        shared
            .topics
            .create(name, shared.config.default_partitions, Default::default())
    }) {
        Ok(topic) => describe(&topic),
        // Another client was quicker.
        Err(TopicError::Exists(_)) => shared.topics.get(name).map_or_else(
            || missing(ResponseError::LeaderNotAvailable),
            |topic| describe(&topic),
        ),
        Err(error) => {
            tracing::warn!(topic = %name.as_str(), %error, "cannot make a topic that a client asked for");
            missing(ResponseError::LeaderNotAvailable)
        }
    }
}

fn describe(topic: &Arc<Topic>) -> MetadataResponseTopic {
    let here = || vec![BrokerId(NODE_ID)];
    let count = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
    let partition = |index| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(BrokerId(NODE_ID))
            .with_leader_epoch(0)
            .with_replica_nodes(here())
            .with_isr_nodes(here())
    };
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(text(topic.name.clone()))))
        .with_topic_id(topic.id)
        .with_partitions((0..count).map(partition).collect())
}
