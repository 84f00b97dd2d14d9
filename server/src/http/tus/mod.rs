//! Resumable uploads: tus 1.0.0 (<https://tus.io/protocols/resumable-upload>) at `/files`, with the extensions creation,
//! creation-with-upload, termination, expiration and checksum.
//!
//! - [`create`]: POST. [`piece`]: PATCH. [`look`]: HEAD, and the list that GET gives. [`finish`]: from the last byte to a job.
//! - [`metadata`]: `Upload-Metadata`.
//!
//! A request for an upload ends an earlier one that is still sending to it, see [`crate::intake::resumable`].

mod create;
pub mod finish;
mod look;
mod metadata;
mod piece;

use axum::extract::{Path, Request, State};
use axum::http::header::{ALLOW, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use azulejo_protocol::{ApiError, Timestamp};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use uuid::Uuid;

use super::error::{Answer, Failure};
use super::state::AppState;
use crate::intake::resumable::ALGORITHMS;

const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const EXTENSIONS: HeaderValue =
    HeaderValue::from_static("creation,creation-with-upload,termination,expiration,checksum");

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// How HTTP writes a moment.
const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// `/files`: POST creates an upload, GET lists those that are unfinished, OPTIONS says what is understood here.
pub async fn collection(State(app): State<AppState>, request: Request) -> Response {
    let answer = match method(&request) {
        Method::OPTIONS => Ok(options(&app)),
        Method::GET | Method::HEAD => Ok(look::list(&app)),
        Method::POST => match check_version(request.headers()) {
            Ok(()) => create::create(&app, request).await,
            Err(error) => Err(error),
        },
        _ => return not_allowed("GET, HEAD, POST, OPTIONS"),
    };
    tagged(answer)
}

/// `/files/{id}`: HEAD says how far the upload is, PATCH goes on with it, DELETE gives it up.
pub async fn upload(State(app): State<AppState>, Path(id): Path<String>, request: Request) -> Response {
    let method = method(&request);
    if method == Method::OPTIONS {
        return tagged(Ok(options(&app)));
    }
    if !matches!(method, Method::HEAD | Method::PATCH | Method::DELETE) {
        return not_allowed("HEAD, PATCH, DELETE, OPTIONS");
    }
    let answer = async {
        check_version(request.headers())?;
        let id = upload_id(&id)?;
        match method {
            Method::HEAD => look::head(&app, id).await,
            Method::PATCH => piece::patch(&app, id, request).await,
            _ => {
                app.intake.give_up(id).await?;
                Ok(StatusCode::NO_CONTENT.into_response())
            }
        }
    };
    tagged(answer.await)
}

/// `DELETE /uploads/{id}`: gives up an upload, however it came.
pub async fn give_up(State(app): State<AppState>, Path(id): Path<String>) -> Answer<StatusCode> {
    app.intake.give_up(upload_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The method that is meant: some clients can send no other than POST. Only POST is taken for another, since that is what
/// is looked at for where a request comes from.
fn method(request: &Request) -> Method {
    let meant = request.headers().get(METHOD_OVERRIDE);
    let meant = meant.and_then(|meant| Method::from_bytes(meant.as_bytes()).ok());
    match request.method() {
        &Method::POST => meant.unwrap_or(Method::POST),
        method => method.clone(),
    }
}

fn options(app: &AppState) -> Response {
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

/// A header that is a count of bytes.
fn count(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    // No sign, no space.
    let digits = Some(value.as_bytes()).filter(|value| value.iter().all(u8::is_ascii_digit));
    let read = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    read.map(Some)
        .ok_or_else(|| bad_header(name, "must be a whole number of bytes"))
}

fn bad_header(name: &HeaderName, what: &str) -> ApiError {
    ApiError::new(400, "bad_header", format!("the header {name} {what}"))
}

/// `Upload-Expires`.
fn expires(at: Timestamp) -> Option<(HeaderName, HeaderValue)> {
    let text = at.to_offset(time::UtcOffset::UTC).format(HTTP_DATE).ok()?;
    Some((UPLOAD_EXPIRES, HeaderValue::from_str(&text).ok()?))
}
