//! Changing settings: AlterConfigs, IncrementalAlterConfigs. Those of topics can be changed; those of the broker are given
//! when it starts.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource as IncrementalResource;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as IncrementalResponse;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::configs::{BROKER, Refused, TOPIC};
use super::context::{Context, response_error, text};
use crate::blocking::blocking;
use crate::topics::settings::{self, Overrides, TopicSettings};
use crate::topics::values::{Kind, split};

/// Error code and message of an answer.
fn told(outcome: Result<(), Refused>) -> (i16, Option<StrBytes>) {
    match outcome {
        Ok(()) => (0, None),
        Err((error, why)) => (error.code(), Some(text(why))),
    }
}

/// Changes the settings of the topic `name`, or says why not.
fn change(
    context: &Context<'_>,
    resource_type: i8,
    name: &str,
    validate_only: bool,
    act: impl FnOnce(&mut Overrides) -> Result<(), String>,
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
        let (code, message) = told(outcome);
        AlterConfigsResourceResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
            .with_error_code(code)
            .with_error_message(message)
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
            |own| apply_operations(own, context.shared.topics.defaults(), resource),
        );
        let (code, message) = told(outcome);
        IncrementalResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
            .with_error_code(code)
            .with_error_message(message)
    });
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

fn apply_operations(
    own: &mut Overrides,
    defaults: &TopicSettings,
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
            APPEND | SUBTRACT if setting.values.kind() == Kind::List => {
                let value = value()?;
                let named = split(value);
                let default = setting.default(defaults);
                let current = own.get(name).unwrap_or(&default);
                let mut words: Vec<&str> = split(current);
                words.retain(|word| !named.contains(word));
                if config.config_operation == APPEND {
                    words.extend(named);
                }
                let words = words.join(",");
                own.insert(name.to_owned(), words);
            }
            APPEND | SUBTRACT => return Err(format!("{name}: is not a list")),
            other => return Err(format!("{name}: there is no operation {other}")),
        }
    }
    Ok(())
}
