//! `POST /job/{id}/again`: a new job on the stored original of an earlier one, without an upload.

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use azulejo_imaging::Encoding;
use azulejo_protocol::ApiError;
use azulejo_protocol::record::MAX_RECIPE_BYTES;

use super::accept::wants_page;
use super::backend::{ServerBackend, Terms};
use super::check_format::check_format;
use super::check_page::{MAX_PAGE_BYTES, check_page};
use super::check_recipe::check_recipe;
use super::disposition::Disposition;
use super::fresh::{MAX_CACHE_WORD, wants_fresh};
use super::idempotency::{Fingerprint, once};
use super::incoming::Incoming;
use super::jobs::job_id;
use super::multipart::{Form, short_text};
use super::started::{Accepted, started};
use super::state::AppState;
use super::url_encoded::{bad_form, fields};

/// Longest form: a recipe may come with three bytes for each of its own, and names and separators stand around it.
const MAX_FORM_BYTES: usize = 3 * (MAX_RECIPE_BYTES + Encoding::MAX_TEXT) + 4096;

/// Most fields of a form.
const MAX_FIELDS: usize = 20;

/// What a form asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    transformation: Option<String>,
    format: Option<String>,
    page: Option<String>,
    cache: Option<String>,
}

impl Wish {
    fn set(&mut self, name: &str, value: String) -> Result<(), ApiError> {
        let (place, most) = match name {
            "transformation" => (&mut self.transformation, MAX_RECIPE_BYTES),
            "format" => (&mut self.format, Encoding::MAX_TEXT),
            "page" => (&mut self.page, MAX_PAGE_BYTES),
            "cache" => (&mut self.cache, MAX_CACHE_WORD),
            _ => return Ok(()),
        };
        if value.len() > most {
            return Err(bad_form(format!("the field '{name}' has more than {most} bytes")));
        }
        match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(bad_form(format!(
                "the form has the field '{name}' twice: send each field once"
            ))),
        }
    }
}

/// `POST /job/{id}/again`.
#[utoipa::path(
    post,
    path = "/job/{id}/again",
    operation_id = "again",
    tag = "jobs",
    summary = "Start a new job on the image of an earlier one",
    description = "Both jobs have nothing to do with each other from then on. The form comes in either type.",
    params(
        ("id" = azulejo_protocol::JobId, Path, description = "The earlier job's id."),
        ("Idempotency-Key" = Option<String>, Header, max_length = 255, description = "A key of the client's choice: the same request with the same key gives the same job."),
    ),
    request_body(content((super::openapi::schemas::AgainForm = "application/x-www-form-urlencoded"), (super::openapi::schemas::AgainForm = "multipart/form-data"))),
    responses(
        (status = 200, description = "The job is accepted.", body = Accepted),
        (status = 303, description = "To a client that asks for a page: the address of the job's page.", headers(("location" = String))),
    ),
    extensions(("x-role" = json!("submit")), ("x-codes" = json!(["job_not_found", "original_gone", "job_not_usable", "+form", "+image", "+plan", "+room", "too_many_uploads", "+once"]))),
)]
pub async fn again(
    State(app): State<AppState>,
    backend: ServerBackend,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let page = wants_page(request.headers());
    started(start(&app, backend, &id, request).await, page)
}

async fn start(
    app: &AppState,
    backend: ServerBackend,
    id: &str,
    request: Request,
) -> Result<Accepted, ApiError> {
    let (parts, body) = request.into_parts();
    let flight = app
        .keys
        .begin(&parts.headers, backend.caller().owner().unwrap_or_default())?;
    let wish = if is_url_encoded(&parts.headers) {
        let form = async { to_bytes(body, MAX_FORM_BYTES).await.map_err(bad_form) };
        parse(&app.intake.in_time(form).await?)?
    } else {
        read_form(app, &parts.headers, body).await?
    };
    let Some(recipe) = wish.transformation else {
        let detail = "the form has no field 'transformation': it needs one, a recipe";
        return Err(ApiError::unprocessable("missing_field", detail));
    };
    let id = job_id(id)?;
    check_recipe(&recipe)?;
    let encoding = check_format(wish.format.as_deref().unwrap_or_default())?;
    let page = check_page(wish.page.as_deref().unwrap_or_default())?;
    let fresh = wants_fresh(wish.cache.as_deref().unwrap_or_default())?;
    let asked = Fingerprint::new("again")
        .with(id.to_string().as_bytes())
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
        backend.run_again(id, recipe, terms).await
    })
    .await
}

async fn read_form(app: &AppState, headers: &HeaderMap, body: Body) -> Result<Wish, ApiError> {
    let mut form = Form::new(headers, Incoming::new(headers, body))?;
    let mut wish = Wish::default();
    for _ in 0..MAX_FIELDS {
        let Some(field) = app.intake.in_time(form.next_field()).await? else {
            return Ok(wish);
        };
        let name = Disposition::of(field.headers()).name;
        let text = app.intake.in_time(short_text(field, MAX_RECIPE_BYTES)).await?;
        wish.set(&name, text)?;
    }
    Err(bad_form(format!("it has more than {MAX_FIELDS} fields")))
}

fn is_url_encoded(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .map_or(&b""[..], |kind| kind.as_bytes());
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii()
        .eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

/// What a form of the type `application/x-www-form-urlencoded` asks for.
fn parse(form: &[u8]) -> Result<Wish, ApiError> {
    let mut wish = Wish::default();
    for field in fields(form) {
        let (name, value) = field?;
        wish.set(&name, value)?;
    }
    Ok(wish)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_a_browser_is_read() {
        let wish = parse(b"format=png&transformation=blur%3Asigma%3D2+%7C%20sharpen&x&=y&").unwrap();
        assert_eq!(wish.transformation.as_deref(), Some("blur:sigma=2 | sharpen"));
        assert_eq!(wish.format.as_deref(), Some("png"));
        assert_eq!(parse(b"").unwrap(), Wish::default());
    }

    #[test]
    fn what_is_too_long_or_twice_or_no_text_is_refused() {
        let long = format!("transformation={}", "a".repeat(MAX_RECIPE_BYTES + 1));
        for form in [
            &b"format=png&format=png"[..],
            long.as_bytes(),
            b"transformation=%ff",
        ] {
            assert_eq!(parse(form).unwrap_err().code, "bad_form");
        }
    }
}
