//! `POST /files`: a new upload, and with the extension creation-with-upload its first bytes.

use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use azulejo_protocol::ApiError;

use super::headers::{UPLOAD_LENGTH, bad_header, count, expires};
use super::metadata::Metadata;
use super::piece;
use crate::access::Caller;
use crate::http::state::AppState;
use crate::intake::resumable::Announced;

#[utoipa::path(
    post,
    path = "/files",
    operation_id = "createUpload",
    tag = "uploads",
    summary = "Begin a resumable upload",
    description = "tus 1.0.0 with the extensions creation, creation-with-upload, termination, expiration and checksum. With a `Content-Type` the body is the first piece. A method in `X-HTTP-Method-Override` counts as the request's own.",
    params(
        ("Tus-Resumable" = String, Header, description = "The version of the protocol: 1.0.0.", example = "1.0.0"),
        ("Upload-Length" = u64, Header, description = "Bytes of the whole file."),
        ("Upload-Metadata" = Option<String>, Header, description = "`filename`, `transformation`, `format` and `page`, each followed by a space and its value in base64, joined by commas. With a `transformation` the last piece starts the job.", example = "filename cGhvdG8ucG5n,transformation Z3JheXNjYWxl"),
    ),
    request_body(content = Option<crate::http::openapi::schemas::Piece>, content_type = "application/offset+octet-stream", description = "The first piece, if any."),
    responses(
        (status = 201, description = "The upload is begun.", headers(("tus-resumable" = String), ("location" = String, description = "Its address."), ("upload-expires" = String, description = "When it is deleted unless more comes, as HTTP writes a moment."), ("upload-offset" = u64, description = "Bytes that are there."), ("azulejo-job-id" = azulejo_protocol::JobId, description = "The job that it has become, if it has."))),
    ),
    extensions(("x-role" = json!("submit")), ("x-codes" = json!(["+piece", "too_many_uploads", "+image", "+plan", "+room"]))),
)]
pub async fn create(app: &AppState, caller: &Caller, request: Request) -> Result<Response, ApiError> {
    let headers = request.headers();
    let length = count(headers, &UPLOAD_LENGTH)?
        .ok_or_else(|| bad_header(&UPLOAD_LENGTH, "must say how many bytes the file has"))?;
    let has_bytes = headers.contains_key(CONTENT_TYPE);
    let metadata = Metadata::read(headers)?;
    // Whether all of it may come; what does is counted piece by piece.
    drop(app.engine.promise(caller.owner(), length).await?);
    let held = app
        .intake
        .create(Announced {
            filename: metadata.filename.unwrap_or_default(),
            owner: caller.owner().map(str::to_owned),
            length,
            recipe: metadata.transformation,
            format: metadata.format,
            page: metadata.page,
        })
        .await?;
    let location = format!("/files/{}", held.id());
    let mut response = if has_bytes {
        let id = held.id();
        match piece::take(app, caller, held, 0, request).await {
            Ok(mut created) => {
                *created.status_mut() = StatusCode::CREATED;
                created
            }
            Err(error) => {
                // Nobody was told its address. It may be gone by itself.
                let _ = app.intake.give_up(id).await;
                return Err(error);
            }
        }
    } else {
        let mut response = StatusCode::CREATED.into_response();
        response.headers_mut().extend(expires(held.expires()));
        response
    };
    let location =
        HeaderValue::from_str(&location).map_err(|_| bad_header(&LOCATION, "cannot be written"))?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}
