//! Images coming in: `POST /process` (file and recipe in one form) and `PUT /uploads` (the file alone, as a stream).

use std::time::Duration;

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use azulejo_imaging::Encoding;
use azulejo_protocol::record::MAX_RECIPE_BYTES;
use azulejo_protocol::{ApiError, Job};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::accept::wants_page;
use super::check_format::check_format;
use super::check_recipe::check_recipe;
use super::error::Answer;
use super::multipart::{Form, from_multer, short_text};
use super::started::started;
use super::state::AppState;
use crate::intake::{Received, too_large};

/// What a form may have around its file: boundaries, headers, the recipe.
const FORM_OVERHEAD: u64 = 1 << 20;

/// What is read and thrown away of a refused body, so that the client gets to read the answer instead of a reset
/// connection: many clients do not look before they have sent everything.
const DRAIN_BYTES: u64 = 64 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// `POST /process`.
pub async fn process(State(app): State<AppState>, request: Request) -> Response {
    let page = wants_page(request.headers());
    started(process_form(&app, request).await, page)
}

async fn process_form(app: &AppState, request: Request) -> Result<Job, ApiError> {
    let (parts, body) = request.into_parts();
    let most = app.intake.limits().max_bytes;
    if declared_length(&parts.headers).is_some_and(|length| length > most.saturating_add(FORM_OVERHEAD)) {
        drain(body.into_data_stream()).await;
        return Err(too_large(most));
    }
    let mut form = Form::new(&parts.headers, body)?;
    match read_form(app, &mut form).await {
        Ok(Order {
            file,
            recipe,
            encoding,
        }) => app.backend.submit(file, recipe, encoding).await,
        Err(error) => {
            drain(form.into_rest()).await;
            Err(error)
        }
    }
}

/// What a form asks for.
struct Order {
    /// On disk.
    file: Received,
    recipe: String,
    /// How the result is to be written.
    encoding: Option<Encoding>,
}

/// The fields come in any order; others are passed over.
async fn read_form(app: &AppState, form: &mut Form) -> Result<Order, ApiError> {
    let most = app.intake.limits().max_bytes;
    let (mut file, mut recipe, mut encoding, mut other_bytes) = (None, None, None, 0);
    // A client that stalls between the fields or in a short one must not keep the file that it has sent.
    while let Some(mut field) = app.intake.in_time(form.next_field()).await? {
        match field.name() {
            Some("file") if file.is_none() => {
                let name = field.file_name().unwrap_or_default().to_owned();
                let bytes = field.map_err(|error| from_multer(&error));
                file = Some(app.intake.receive(bytes, None, &name).await?);
            }
            Some("transformation") if recipe.is_none() => {
                let text = app.intake.in_time(short_text(field, MAX_RECIPE_BYTES)).await?;
                check_recipe(&text)?;
                recipe = Some(text);
            }
            Some("format") if encoding.is_none() => {
                let text = app.intake.in_time(short_text(field, Encoding::MAX_TEXT)).await?;
                encoding = Some(check_format(&text)?);
            }
            Some(name @ ("file" | "transformation" | "format")) => {
                let detail = format!("the form has the field '{name}' twice: send each field once");
                return Err(ApiError::new(400, "bad_form", detail));
            }
            _ => {
                let skipped = async {
                    while let Some(chunk) = field.chunk().await.map_err(|error| from_multer(&error))? {
                        other_bytes += chunk.len() as u64;
                        if other_bytes > FORM_OVERHEAD {
                            return Err(too_large(most));
                        }
                    }
                    Ok(())
                };
                app.intake.in_time(skipped).await?;
            }
        }
    }
    let missing = |name: &str| {
        let detail = format!(
            "the form has no field '{name}': it needs 'file', an image, and 'transformation', a recipe"
        );
        ApiError::unprocessable("missing_field", detail)
    };
    match (file, recipe) {
        (Some(file), Some(recipe)) => Ok(Order {
            file,
            recipe,
            encoding: encoding.flatten(),
        }),
        (None, _) => Err(missing("file")),
        (_, None) => Err(missing("transformation")),
    }
}

/// The name that an uploaded file has at its owner's; the result is named after it.
#[derive(Debug, Deserialize)]
pub struct UploadQuery {
    filename: Option<String>,
}

/// What `PUT /uploads` answers.
#[derive(Debug, Serialize)]
struct Uploaded {
    upload_id: Uuid,
    filename: String,
    bytes: u64,
    image: UploadedImage,
}

#[derive(Debug, Serialize)]
struct UploadedImage {
    width: u32,
    height: u32,
    format: String,
    kind: String,
}

/// `PUT /uploads?filename=NAME`.
pub async fn upload(
    State(app): State<AppState>,
    query: Result<Query<UploadQuery>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Answer<Response> {
    let Query(query) = query.map_err(|error| ApiError::new(400, "bad_query", error.body_text()))?;
    let declared = declared_length(request.headers());
    let mut body = request.into_body().into_data_stream();
    let name = query.filename.unwrap_or_default();
    let stream = (&mut body).map_err(|_| interrupted());
    match app.intake.receive(stream, declared, &name).await {
        Ok(received) => {
            let size = received.info.size();
            let answer = Uploaded {
                upload_id: received.id,
                filename: received.filename.clone(),
                bytes: received.bytes,
                image: UploadedImage {
                    width: size.width,
                    height: size.height,
                    format: received.info.format.to_string(),
                    kind: received.info.kind.name().to_owned(),
                },
            };
            app.intake.keep(received)?;
            Ok((StatusCode::CREATED, Json(answer)).into_response())
        }
        Err(error) => {
            drain(body).await;
            Err(error.into())
        }
    }
}

pub(super) fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

pub(super) fn interrupted() -> ApiError {
    ApiError::new(
        400,
        "upload_interrupted",
        "the connection broke before the file was complete",
    )
}

/// Reads and throws away some of the rest of a refused body.
pub(super) async fn drain(body: impl Stream<Item = Result<Bytes, axum::Error>> + Unpin) {
    let mut body = body;
    let read = async {
        let mut left = DRAIN_BYTES;
        while let Some(Ok(chunk)) = body.next().await {
            match left.checked_sub(chunk.len() as u64) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    // Whether it ends by itself or by the clock is the same to us.
    let _ = tokio::time::timeout(DRAIN_TIME, read).await;
}
