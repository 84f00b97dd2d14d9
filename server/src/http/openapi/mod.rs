//! The description of the API, OpenAPI 3.1: made of the attributes above the handlers, completed here and served.
//!
//! - [`codes`]: the words for errors. [`complete`]: the answers that follow from them, and what holds for every schema.
//! - [`schemas`]: what is sent and has no type in `azulejo-protocol`.
//! - [`pages`]: `/docs` and `/redoc`, where people read and try it. [`assets`]: what those pages load.

pub mod assets;
pub mod codes;
pub mod complete;
pub mod pages;
pub mod schemas;

use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::OpenApi;

use super::conditional::Validators;

/// What the attributes of the handlers say.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Azulejo",
        description = "Distributed image processing: an image and a recipe become a job, the job becomes tiles, workers \
                       render them, and the result is put together.\n\nEvery error has the same body, `Error`: a sentence \
                       for people and a code for programs.",
        license(name = "MIT", identifier = "MIT"),
    ),
    servers((url = ".", description = "This server")),
    paths(
        super::submit::process,
        super::again::again,
        super::jobs::list,
        super::jobs::one,
        super::jobs::progress,
        super::jobs::tile,
        super::jobs::cancel,
        super::jobs::retry,
        super::jobs::delete,
        super::dead_tiles::list,
        super::dead_tiles::replay_all,
        super::dead_tiles::replay_job,
        super::dead_tiles::replay_tile,
        super::dead_tiles::report,
        super::download::attachment,
        super::download::inline,
        super::download::original,
        super::mosaic::mosaic,
        super::submit::upload,
        super::tus::give_up,
        super::tus::options,
        super::tus::look::list,
        super::tus::create::create,
        super::tus::look::head,
        super::tus::piece::patch,
        super::tus::upload,
        super::jobs::workers,
        super::jobs::health,
        super::vital::live,
        super::vital::ready,
        super::recipes::list,
        super::live::events::events,
        super::live::socket::socket,
        super::sign_in::page,
        super::sign_in::sign_in,
        super::sign_in::sign_out,
        description,
        pages::swagger,
        pages::redoc,
    ),
    components(schemas(schemas::Error)),
    tags(
        (name = "jobs", description = "One image, one recipe, many tiles."),
        (name = "results", description = "Pictures and files going out."),
        (name = "uploads", description = "Images coming in before their job is started."),
        (name = "live", description = "What changes, as it changes."),
        (name = "installation", description = "Server, workers, and what they can do."),
        (name = "access", description = "Who somebody is. Programs show a key with each request and need none of this."),
        (name = "description", description = "This description."),
    )
)]
struct Handlers;

/// The description as JSON.
pub static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    // It is made of constants: what cannot be written fails the tests.
    let mut description = serde_json::to_value(Handlers::openapi()).unwrap_or_default();
    complete::complete(&mut description);
    description
});

struct Document {
    json: Bytes,
    tag: String,
}

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let json = DESCRIPTION.to_string();
    let tag = tag_of(json.as_bytes());
    Document {
        json: json.into(),
        tag,
    }
});

/// The entity tag of what never changes while the server runs. Weak: it is compressed on its way.
fn tag_of(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let short: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{short}\"")
}

/// `GET /openapi.json`.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "description",
    summary = "This description",
    description = "OpenAPI 3.1. It changes with the version of the server only.",
    params(("If-None-Match" = Option<String>, Header, description = "An entity tag that the client has.")),
    responses(
        (status = 200, description = "The description.", body = Value, headers(("etag" = String))),
        (status = 304, description = "The client has it already."),
    ),
    extensions(("x-codes" = json!(["precondition_failed"]))),
)]
pub async fn description(method: Method, headers: HeaderMap) -> Response {
    constant(&method, &headers, &DOCUMENT.tag, "application/json", || {
        DOCUMENT.json.clone().into()
    })
}

/// An answer that is the same for as long as the server runs: browsers ask each time, and mostly hear that nothing changed. `body`
/// is asked for only when it is sent.
fn constant(
    method: &Method,
    headers: &HeaderMap,
    tag: &str,
    kind: &'static str,
    body: impl FnOnce() -> Body,
) -> Response {
    let state = Validators::new(tag, None);
    if let Some(response) = state.refusal(method, headers, "no-cache") {
        return response;
    }
    let mut response = body().into_response();
    state.tell(response.headers_mut());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn handlers_name_codes_that_are_known_and_all_of_them() {
        let raw = serde_json::to_value(Handlers::openapi()).unwrap();
        let mut named: BTreeSet<String> = BTreeSet::new();
        for path in raw["paths"].as_object().unwrap().values() {
            for operation in path.as_object().unwrap().values() {
                let codes = operation["x-codes"].as_array().into_iter().flatten();
                named.extend(codes.map(|code| code.as_str().unwrap().to_owned()));
            }
        }
        let groups: BTreeSet<_> = codes::GROUPS.iter().map(|(group, _)| *group).collect();
        let in_groups = codes::GROUPS.iter().flat_map(|(_, codes)| codes.iter().copied());
        let always = [
            codes::EVERYWHERE,
            codes::WHERE_SOMETHING_CHANGES,
            codes::WITH_A_ROLE,
        ]
        .concat();
        let mut said: BTreeSet<&str> = in_groups.chain(always).collect();
        said.extend(
            named
                .iter()
                .map(String::as_str)
                .filter(|name| !groups.contains(name)),
        );
        let known: BTreeSet<_> = codes::CODES.iter().map(|known| known.code).collect();
        assert_eq!(said, known);
    }
}
