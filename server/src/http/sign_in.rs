//! The sign-in page: a key is shown once, and the browser gets a cookie that stands for it.
//!
//! Plain HTML, so that it works before anything else of the site is loaded, and without JavaScript.

use axum::body::to_bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use azulejo_protocol::ApiError;
use serde::Deserialize;

use super::access::reach;
use super::base;
use super::error::{Failure, capitalise, escape};
use super::state::AppState;
use super::url_encoded::fields;
use crate::access::session;

/// Longest form that is read, bytes.
const MAX_FORM: usize = 4096;

/// Where to go after the sign-in.
#[derive(Debug, Default, Deserialize)]
pub struct SignInQuery {
    next: Option<String>,
}

/// `GET /sign-in?next=PATH`.
#[utoipa::path(
    get,
    path = "/sign-in",
    operation_id = "signInPage",
    tag = "access",
    summary = "The page where a key is entered",
    description = "Programs need no sign-in: they send their key with each request.",
    params(("next" = Option<String>, Query, description = "Where to go after the sign-in: a path of this server.")),
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 303, description = "Nobody is asked for a key here.", headers(("location" = String))),
    ),
)]
pub async fn page(
    State(app): State<AppState>,
    query: Result<Query<SignInQuery>, QueryRejection>,
) -> Response {
    let next = query.ok().and_then(|Query(query)| query.next).unwrap_or_default();
    if !app.access.is_on() {
        return Redirect::to(own_path(&next)).into_response();
    }
    form(own_path(&next), None)
}

/// `POST /sign-in` with the fields `key` and `next`.
#[utoipa::path(
    post,
    path = "/sign-in",
    operation_id = "signIn",
    tag = "access",
    summary = "Get a cookie for a key",
    description = "The cookie stands for the key until it expires, the key is revoked, or somebody signs out.",
    request_body(content = super::openapi::schemas::SignInForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "Signed in.", headers(("location" = String), ("set-cookie" = String))),
        (status = 401, description = "The page again, which says why the key is not taken.", body = String, content_type = "text/html"),
        (status = 404, description = "The page again: nobody is asked for a key here.", body = String, content_type = "text/html"),
    ),
    extensions(("x-codes" = json!(["call_too_large", "bad_form"]))),
)]
pub async fn sign_in(State(app): State<AppState>, request: Request) -> Response {
    let reach = reach(&request);
    let Ok(body) = to_bytes(request.into_body(), MAX_FORM).await else {
        let detail =
            format!("the form has more than {MAX_FORM} bytes, or broke off: send the fields key and next");
        return Failure(ApiError::new(413, "call_too_large", detail)).into_response();
    };
    let (mut key, mut next) = (String::new(), String::new());
    for field in fields(&body) {
        match field {
            Ok((name, value)) if name == "key" => key = value,
            Ok((name, value)) if name == "next" => next = value,
            Ok(_) => {}
            Err(error) => return Failure(error).into_response(),
        }
    }
    let next = own_path(&next).to_owned();
    match app.access.sign_in(key.trim(), &reach).await {
        Ok((caller, cookie)) => {
            let mut response = Redirect::to(&next).into_response();
            set_cookie(&mut response, &cookie);
            response.extensions_mut().insert(caller.clone());
            tracing::info!(name = &*caller.name, "somebody has signed in");
            response
        }
        Err(error) => {
            let status = Failure(error.clone()).status();
            let mut response = form(&next, Some(&error.detail));
            *response.status_mut() = status;
            response
        }
    }
}

/// `POST /sign-out`.
#[utoipa::path(
    post,
    path = "/sign-out",
    operation_id = "signOut",
    tag = "access",
    summary = "Give the cookie back",
    description = "The browser forgets it.",
    responses((status = 303, description = "Signed out.", headers(("location" = String), ("set-cookie" = String)))),
)]
pub async fn sign_out(request: Request) -> Response {
    let reach = reach(&request);
    let mut response = Redirect::to("/sign-in").into_response();
    set_cookie(&mut response, &session::ended(&reach));
    response
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    // The page that comes next is another one for whoever is signed in.
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// A path of this server; anything else, such as another site's address, is the first page.
fn own_path(next: &str) -> &str {
    let is_plain = next.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    if next.starts_with('/') && !next.starts_with("//") && is_plain && next.len() <= 1000 {
        next
    } else {
        "/"
    }
}

fn form(next: &str, wrong: Option<&str>) -> Response {
    let wrong = wrong.map_or_else(String::new, |reason| {
        format!(
            "<p class=\"notice error\" role=\"alert\" id=\"wrong\">{}.</p>",
            escape(&capitalise(reason))
        )
    });
    let base = base::current();
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Sign in · Azulejo</title><link rel=\"stylesheet\" href=\"{style}\">\
         <link rel=\"icon\" href=\"{icon}\" type=\"image/svg+xml\"></head>\
         <body><main class=\"empty-page\"><h1>Sign in</h1>{wrong}\
         <p><label for=\"key\">This server asks for the key that you were given. Who runs it makes keys by azulejo keys add.</label></p>\
         <form class=\"filter\" method=\"post\" action=\"{action}\">\
         <input id=\"key\" name=\"key\" type=\"password\" required autocomplete=\"current-password\" \
         spellcheck=\"false\" autofocus>\
         <input type=\"hidden\" name=\"next\" value=\"{next}\">\
         <button class=\"go\" type=\"submit\">Sign in</button></form>\
         </main></body></html>\n",
        next = escape(next),
        style = base.at("/pkg/azulejo.css"),
        icon = base.at("/favicon.svg"),
        action = base.at("/sign-in"),
    );
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    (no_store, Html(page)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_leads_nowhere_else() {
        for good in ["/", "/jobs?status=failed", "/job/1"] {
            assert_eq!(own_path(good), good);
        }
        for bad in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "evil",
            "/a\nb",
            "/ä",
        ] {
            assert_eq!(own_path(bad), "/", "{bad}");
        }
    }
}
