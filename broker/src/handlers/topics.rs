//! Making and deleting topics and partitions: CreateTopics, DeleteTopics, CreatePartitions.

use std::collections::{BTreeMap, HashSet};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteTopicsRequest, DeleteTopicsResponse, TopicName,
};

use super::configs::{SOURCE_DEFAULT, SOURCE_TOPIC};
use super::context::{Context, response_error, sentence, text};
use crate::blocking::blocking;
use crate::shared::NODE_ID;
use crate::topics::table::SETTINGS;
use crate::topics::{Topic, TopicError};

/// Version of CreateTopics from which partitions and replicas may be left to the broker, and settings are told back.
const DETAILS_SINCE: i16 = 5;
/// Version of CreateTopics from which the topic's id is told.
const ID_SINCE: i16 = 7;
/// Version of DeleteTopics from which topics may be named by their ids.
const DELETE_BY_ID_SINCE: i16 = 6;

pub fn create(context: &Context<'_>, version: i16, body: CreateTopicsRequest) -> CreateTopicsResponse {
    let mut seen = HashSet::new();
    let doubled: HashSet<TopicName> = body
        .topics
        .iter()
        .filter(|topic| !seen.insert(topic.name.clone()))
        .map(|t| t.name.clone())
        .collect();
    let topics = body.topics.iter().map(|topic| {
        let result = CreatableTopicResult::default()
            .with_name(topic.name.clone())
            .with_num_partitions(-1)
            .with_replication_factor(-1);
        let outcome = if doubled.contains(&topic.name) {
            Err((
                ResponseError::InvalidRequest,
                format!("the topic '{}' is named twice", topic.name.as_str()),
            ))
        } else {
            create_one(context, topic, body.validate_only)
        };
        match outcome {
            Ok(made) if version >= DETAILS_SINCE => {
                describe(context, topic, made.as_deref(), version, result)
            }
            Ok(_) => result,
            Err((error, why)) => result
                .with_error_code(error.code())
                .with_error_message(Some(text(why))),
        }
    });
    CreateTopicsResponse::default().with_topics(topics.collect())
}

type Refused = (ResponseError, String);

fn create_one(
    context: &Context<'_>,
    topic: &CreatableTopic,
    validate_only: bool,
) -> Result<Option<std::sync::Arc<Topic>>, Refused> {
    let partitions = partition_count(context, topic)?;
    if !matches!(topic.replication_factor, -1 | 1) {
        let why = format!(
            "a replication factor of {} is more than the one broker there is: use 1 or -1",
            topic.replication_factor
        );
        return Err((ResponseError::InvalidReplicationFactor, why));
    }
    let mut overrides = BTreeMap::new();
    for config in &topic.configs {
        let Some(value) = &config.value else {
            return Err((
                ResponseError::InvalidConfig,
                format!("{}: a value is missing", config.name.as_str()),
            ));
        };
        overrides.insert(config.name.to_string(), value.to_string());
    }
    let topics = &context.shared.topics;
    let outcome = blocking(|| {
        if validate_only {
            topics
                .check_new(&topic.name, partitions, &overrides)
                .map(|()| None)
        } else {
            topics
                .create(&topic.name, partitions, overrides.clone())
                .map(Some)
        }
    });
    outcome.map_err(|error| (response_error(&error), error.to_string()))
}

/// How many partitions are asked for: by number, or by naming a broker for each.
fn partition_count(context: &Context<'_>, topic: &CreatableTopic) -> Result<i32, Refused> {
    if topic.assignments.is_empty() {
        let default = context.shared.config.default_partitions;
        return Ok(if topic.num_partitions == -1 {
            default
        } else {
            topic.num_partitions
        });
    }
    if topic.num_partitions != -1 || topic.replication_factor != -1 {
        let why = "an assignment leaves no choice of partitions and replicas: set both to -1".to_owned();
        return Err((ResponseError::InvalidRequest, why));
    }
    let count = i32::try_from(topic.assignments.len()).unwrap_or(i32::MAX);
    let mut indexes: Vec<i32> = topic.assignments.iter().map(|a| a.partition_index).collect();
    indexes.sort_unstable();
    let consecutive = indexes.iter().copied().eq(0..count);
    let here = topic
        .assignments
        .iter()
        .all(|a| a.broker_ids.len() == 1 && a.broker_ids[0].0 == NODE_ID);
    if consecutive && here {
        Ok(count)
    } else {
        let why = format!("an assignment has to give partitions 0 to n to broker {NODE_ID}, the only one");
        Err((ResponseError::InvalidReplicaAssignment, why))
    }
}

fn describe(
    context: &Context<'_>,
    asked: &CreatableTopic,
    made: Option<&Topic>,
    version: i16,
    result: CreatableTopicResult,
) -> CreatableTopicResult {
    let topics = &context.shared.topics;
    let overrides = made.map(Topic::overrides).unwrap_or_else(|| {
        asked
            .configs
            .iter()
            .map(|c| {
                (
                    c.name.to_string(),
                    c.value.as_deref().unwrap_or_default().to_owned(),
                )
            })
            .collect()
    });
    let partitions = made.map_or_else(
        || partition_count(context, asked).unwrap_or(-1),
        |topic| i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX),
    );
    let effective = topics
        .effective(&overrides)
        .unwrap_or_else(|_| topics.defaults().clone());
    let configs = SETTINGS.iter().map(|setting| {
        let source = if overrides.contains_key(setting.name) {
            SOURCE_TOPIC
        } else {
            SOURCE_DEFAULT
        };
        CreatableTopicConfigs::default()
            .with_name(text(setting.name))
            .with_value(Some(text(setting.value(&effective, &overrides))))
            .with_config_source(source)
    });
    let result = result
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(Some(configs.collect()));
    match made {
        Some(topic) if version >= ID_SINCE => result.with_topic_id(topic.id),
        _ => result,
    }
}

pub fn delete(context: &Context<'_>, version: i16, body: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_state = body
        .topics
        .iter()
        .map(|topic| (topic.name.clone(), topic.topic_id));
    let by_name = body
        .topic_names
        .iter()
        .map(|name| (Some(name.clone()), uuid::Uuid::nil()));
    let responses = by_state.chain(by_name).map(|(name, id)| {
        let topics = &context.shared.topics;
        let name = match name {
            Some(name) => Some(name),
            None => topics
                .get_by_id(id)
                .map(|topic| TopicName(text(topic.name.clone()))),
        };
        let id = if version >= DELETE_BY_ID_SINCE {
            name.as_ref()
                .and_then(|name| topics.get(name))
                .map_or(id, |topic| topic.id)
        } else {
            uuid::Uuid::nil()
        };
        let result = DeletableTopicResult::default()
            .with_name(name.clone())
            .with_topic_id(id);
        let Some(name) = name else {
            return result.with_error_code(ResponseError::UnknownTopicId.code());
        };
        match blocking(|| delete_one(context, &name)) {
            Ok(()) => result,
            Err(error) => {
                let result = result.with_error_code(response_error(&error).code());
                if version >= 5 {
                    result.with_error_message(sentence(&error))
                } else {
                    result
                }
            }
        }
    });
    DeleteTopicsResponse::default().with_responses(responses.collect())
}

fn delete_one(context: &Context<'_>, name: &str) -> Result<(), TopicError> {
    context.shared.topics.delete(name)?;
    // What groups have committed for it would be wrong for another topic of that name.
    context.shared.groups.offsets().delete_topic(name);
    Ok(())
}

pub fn create_partitions(context: &Context<'_>, body: &CreatePartitionsRequest) -> CreatePartitionsResponse {
    let results = body.topics.iter().map(|topic| {
        let result = CreatePartitionsTopicResult::default().with_name(topic.name.clone());
        let elsewhere = topic.assignments.as_ref().is_some_and(|all| {
            all.iter()
                .any(|a| a.broker_ids.iter().any(|broker| broker.0 != NODE_ID))
        });
        if elsewhere {
            return result.with_error_code(ResponseError::InvalidReplicaAssignment.code());
        }
        match blocking(|| {
            context
                .shared
                .topics
                .grow(&topic.name, topic.count, body.validate_only)
        }) {
            Ok(()) => result,
            Err(error) => result
                .with_error_code(response_error(&error).code())
                .with_error_message(sentence(&error)),
        }
    });
    CreatePartitionsResponse::default().with_results(results.collect())
}
