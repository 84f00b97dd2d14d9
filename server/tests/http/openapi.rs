//! The description of the API: it is whole, it agrees with the router and with `docs/api.md`, and its pages work.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Running, start};
use azulejo_server::http::access::Need;
use azulejo_server::http::openapi::DESCRIPTION;
use azulejo_server::http::{pages, routes};
use reqwest::Method;
use serde_json::Value;

/// What the description leaves out: codes of the pages' own calls, and of addresses where there is nothing.
const NOT_OF_A_ROUTE: [&str; 5] = [
    "function_not_found",
    "https_required",
    "method_not_allowed",
    "not_found",
    "upload_not_complete",
];

const DOCS: &str = include_str!("../../../docs/api.md");

async fn description(server: &Running) -> Value {
    server.json("/openapi.json").await
}

/// Method and path of each operation.
fn operations(description: &Value) -> Vec<(String, String, &Value)> {
    let paths = description["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(|(method, operation)| (method.to_uppercase(), path.clone(), operation))
        })
        .collect()
}

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                found.insert(reference);
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_whole() {
    let server = start(&[]).await;
    let response = server.get("/openapi.json").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    let tag = response.headers()["etag"].clone();
    let again = server
        .client
        .get(format!("{}/openapi.json", server.url))
        .header("if-none-match", &tag);
    assert_eq!(again.send().await.unwrap().status(), 304);

    let description: Value = response.json().await.unwrap();
    assert_eq!(description["openapi"], "3.1.0");
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut found = BTreeSet::new();
    references(&description, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let place = reference.strip_prefix('#').unwrap();
        assert!(description.pointer(place).is_some(), "{reference} leads nowhere");
    }
    let tags: BTreeSet<_> = description["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| &tag["name"])
        .map(Value::to_string)
        .collect();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&description) {
        let shown = format!("{method} {path}");
        for field in ["summary", "description", "operationId"] {
            let text = operation[field].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{shown} has no {field}");
        }
        assert!(
            ids.insert(operation["operationId"].to_string()),
            "{shown} has an id twice"
        );
        assert!(
            tags.contains(&operation["tags"][0].to_string()),
            "{shown} has no tag"
        );
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let text = parameter["description"].as_str().unwrap_or_default();
            assert!(
                !text.is_empty(),
                "{shown}: {} is not described",
                parameter["name"]
            );
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(
                !response["description"].as_str().unwrap().is_empty(),
                "{shown}: {status}"
            );
        }
        assert!(
            operation["responses"].get("500").is_some(),
            "{shown} says nothing of its errors"
        );
        assert!(
            operation.get("x-codes").is_none() && operation.get("x-role").is_none(),
            "{shown} was not completed"
        );
    }
    server.stop().await;
}

/// Addresses that are both a page and JSON.
const ALSO_PAGES: [&str; 3] = ["/jobs", "/job/{id}", "/workers"];

/// The routes that have no place in the description: the pages with their calls and files, and another way to say PATCH and DELETE.
fn is_described(method: &str, path: &str) -> bool {
    let is_page = pages::paths()
        .iter()
        .any(|page| !ALSO_PAGES.contains(&page.as_str()) && page == path);
    let is_part_of_a_page = path.starts_with("/api/") || path.starts_with("/description/");
    !is_page && !is_part_of_a_page && (method, path) != ("POST", "/files/{id}")
}

/// The table of routes, against what is described: the same routes, each with the role that it needs.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_described_with_the_role_that_it_needs() {
    let described: BTreeMap<String, String> = operations(&DESCRIPTION)
        .into_iter()
        // Every route answers OPTIONS; this one says what is understood of tus.
        .filter(|(method, ..)| method != "OPTIONS")
        .map(|(method, path, operation)| {
            let role = operation["security"][0]["bearer"][0]
                .as_str()
                .unwrap_or("nothing");
            (format!("{method} {path}"), role.to_owned())
        })
        .collect();
    let routed: BTreeMap<String, String> = routes::list()
        .into_iter()
        .filter(|(method, path, _)| is_described(method.as_str(), path))
        .map(|(method, path, need)| {
            let role = match need {
                Need::Nothing => "nothing".to_owned(),
                Need::Role(role) => role.to_string(),
            };
            (format!("{method} {path}"), role)
        })
        .collect();
    assert_eq!(described, routed);
}

/// Sends each request that is described, without anything that it needs, and looks whether the router knows the route.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_described_is_there() {
    let server = start(&[]).await;
    let description = description(&server).await;
    for (method, path, _) in operations(&description) {
        let address = path
            .replace("{id}", "00000000-0000-0000-0000-000000000000")
            .replace("{tile}", "0");
        assert!(
            !address.contains('{'),
            "{path}: the test does not know a parameter"
        );
        let verb = Method::from_bytes(method.as_bytes()).unwrap();
        let request = server.client.request(verb, format!("{}{address}", server.url));
        let response = request.send().await.unwrap();
        let status = response.status();
        assert_ne!(status, 405, "{method} {path}");
        if status == 404 && method != "HEAD" {
            let text = response.text().await.unwrap();
            assert!(!text.contains("there is nothing at"), "{method} {path}: {text}");
        }
    }
    server.stop().await;
}

/// The first cells of the rows of the table that follows `before` in the documentation, with the second ones.
fn table(before: &str) -> Vec<(&'static str, &'static str)> {
    let start = DOCS
        .find(before)
        .unwrap_or_else(|| panic!("docs/api.md has no {before}"));
    let rows: Vec<_> = DOCS[start..]
        .lines()
        .skip_while(|line| !line.starts_with("|---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut cells = line.trim_matches('|').splitn(2, '|').map(str::trim);
            (cells.next().unwrap(), cells.next().unwrap())
        })
        .collect();
    assert!(!rows.is_empty(), "docs/api.md has no table after {before}");
    rows
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_lists_the_same_routes() {
    let server = start(&[]).await;
    let description = description(&server).await;
    let described: BTreeSet<String> = operations(&description)
        .into_iter()
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    let listed: BTreeSet<String> = table("| request | answer |")
        .iter()
        .flat_map(|(request, _)| quoted(request))
        .map(|request| {
            let path = request.split('?').next().unwrap();
            path.replace("/ID", "/{id}").replace("/N", "/{tile}")
        })
        .collect();
    assert_eq!(described, listed);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_lists_the_same_fields_of_a_job_and_events() {
    let server = start(&[]).await;
    let description = description(&server).await;
    let schemas = &description["components"]["schemas"];
    let fields: BTreeSet<_> = schemas["Job"]["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let listed: BTreeSet<_> = table("| field | |")
        .iter()
        .flat_map(|(field, _)| quoted(field))
        .collect();
    assert_eq!(fields, listed);
    let events: BTreeSet<_> = schemas["LiveEvent"]["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["properties"]["type"]["enum"][0].as_str().unwrap())
        .collect();
    let listed: BTreeSet<_> = table("| `type` | content |")
        .iter()
        .flat_map(|(event, _)| quoted(event))
        .collect();
    assert_eq!(events, listed);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_lists_the_same_codes() {
    let server = start(&[]).await;
    let description = description(&server).await;
    let mut described: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, _, operation) in operations(&description) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let codes = &response["content"]["application/json"]["schema"]["allOf"][1]["properties"]["code"];
            for code in codes["enum"].as_array().into_iter().flatten() {
                let code = code.as_str().unwrap().to_owned();
                described.entry(status.clone()).or_default().insert(code);
            }
        }
    }
    let mut listed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut status = "";
    for (first, second) in table("| status | codes |") {
        status = if first.is_empty() { status } else { first };
        let is_code = |word: &&str| {
            word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
                && !NOT_OF_A_ROUTE.contains(word)
        };
        let codes = quoted(second).filter(is_code).map(str::to_owned);
        listed.entry(status.to_owned()).or_default().extend(codes);
    }
    listed.retain(|_, codes| !codes.is_empty());
    assert_eq!(described, listed);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_pages_load_what_they_need_from_this_server_only() {
    let server = start(&[]).await;
    for page in ["/docs", "/redoc"] {
        let response = server.page(page).await;
        assert_eq!(response.status(), 200, "{page}");
        let headers = response.headers().clone();
        assert!(headers["content-type"].to_str().unwrap().starts_with("text/html"));
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        let html = response.text().await.unwrap();
        let mut loaded = 0;
        for address in html
            .split(['"'])
            .skip(1)
            .step_by(2)
            .filter(|text| text.starts_with("description/"))
        {
            loaded += 1;
            let plain = server.get(&format!("/{address}")).await;
            assert_eq!(plain.status(), 200, "{address}");
            assert!(!plain.headers().contains_key("content-encoding"), "{address}");
            let kind = plain.headers()["content-type"].to_str().unwrap();
            let wanted = if address.ends_with(".css") {
                "text/css"
            } else {
                "text/javascript"
            };
            assert!(kind.starts_with(wanted), "{address} is {kind}");
            let plain = plain.bytes().await.unwrap();
            let request = server.client.get(format!("{}/{address}", server.url));
            let packed = request.header("accept-encoding", "gzip").send().await.unwrap();
            let is_large = plain.len() > 10_000;
            assert!(
                !is_large || packed.headers()["content-encoding"] == "gzip",
                "{address}"
            );
            let packed = packed.bytes().await.unwrap();
            assert!(!is_large || packed.len() < plain.len() / 2, "{address}");
        }
        assert!(loaded >= 3, "{page} loads {loaded} files");
    }
    let nothing = server.get("/description/README.md").await;
    assert_eq!(nothing.status(), 404);
    server.stop().await;
}
