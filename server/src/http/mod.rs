//! The server's HTTP side: the REST API, the live streams, the pages.
//!
//! - [`submit`], [`multipart`]: images coming in. [`again`]: a job on what came in before. [`started`]: the answer to both.
//!   [`tus`]: resumable uploads. [`check_recipe`], [`check_format`]: what is asked for. [`download`]: results going out.
//! - [`jobs`], [`recipes`]: JSON. [`vital`]: whether the server lives and is ready. [`live`]: live streams.
//! - [`pages`]: Leptos. [`files`]: the built site. [`accept`]: page or JSON.
//! - [`guard`]: who may speak to us. [`headers`]: what browsers may do with the answers. [`error`]: errors.
//! - [`backend`]: what the pages see of the server. [`serve`]: from a listener to a clean end.

pub mod accept;
pub mod again;
pub mod backend;
pub mod check_format;
pub mod check_recipe;
pub mod download;
pub mod error;
pub mod files;
pub mod guard;
pub mod headers;
pub mod jobs;
pub mod limits;
pub mod live;
pub mod multipart;
pub mod pages;
pub mod recipes;
pub mod serve;
pub mod started;
pub mod state;
pub mod submit;
pub mod thumbnail;
pub mod tus;
pub mod vital;

use std::any::Any;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post, put};
use azulejo_app::backend::Backend;
use azulejo_protocol::ApiError;
use leptos::prelude::LeptosOptions;
use tokio_util::sync::CancellationToken;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::trace::TraceLayer;

use self::backend::ServerBackend;
use self::error::Failure;
use self::guard::Hosts;
use self::live::hub::Hub;
use self::state::AppState;
use self::thumbnail::Thumbnails;
use crate::engine::Engine;
use crate::intake::Intake;

/// What the routes need beside the engine and intake.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// The address that is listened on.
    pub address: SocketAddr,
    /// Host names that requests may be addressed to, beside `localhost` and IP addresses.
    pub public_hosts: Vec<String>,
    /// The built site.
    pub site_root: PathBuf,
    /// How large what comes before a body may be.
    pub headers: limits::headers::HeaderLimits,
}

/// All routes. `shutdown` ends the live streams.
pub fn router(engine: Engine, intake: Intake, config: HttpConfig, shutdown: CancellationToken) -> Router {
    let leptos = LeptosOptions::builder()
        .output_name("azulejo")
        .site_root(config.site_root.to_string_lossy())
        .site_pkg_dir("pkg")
        .site_addr(config.address)
        .build();
    let backend = Arc::new(ServerBackend::new(engine.clone(), intake.clone()));
    let hub = Hub::default();
    let watched: Arc<dyn Backend> = backend.clone();
    let posting = hub
        .clone()
        .run(Arc::downgrade(&watched), engine.subscribe(), shutdown.clone());
    tokio::spawn(posting);
    let app = AppState {
        backend,
        hub,
        engine,
        intake,
        site_root: config.site_root,
        thumbnails: Thumbnails::default(),
        leptos,
        shutdown,
    };
    tokio::spawn(tus::finish::take_up(app.clone()));
    let hosts = Hosts::new(&config.public_hosts, !config.address.ip().is_loopback());
    let json = Router::new()
        .route("/process", post(submit::process))
        .route("/uploads", put(submit::upload))
        .route("/uploads/{id}", delete(tus::give_up))
        .route("/files", any(tus::collection))
        .route("/files/{id}", any(tus::upload))
        .route("/job/{id}/progress", get(jobs::progress))
        .route("/job/{id}/tile/{tile}", get(jobs::tile))
        .route("/job/{id}/mosaic.png", get(jobs::mosaic))
        .route("/job/{id}/result", get(download::inline))
        .route("/job/{id}/original", get(download::original))
        .route("/job/{id}/cancel", post(jobs::cancel))
        .route("/job/{id}/retry", post(jobs::retry))
        .route("/job/{id}/again", post(again::again))
        .route("/download/{id}", get(download::attachment))
        .route("/health", get(jobs::health))
        .route("/live", get(vital::live))
        .route("/ready", get(vital::ready))
        .route("/recipes", get(recipes::list))
        .route("/events", get(live::events::events))
        .route("/ws", get(live::socket::socket));
    let shared = vec![
        ("/jobs", get(jobs::list)),
        ("/job/{id}", get(jobs::one).delete(jobs::delete)),
        ("/workers", get(jobs::workers)),
    ];
    pages::mount(json, &app, shared)
        .fallback(files::file_or_not_found)
        .method_not_allowed_fallback(files::method_not_allowed)
        // Bodies are bounded where they are read: uploads stream, calls are small.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(error::as_json))
        .layer(CatchPanicLayer::custom(panicked))
        // Pictures and event streams are left as they are, and so is what comes compressed from the site.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(from_fn_with_state(hosts, guard::check))
        .layer(from_fn_with_state(config.headers, limits::headers::bound))
        .layer(from_fn(headers::secure))
        .layer(TraceLayer::new_for_http())
        .with_state(app)
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(message, "a handler panicked");
    Failure(ApiError::new(
        500,
        "internal",
        "the server failed at this; its log says more",
    ))
    .into_response()
}
