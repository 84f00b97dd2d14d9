//! What follows for the whole description: the answers behind the codes of each route, the fields that are always there, links.

use serde_json::{Map, Value, json};

use super::codes::{CODES, EVERYWHERE, GROUPS, WHERE_SOMETHING_CHANGES, WITH_A_ROLE};

/// Where the attribute of a handler names the codes of its route. It is not part of the description.
const NAMED: &str = "x-codes";

/// Where it says which role its route needs. Nor is this one.
const ROLE: &str = "x-role";

/// Statuses whose answers say when to try again.
const WITH_RETRY_AFTER: [u16; 2] = [429, 503];

/// Schemas of what clients send: there, what may be left out may be left out.
const SENT_BY_CLIENTS: [&str; 3] = ["ProcessForm", "AgainForm", "SignInForm"];

/// Fields of answers that are left out where there is nothing to say.
const LEFT_OUT: [&str; 1] = ["owner"];

/// Completes the description that the attributes make.
pub fn complete(description: &mut Value) {
    if let Some(schemas) = description["components"]["schemas"].as_object_mut() {
        for (name, schema) in schemas {
            if !SENT_BY_CLIENTS.contains(&name.as_str()) {
                require_all(schema);
            }
        }
    }
    description["components"]["securitySchemes"] = json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key (`azulejo keys add`), or a token of the identity provider that the server trusts.",
        },
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": "azulejo_session",
            "description": "What a browser gets for a key at `/sign-in`; over HTTPS it is called `__Host-azulejo_session`.",
        },
    });
    let Some(paths) = description["paths"].as_object_mut() else {
        return;
    };
    for path in paths.values_mut().filter_map(Value::as_object_mut) {
        for (method, operation) in path {
            let Some(operation) = operation.as_object_mut() else {
                continue;
            };
            may_be_left_out(operation);
            let role = operation.remove(ROLE);
            add_security(operation, role.as_ref());
            add_errors(method, operation, role.is_some());
            add_links(operation);
        }
    }
}

/// Every field is written but [`LEFT_OUT`], `null` where there is nothing to say.
fn require_all(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
        let names: Vec<&String> = fields
            .keys()
            .filter(|name| !LEFT_OUT.contains(&name.as_str()))
            .collect();
        let names = json!(names);
        schema.insert("required".into(), names);
    }
    for word in ["oneOf", "allOf", "anyOf"] {
        if let Some(parts) = schema.get_mut(word).and_then(Value::as_array_mut) {
            parts.iter_mut().for_each(require_all);
        }
    }
}

/// A parameter that may be left out is not sent as `null`, which an address and a header cannot say.
fn may_be_left_out(operation: &mut Map<String, Value>) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for schema in parameters
        .into_iter()
        .flatten()
        .filter_map(|parameter| parameter.get_mut("schema"))
    {
        if let Some(types) = schema["type"].as_array() {
            schema["type"] = types
                .iter()
                .find(|kind| *kind != "null")
                .cloned()
                .unwrap_or_default();
        }
        if let Some(one) = schema["oneOf"]
            .as_array()
            .and_then(|all| all.iter().find(|one| one["type"] != "null"))
        {
            *schema = one.clone();
        }
    }
}

/// Which role a key or token must have. The empty alternative is that of a server that asks nobody for one.
fn add_security(operation: &mut Map<String, Value>, role: Option<&Value>) {
    let security = match role {
        Some(role) => json!([{"bearer": [role]}, {"cookie": [role]}, {}]),
        None => json!([]),
    };
    operation.insert("security".into(), security);
}

fn add_errors(method: &str, operation: &mut Map<String, Value>, needs_role: bool) {
    let named = operation.remove(NAMED).unwrap_or_default();
    let mut said = EVERYWHERE.to_vec();
    for word in named.as_array().into_iter().flatten().filter_map(Value::as_str) {
        match GROUPS.iter().find(|(group, _)| *group == word) {
            Some((_, codes)) => said.extend(*codes),
            None => said.push(word),
        }
    }
    if !matches!(method, "get" | "head" | "options") {
        said.extend(WHERE_SOMETHING_CHANGES);
    }
    if needs_role {
        said.extend(WITH_A_ROLE);
    }
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    let mut statuses: Vec<u16> = CODES
        .iter()
        .filter(|known| said.contains(&known.code))
        .map(|known| known.status)
        .collect();
    statuses.sort_unstable();
    statuses.dedup();
    for status in statuses {
        let codes: Vec<_> = CODES
            .iter()
            .filter(|known| known.status == status && said.contains(&known.code))
            .collect();
        let meanings: Vec<_> = codes
            .iter()
            .map(|known| format!("`{}`: {}.", known.code, known.meaning))
            .collect();
        let words: Vec<_> = codes.iter().map(|known| known.code).collect();
        let mut response = json!({"description": meanings.join("\n\n")});
        // The answer to HEAD has no body.
        if method != "head" {
            response["content"] = json!({"application/json": {"schema": {"allOf": [
                {"$ref": "#/components/schemas/Error"},
                {"properties": {"code": {"enum": words}}},
            ]}}});
        }
        if WITH_RETRY_AFTER.contains(&status) {
            response["headers"] = json!({"retry-after": {
                "description": "Seconds after which the request may be tried again.",
                "schema": {"type": "integer", "minimum": 0},
            }});
        }
        // What the handler's own attribute says of a status goes before.
        responses.entry(status.to_string()).or_insert(response);
    }
}

/// Where a job is said, what can be asked about it.
fn add_links(operation: &mut Map<String, Value>) {
    const ABOUT_A_JOB: [&str; 7] = [
        "job",
        "progress",
        "download",
        "mosaic",
        "cancel",
        "retry",
        "deleteJob",
    ];
    let says_a_job = operation.get("operationId").and_then(Value::as_str);
    if !matches!(says_a_job, Some("process" | "again")) {
        return;
    }
    let links: Map<String, Value> = ABOUT_A_JOB
        .iter()
        .map(|about| {
            let link = json!({"operationId": about, "parameters": {"id": "$response.body#/job_id"}});
            ((*about).to_owned(), link)
        })
        .collect();
    if let Some(accepted) = operation.get_mut("responses").and_then(|all| all.get_mut("200")) {
        accepted["links"] = Value::Object(links);
    }
}
