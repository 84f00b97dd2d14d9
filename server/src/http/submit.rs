//! Images coming in: `POST /process` (file and recipe in one form) and `PUT /uploads` (the file alone, as a stream).

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use azulejo_imaging::Encoding;
use azulejo_protocol::ApiError;
use azulejo_protocol::record::MAX_RECIPE_BYTES;
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::accept::wants_page;
use super::backend::{ServerBackend, Terms};
use super::check_format::check_format;
use super::check_page::{MAX_PAGE_BYTES, check_page};
use super::check_recipe::check_recipe;
use super::disposition::Disposition;
use super::error::Answer;
use super::fresh::{MAX_CACHE_WORD, wants_fresh};
use super::idempotency::{Fingerprint, Flight, once};
use super::incoming::{Incoming, drain};
use super::multipart::{Form, from_multer, short_text};
use super::started::{Accepted, started};
use super::state::AppState;
use crate::access::{Caller, missing};
use crate::intake::{Received, too_large};

/// What a form may have around its file: boundaries, headers, the recipe.
const FORM_OVERHEAD: u64 = 1 << 20;

/// `POST /process`.
#[utoipa::path(
    post,
    path = "/process",
    operation_id = "process",
    tag = "jobs",
    summary = "Start a job on an image",
    description = "Takes a form with an image and a recipe, in any order. The file streams to disk; its header, the limits and its completeness are checked before the answer. A job that was accepted is stored before its id is sent. With `Accept: text/html` the answer leads to the job's page.",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255, description = "A key of the client's choice: the same request with the same key gives the same job.")),
    request_body(content = super::openapi::schemas::ProcessForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The job is accepted.", body = Accepted),
        (status = 303, description = "To a client that asks for a page: the address of the job's page.", headers(("location" = String))),
    ),
    extensions(("x-role" = json!("submit")), ("x-codes" = json!(["+form", "+image", "+plan", "+room", "too_many_uploads", "+once"]))),
)]
pub async fn process(State(app): State<AppState>, backend: ServerBackend, request: Request) -> Response {
    let page = wants_page(request.headers());
    started(process_form(&app, backend, request).await, page)
}

async fn process_form(
    app: &AppState,
    backend: ServerBackend,
    request: Request,
) -> Result<Accepted, ApiError> {
    let (parts, body) = request.into_parts();
    let body = Incoming::new(&parts.headers, body);
    let owner = backend.caller().owner();
    let admitted = admit_form(app, &parts.headers, owner);
    let flight = match admitted.and_then(|()| app.keys.begin(&parts.headers, owner.unwrap_or_default())) {
        Ok(flight) => flight,
        Err(error) => {
            body.drain().await;
            return Err(error);
        }
    };
    let mut form = Form::new(&parts.headers, body)?;
    match read_form(app, &mut form, owner).await {
        Ok(order) => {
            // A body may take long to come.
            if !app.access.is_still(backend.caller()).await {
                return Err(missing());
            }
            submit(app, backend, order, flight).await
        }
        Err(error) => {
            drain(form.into_rest()).await;
            Err(error)
        }
    }
}

/// What can be said of a form before any of it is read.
fn admit_form(app: &AppState, headers: &HeaderMap, owner: Option<&str>) -> Result<(), ApiError> {
    let most = app.intake.limits().max_bytes;
    let declared = declared_length(headers);
    if declared.is_some_and(|length| length > most.saturating_add(FORM_OVERHEAD)) {
        return Err(too_large(most));
    }
    app.intake.admit(declared.map(|length| length.min(most)), owner)
}

async fn submit(
    app: &AppState,
    backend: ServerBackend,
    order: Order,
    flight: Option<Flight>,
) -> Result<Accepted, ApiError> {
    let Order {
        file,
        recipe,
        encoding,
        page,
        fresh,
    } = order;
    let asked = Fingerprint::new("process")
        .with(&file.content.unwrap_or_default())
        .with(file.filename.as_bytes())
        .with(recipe.as_bytes())
        .with(
            encoding
                .map(|encoding| encoding.to_string())
                .unwrap_or_default()
                .as_bytes(),
        )
        .with_some(page);
    once(&app.engine, flight, asked, move |once| async move {
        let terms = Terms {
            encoding,
            page,
            fresh,
            once,
            ..Terms::default()
        };
        backend.submit(file, recipe, terms).await
    })
    .await
}

/// What a form asks for.
struct Order {
    /// On disk.
    file: Received,
    recipe: String,
    /// How the result is to be written.
    encoding: Option<Encoding>,
    /// The page that it is on.
    page: Option<u32>,
    /// Whether it is to be rendered even where its result is there.
    fresh: bool,
}

/// The fields come in any order; others are passed over.
async fn read_form(app: &AppState, form: &mut Form, owner: Option<&str>) -> Result<Order, ApiError> {
    let (mut file, mut recipe, mut encoding, mut page) = (None, None, None, None);
    let (mut fresh, mut other_bytes) = (None, 0);
    // A client that stalls between the fields or in a short one must not keep the file that it has sent.
    while let Some(mut field) = app.intake.in_time(form.next_field()).await? {
        let about = Disposition::of(field.headers());
        match about.name.as_str() {
            "file" if file.is_none() => {
                let name = about.filename.unwrap_or_default();
                let bytes = field.map_err(|error| from_multer(&error));
                file = Some(app.intake.receive(bytes, None, &name, owner).await?);
            }
            "transformation" if recipe.is_none() => {
                let text = app.intake.in_time(short_text(field, MAX_RECIPE_BYTES)).await?;
                check_recipe(&text)?;
                recipe = Some(text);
            }
            "format" if encoding.is_none() => {
                let text = app.intake.in_time(short_text(field, Encoding::MAX_TEXT)).await?;
                encoding = Some(check_format(&text)?);
            }
            "page" if page.is_none() => {
                let text = app.intake.in_time(short_text(field, MAX_PAGE_BYTES)).await?;
                page = Some(check_page(&text)?);
            }
            "cache" if fresh.is_none() => {
                let text = app.intake.in_time(short_text(field, MAX_CACHE_WORD)).await?;
                fresh = Some(wants_fresh(&text)?);
            }
            name @ ("file" | "transformation" | "format" | "page" | "cache") => {
                let detail = format!("the form has the field '{name}' twice: send each field once");
                return Err(ApiError::new(400, "bad_form", detail));
            }
            other => {
                let skipped = async {
                    while let Some(chunk) = field.chunk().await.map_err(|error| from_multer(&error))? {
                        other_bytes += chunk.len() as u64;
                        if other_bytes > FORM_OVERHEAD {
                            return Err(too_much_beside(other));
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
            page: page.flatten(),
            fresh: fresh.unwrap_or_default(),
        }),
        (None, _) => Err(missing("file")),
        (_, None) => Err(missing("transformation")),
    }
}

fn too_much_beside(field: &str) -> ApiError {
    let shown: String = field.chars().filter(|c| !c.is_control()).take(40).collect();
    let detail = format!(
        "the field '{shown}' is none that is read here, and with it the form has more than {FORM_OVERHEAD} bytes beside \
         its image: send the image in the field 'file'"
    );
    ApiError::new(413, "form_too_large", detail)
}

/// The name that an uploaded file has at its owner's; the result is named after it.
#[derive(Debug, Deserialize)]
pub struct UploadQuery {
    filename: Option<String>,
}

/// What `PUT /uploads` answers.
#[derive(Debug, utoipa::ToSchema, Serialize)]
struct Uploaded {
    upload_id: Uuid,
    filename: String,
    bytes: u64,
    image: UploadedImage,
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
struct UploadedImage {
    width: u32,
    height: u32,
    format: String,
    kind: String,
}

/// `PUT /uploads?filename=NAME`.
#[utoipa::path(
    put,
    path = "/uploads",
    operation_id = "upload",
    tag = "uploads",
    summary = "Take an image whose recipe is chosen later",
    description = "The body is the file itself. It waits for an hour for the job that is started on it from a page.",
    params(("filename" = Option<String>, Query, description = "The file's name; the result is named after it.")),
    request_body(content = super::openapi::schemas::ImageFile, content_type = "application/octet-stream", description = "The file: PNG, JPEG, TIFF, WebP or one of the other kinds that docs/formats.md lists."),
    responses(
        (status = 201, description = "The file is on the server's disk, and is an image that jobs may be started on.", body = Uploaded),
    ),
    extensions(("x-role" = json!("submit")), ("x-codes" = json!(["bad_query", "upload_interrupted", "upload_stalled", "too_many_uploads", "quota_exceeded", "+image", "+room"]))),
)]
pub async fn upload(
    State(app): State<AppState>,
    caller: Caller,
    query: Result<Query<UploadQuery>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Answer<Response> {
    let Query(query) = query.map_err(|error| ApiError::new(400, "bad_query", error.body_text()))?;
    let declared = declared_length(request.headers());
    let (parts, body) = request.into_parts();
    let mut body = Incoming::new(&parts.headers, body);
    let name = query.filename.unwrap_or_default();
    match take(&app, &caller, &mut body, declared, &name).await {
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
            body.drain().await;
            Err(error.into())
        }
    }
}

/// The file of an upload, whose bytes are counted.
async fn take(
    app: &AppState,
    caller: &Caller,
    body: &mut Incoming,
    declared: Option<u64>,
    name: &str,
) -> Result<Received, ApiError> {
    let owner = caller.owner();
    app.intake.admit(declared, owner)?;
    // Of one that does not say how long it is the first byte, at least.
    let promise = app.engine.promise(owner, declared.unwrap_or(1)).await?;
    let stream = body.map_err(|_| interrupted());
    let received = app.intake.receive(stream, declared, name, owner).await?;
    if !app.access.is_still(caller).await {
        return Err(missing());
    }
    app.engine.count_sent(promise, received.bytes).await?;
    Ok(Received {
        is_counted: true,
        ..received
    })
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
