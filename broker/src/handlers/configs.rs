//! Settings: DescribeConfigs, AlterConfigs, IncrementalAlterConfigs. Those of topics can be changed; those of the
//! broker are given when it starts, and can be read.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource as IncrementalResource;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as IncrementalResponse;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

use super::context::{Context, response_error, text, unique};
use crate::blocking::blocking;
use crate::config::BrokerConfig;
use crate::fsync::FsyncPolicy;
use crate::shared::NODE_ID;
use crate::topics::settings::{self, Kind};

/// Resource type of a topic.
const TOPIC: i8 = 2;
/// Resource type of a broker.
const BROKER: i8 = 4;
/// The value is the topic's own.
pub const SOURCE_TOPIC: i8 = 1;
/// The value was given to the broker when it started.
const SOURCE_STATIC_BROKER: i8 = 4;
/// The value is what it is for all.
pub const SOURCE_DEFAULT: i8 = 5;

type Refused = (ResponseError, String);

pub fn describe(context: &Context<'_>, body: &DescribeConfigsRequest) -> DescribeConfigsResponse {
    let name =
        |resource: &'_ DescribeConfigsResource| (resource.resource_type, resource.resource_name.clone());
    let results = unique(&body.resources, name).map(|resource| {
        let result = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        let described = match resource.resource_type {
            TOPIC => topic_configs(context, resource, body),
            BROKER => broker_configs(context, resource, body),
            other => Err((
                ResponseError::InvalidRequest,
                format!("resources of type {other} have no settings here"),
            )),
        };
        match described {
            Ok(configs) => result.with_configs(configs),
            Err((error, why)) => result
                .with_error_code(error.code())
                .with_error_message(Some(text(why))),
        }
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn is_wanted(resource: &DescribeConfigsResource, name: &str) -> bool {
    resource
        .configuration_keys
        .as_ref()
        .is_none_or(|keys| keys.iter().any(|key| key.as_str() == name))
}

fn topic_configs(
    context: &Context<'_>,
    resource: &DescribeConfigsResource,
    body: &DescribeConfigsRequest,
) -> Result<Vec<DescribeConfigsResourceResult>, Refused> {
    let topics = &context.shared.topics;
    let topic = topics.get(&resource.resource_name).ok_or_else(|| {
        let why = format!("there is no topic '{}'", resource.resource_name.as_str());
        (ResponseError::UnknownTopicOrPartition, why)
    })?;
    let overrides = topic.overrides();
    let effective = topics
        .effective(&overrides)
        .map_err(|why| (ResponseError::InvalidConfig, why))?;
    let wanted = settings::SETTINGS
        .iter()
        .filter(|setting| is_wanted(resource, setting.name));
    let configs = wanted.map(|setting| {
        let own = overrides.contains_key(setting.name);
        let mut synonyms = Vec::new();
        if body.include_synonyms {
            if own {
                synonyms.push(synonym(setting.name, (setting.get)(&effective), SOURCE_TOPIC));
            }
            synonyms.push(synonym(
                setting.name,
                (setting.get)(topics.defaults()),
                SOURCE_DEFAULT,
            ));
        }
        DescribeConfigsResourceResult::default()
            .with_name(text(setting.name))
            .with_value(Some(text((setting.get)(&effective))))
            .with_config_source(if own { SOURCE_TOPIC } else { SOURCE_DEFAULT })
            .with_synonyms(synonyms)
            .with_config_type(setting.kind as i8)
            .with_documentation(body.include_documentation.then(|| text(setting.documentation)))
    });
    Ok(configs.collect())
}

fn synonym(name: &str, value: String, source: i8) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym::default()
        .with_name(text(name))
        .with_value(Some(text(value)))
        .with_source(source)
}

/// The broker's settings under the names that Kafka has for them.
fn broker_values(config: &BrokerConfig) -> Vec<(&'static str, Kind, String)> {
    let flush = match config.fsync {
        FsyncPolicy::System => i64::MAX,
        FsyncPolicy::Interval(interval) => i64::try_from(interval.as_millis()).unwrap_or(i64::MAX),
        FsyncPolicy::Always => 0,
    };
    vec![
        ("broker.id", Kind::Int, NODE_ID.to_string()),
        (
            "auto.create.topics.enable",
            Kind::String,
            config.auto_create_topics.to_string(),
        ),
        ("num.partitions", Kind::Int, config.default_partitions.to_string()),
        ("default.replication.factor", Kind::Int, "1".to_owned()),
        ("log.flush.interval.ms", Kind::Long, flush.to_string()),
        (
            "socket.request.max.bytes",
            Kind::Int,
            config.max_request_bytes.to_string(),
        ),
        ("max.connections", Kind::Int, config.max_connections.to_string()),
        (
            "offsets.retention.minutes",
            Kind::Int,
            (config.offsets_retention.as_secs() / 60).to_string(),
        ),
        (
            "message.max.bytes",
            Kind::Int,
            config.topic_defaults.max_message_bytes.to_string(),
        ),
        (
            "log.retention.ms",
            Kind::Long,
            config.topic_defaults.retention_ms.to_string(),
        ),
        (
            "log.retention.bytes",
            Kind::Long,
            config.topic_defaults.retention_bytes.to_string(),
        ),
        (
            "log.segment.bytes",
            Kind::Int,
            config.topic_defaults.segment_bytes.to_string(),
        ),
    ]
}

fn broker_configs(
    context: &Context<'_>,
    resource: &DescribeConfigsResource,
    body: &DescribeConfigsRequest,
) -> Result<Vec<DescribeConfigsResourceResult>, Refused> {
    let name = resource.resource_name.as_str();
    if !name.is_empty() && name != NODE_ID.to_string() {
        return Err((
            ResponseError::InvalidRequest,
            format!("there is no broker '{name}', only {NODE_ID}"),
        ));
    }
    let values = broker_values(&context.shared.config).into_iter();
    let configs = values
        .filter(|(name, _, _)| is_wanted(resource, name))
        .map(|(name, kind, value)| {
            let synonyms = vec![synonym(name, value.clone(), SOURCE_STATIC_BROKER)];
            DescribeConfigsResourceResult::default()
                .with_name(text(name))
                .with_value(Some(text(value)))
                .with_read_only(true)
                .with_config_source(SOURCE_STATIC_BROKER)
                .with_synonyms(if body.include_synonyms {
                    synonyms
                } else {
                    Vec::new()
                })
                .with_config_type(kind as i8)
        });
    Ok(configs.collect())
}

/// Changes the settings of the topic `name`, or says why not.
fn change(
    context: &Context<'_>,
    resource_type: i8,
    name: &str,
    validate_only: bool,
    act: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), String>,
) -> Result<(), Refused> {
    match resource_type {
        TOPIC => blocking(|| context.shared.topics.reconfigure(name, validate_only, act))
            .map_err(|error| (response_error(&error), error.to_string())),
        BROKER => {
            let why = "settings of the broker are given when it starts".to_owned();
            Err((ResponseError::InvalidRequest, why))
        }
        other => Err((
            ResponseError::InvalidRequest,
            format!("resources of type {other} have no settings here"),
        )),
    }
}

pub fn alter(context: &Context<'_>, body: &AlterConfigsRequest) -> AlterConfigsResponse {
    let responses = body.resources.iter().map(|resource| {
        let outcome = change(
            context,
            resource.resource_type,
            &resource.resource_name,
            body.validate_only,
            |own| {
                // What is not named goes back to its default.
                own.clear();
                for config in &resource.configs {
                    let value = config
                        .value
                        .as_ref()
                        .ok_or_else(|| format!("{}: a value is missing", config.name.as_str()))?;
                    own.insert(config.name.to_string(), value.to_string());
                }
                Ok(())
            },
        );
        let response = AlterConfigsResourceResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        match outcome {
            Ok(()) => response,
            Err((error, why)) => response
                .with_error_code(error.code())
                .with_error_message(Some(text(why))),
        }
    });
    AlterConfigsResponse::default().with_responses(responses.collect())
}

pub fn alter_incrementally(
    context: &Context<'_>,
    body: &IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let responses = body.resources.iter().map(|resource| {
        let outcome = change(
            context,
            resource.resource_type,
            &resource.resource_name,
            body.validate_only,
            |own| apply_operations(own, resource),
        );
        let response = IncrementalResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        match outcome {
            Ok(()) => response,
            Err((error, why)) => response
                .with_error_code(error.code())
                .with_error_message(Some(text(why))),
        }
    });
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

fn apply_operations(
    own: &mut BTreeMap<String, String>,
    resource: &IncrementalResource,
) -> Result<(), String> {
    const SET: i8 = 0;
    const DELETE: i8 = 1;
    const APPEND: i8 = 2;
    const SUBTRACT: i8 = 3;
    for config in &resource.configs {
        let name = config.name.as_str();
        let setting = settings::find(name).ok_or_else(|| format!("there is no topic setting '{name}'"))?;
        let value = || {
            config
                .value
                .as_ref()
                .ok_or_else(|| format!("{name}: a value is missing"))
        };
        match config.config_operation {
            SET => {
                own.insert(name.to_owned(), value()?.to_string());
            }
            DELETE => {
                own.remove(name);
            }
            // The only list there is has one possible content, so adding it changes nothing, and taking it away cannot be.
            APPEND if setting.kind == Kind::List => {
                own.insert(name.to_owned(), value()?.to_string());
            }
            SUBTRACT if setting.kind == Kind::List => return Err(format!("{name}: cannot be empty")),
            APPEND | SUBTRACT => return Err(format!("{name}: is not a list")),
            other => return Err(format!("{name}: there is no operation {other}")),
        }
    }
    Ok(())
}
