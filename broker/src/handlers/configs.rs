//! Reading settings: DescribeConfigs.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

use super::context::{Context, text, unique};
use crate::config::BrokerConfig;
use crate::fsync::FsyncPolicy;
use crate::shared::NODE_ID;
use crate::topics::table::SETTINGS;
use crate::topics::values::Kind;

/// Resource type of a topic.
pub const TOPIC: i8 = 2;
/// Resource type of a broker.
pub const BROKER: i8 = 4;
/// The value is the topic's own.
pub const SOURCE_TOPIC: i8 = 1;
/// The value was given to the broker when it started.
const SOURCE_STATIC_BROKER: i8 = 4;
/// The value is what it is for all.
pub const SOURCE_DEFAULT: i8 = 5;

/// Why there is no answer, or no change.
pub type Refused = (ResponseError, String);

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
    let wanted = SETTINGS
        .iter()
        .filter(|setting| is_wanted(resource, setting.name));
    let configs = wanted.map(|setting| {
        let own = overrides.contains_key(setting.name);
        let value = setting.value(&effective, &overrides);
        let mut synonyms = Vec::new();
        if body.include_synonyms {
            if own {
                synonyms.push(synonym(setting.name, value.clone(), SOURCE_TOPIC));
            }
            if let Some(name) = setting.broker_name {
                synonyms.push(synonym(name, setting.default(topics.defaults()), SOURCE_DEFAULT));
            }
        }
        DescribeConfigsResourceResult::default()
            .with_name(text(setting.name))
            .with_value(Some(text(value)))
            .with_config_source(if own { SOURCE_TOPIC } else { SOURCE_DEFAULT })
            .with_synonyms(synonyms)
            .with_config_type(setting.values.kind() as i8)
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

/// The broker's settings under the names that Kafka has for them: those given when it starts, and the defaults of topics.
fn broker_values(config: &BrokerConfig) -> Vec<(&'static str, Kind, String, i8)> {
    let flush = match config.fsync {
        FsyncPolicy::System => i64::MAX,
        FsyncPolicy::Interval(interval) => i64::try_from(interval.as_millis()).unwrap_or(i64::MAX),
        FsyncPolicy::Always => 0,
    };
    let retention = config.offsets_retention.as_secs() / 60;
    let given = [
        ("broker.id", Kind::Int, NODE_ID.to_string()),
        ("node.id", Kind::Int, NODE_ID.to_string()),
        (
            "auto.create.topics.enable",
            Kind::Boolean,
            config.auto_create_topics.to_string(),
        ),
        ("default.replication.factor", Kind::Int, "1".to_owned()),
        ("log.dirs", Kind::List, config.data_dir.display().to_string()),
        ("log.flush.interval.ms", Kind::Long, flush.to_string()),
        ("max.connections", Kind::Int, config.max_connections.to_string()),
        ("num.partitions", Kind::Int, config.default_partitions.to_string()),
        ("offsets.retention.minutes", Kind::Int, retention.to_string()),
        (
            "socket.request.max.bytes",
            Kind::Int,
            config.max_request_bytes.to_string(),
        ),
    ];
    let mut values: Vec<_> = given
        .into_iter()
        .map(|(name, kind, value)| (name, kind, value, SOURCE_STATIC_BROKER))
        .collect();
    for setting in &SETTINGS {
        if let Some(name) = setting.broker_name
            && !values.iter().any(|(there, ..)| *there == name)
        {
            let value = setting.default(&config.topic_defaults);
            values.push((name, setting.values.kind(), value, SOURCE_DEFAULT));
        }
    }
    values
}

fn broker_configs(
    context: &Context<'_>,
    resource: &DescribeConfigsResource,
    body: &DescribeConfigsRequest,
) -> Result<Vec<DescribeConfigsResourceResult>, Refused> {
    let name = resource.resource_name.as_str();
    if name.is_empty() {
        // What is set for all brokers while they run: nothing can be.
        return Ok(Vec::new());
    }
    if name != NODE_ID.to_string() {
        return Err((
            ResponseError::InvalidRequest,
            format!("there is no broker '{name}', only {NODE_ID}"),
        ));
    }
    let values = broker_values(&context.shared.config).into_iter();
    let configs = values
        .filter(|(name, ..)| is_wanted(resource, name))
        .map(|(name, kind, value, source)| {
            let synonyms = vec![synonym(name, value.clone(), source)];
            DescribeConfigsResourceResult::default()
                .with_name(text(name))
                .with_value(Some(text(value)))
                .with_read_only(true)
                .with_config_source(source)
                .with_synonyms(if body.include_synonyms {
                    synonyms
                } else {
                    Vec::new()
                })
                .with_config_type(kind as i8)
        });
    Ok(configs.collect())
}
