//! `POST /files`: a new upload, and with the extension creation-with-upload its first bytes.

use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use azulejo_protocol::ApiError;

use super::headers::{UPLOAD_LENGTH, bad_header, count, expires};
use super::metadata::Metadata;
use super::piece;
use crate::http::state::AppState;
use crate::intake::resumable::Announced;

pub async fn create(app: &AppState, request: Request) -> Result<Response, ApiError> {
    let headers = request.headers();
    let length = count(headers, &UPLOAD_LENGTH)?
        .ok_or_else(|| bad_header(&UPLOAD_LENGTH, "must say how many bytes the file has"))?;
    let has_bytes = headers.contains_key(CONTENT_TYPE);
    let metadata = Metadata::read(headers)?;
    let held = app
        .intake
        .create(Announced {
            filename: metadata.filename.unwrap_or_default(),
            length,
            recipe: metadata.transformation,
            format: metadata.format,
        })
        .await?;
    let location = format!("/files/{}", held.id());
    let mut response = if has_bytes {
        let id = held.id();
        match piece::take(app, held, 0, request).await {
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
