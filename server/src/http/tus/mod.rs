//! Resumable uploads: tus 1.0.0 (<https://tus.io/protocols/resumable-upload>) at `/files`, with the extensions creation,
//! creation-with-upload, termination, expiration and checksum.
//!
//! - [`create`]: POST. [`piece`]: PATCH. [`look`]: HEAD, and the list that GET gives. [`finish`]: from the last byte to a job.
//! - [`headers`]: the headers. [`metadata`]: `Upload-Metadata`.
//!
//! A request for an upload ends an earlier one that is still sending to it, see [`crate::intake::resumable`].

pub(super) mod create;
pub mod finish;
mod headers;
pub(super) mod look;
mod metadata;
pub(super) mod piece;

use axum::extract::{Path, Request, State};
use axum::http::header::ALLOW;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use azulejo_protocol::ApiError;
use uuid::Uuid;

use self::headers::{
    EXTENSIONS, TUS_CHECKSUM_ALGORITHM, TUS_EXTENSION, TUS_MAX_SIZE, TUS_RESUMABLE, TUS_VERSION, VERSION,
};
use super::backend::ServerBackend;
use super::error::{Answer, Failure};
use super::meant::meant;
use super::state::AppState;
use crate::intake::resumable::ALGORITHMS;

/// `/files`: POST creates an upload, GET lists those that are unfinished, OPTIONS says what is understood here.
pub async fn collection(State(app): State<AppState>, backend: ServerBackend, request: Request) -> Response {
    let answer = match meant(&request) {
        Method::OPTIONS => Ok(options(&app)),
        Method::GET | Method::HEAD => Ok(look::list(&backend)),
        Method::POST => match check_version(request.headers()) {
            Ok(()) => create::create(&app, backend.caller(), request).await,
            Err(error) => Err(error),
        },
        _ => return not_allowed("GET, HEAD, POST, OPTIONS"),
    };
    tagged(answer)
}

/// `/files/{id}`: HEAD says how far the upload is, PATCH goes on with it, DELETE gives it up.
#[utoipa::path(
    delete,
    path = "/files/{id}",
    operation_id = "terminateUpload",
    tag = "uploads",
    summary = "Give up a resumable upload",
    description = "The extension termination of tus.",
    params(("id" = Uuid, Path, description = "The upload's id."), ("Tus-Resumable" = String, Header, description = "The version of the protocol: 1.0.0.", example = "1.0.0")),
    responses(
        (status = 204, description = "The upload is gone.", headers(("tus-resumable" = String))),
    ),
    extensions(("x-role" = json!("submit")), ("x-codes" = json!(["unknown_tus_version", "upload_not_found", "upload_locked"]))),
)]
pub async fn upload(
    State(app): State<AppState>,
    backend: ServerBackend,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let method = meant(&request);
    if method == Method::OPTIONS {
        return tagged(Ok(options(&app)));
    }
    if !matches!(method, Method::HEAD | Method::PATCH | Method::DELETE) {
        return not_allowed("HEAD, PATCH, DELETE, OPTIONS");
    }
    let answer = async {
        check_version(request.headers())?;
        let id = upload_id(&id)?;
        backend.check_upload(id)?;
        match method {
            Method::HEAD => look::head(&app, id).await,
            Method::PATCH => piece::patch(&app, backend.caller(), id, request).await,
            _ => {
                app.intake.give_up(id).await?;
                Ok(StatusCode::NO_CONTENT.into_response())
            }
        }
    };
    tagged(answer.await)
}

/// `DELETE /uploads/{id}`: gives up an upload, however it came.
#[utoipa::path(
    delete,
    path = "/uploads/{id}",
    operation_id = "giveUpUpload",
    tag = "uploads",
    summary = "Give up an upload, however it came",
    description = "One of `PUT /uploads`, or a resumable one.",
    params(("id" = Uuid, Path, description = "The upload's id.")),
    responses(
        (status = 204, description = "The upload is gone."),
    ),
    extensions(("x-role" = json!("submit")), ("x-codes" = json!(["upload_not_found", "upload_locked"]))),
)]
pub async fn give_up(
    State(app): State<AppState>,
    backend: ServerBackend,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    let id = upload_id(&id)?;
    backend.check_upload(id)?;
    app.intake.give_up(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    options,
    path = "/files",
    operation_id = "tus",
    tag = "uploads",
    summary = "What is understood of tus here",
    description = "The extensions and limits of resumable uploads.",
    responses(
        (status = 204, description = "Version, extensions and limits.", headers(("tus-resumable" = String), ("tus-version" = String), ("tus-extension" = String), ("tus-max-size" = u64), ("tus-checksum-algorithm" = String))),
    ),
)]
pub(super) fn options(app: &AppState) -> Response {
    let most = app.intake.limits().max_bytes;
    let headers = [
        (TUS_VERSION, VERSION),
        (TUS_EXTENSION, EXTENSIONS),
        (TUS_MAX_SIZE, HeaderValue::from(most)),
        (TUS_CHECKSUM_ALGORITHM, HeaderValue::from_static(ALGORITHMS)),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers
        .get(TUS_RESUMABLE)
        .is_some_and(|version| version == VERSION)
    {
        return Ok(());
    }
    let detail =
        "the request must carry the header Tus-Resumable with the version that is understood here, 1.0.0";
    Err(ApiError::new(412, "unknown_tus_version", detail))
}

fn not_allowed(allowed: &'static str) -> Response {
    let detail = format!("this address takes {allowed}");
    let mut response = Failure(ApiError::new(405, "method_not_allowed", detail)).into_response();
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// What every answer carries.
fn tagged(answer: Result<Response, ApiError>) -> Response {
    let mut response = answer.unwrap_or_else(|error| Failure(error).into_response());
    let is_other_version = response.status() == StatusCode::PRECONDITION_FAILED;
    let headers = response.headers_mut();
    headers.insert(TUS_RESUMABLE, VERSION);
    if is_other_version {
        headers.insert(TUS_VERSION, VERSION);
    }
    response
}

/// An upload's id in an address. What is no id is no upload, either.
fn upload_id(text: &str) -> Result<Uuid, ApiError> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(64).collect();
        ApiError::not_found("upload_not_found", format!("there is no upload '{shown}'"))
    })
}
