//! The server's HTTP side: the REST API, the live streams, the pages.
//!
//! - [`submit`], [`multipart`]: images coming in. [`again`]: a job on what came in before. [`started`]: the answer to both.
//!   [`tus`]: resumable uploads. [`check_recipe`], [`check_format`]: what is asked for. [`download`], [`mosaic`]: results going out;
//!   [`conditional`], [`ranges`], [`byteranges`]: only what the client does not have yet.
//! - [`dead_tiles`]: tiles that were given up. [`idempotency`]: requests that are sent again. [`fresh`]: whether a result that is there will do. [`jobs`], [`recipes`]: JSON. [`vital`]: whether the server lives and is ready. [`live`]: live streams.
//! - [`openapi`]: the description of all this, and its pages.
//! - [`pages`]: Leptos. [`files`]: the built site. [`accept`]: page or JSON.
//! - [`routes`]: all of them, each behind the gate of [`access`]: who calls, and whether they may. [`sign_in`]: the way in for
//!   browsers. [`guard`]: whose pages may speak to us. [`forwarded`]: who that is behind a proxy; [`address`]: how hosts are compared.
//!   [`base`], [`below`]: below which path all this lies. [`headers`]: what browsers may do with the answers. [`error`]: errors.
//! - [`backend`]: what the pages see of the server. [`serve`]: from a listener to a clean end.

pub mod accept;
pub mod access;
pub mod address;
pub mod again;
pub mod backend;
pub mod base;
pub mod below;
pub mod byteranges;
pub mod check_format;
mod check_page;
pub mod check_recipe;
pub mod conditional;
pub mod dead_tiles;
pub mod disposition;
pub mod download;
pub mod error;
pub mod files;
pub mod forwarded;
pub mod fresh;
pub mod guard;
pub mod headers;
pub mod idempotency;
pub mod in_full;
pub mod incoming;
pub mod jobs;
pub mod limits;
pub mod live;
pub mod meant;
pub mod mosaic;
pub mod multipart;
pub mod openapi;
pub mod pages;
pub mod ranges;
pub mod recipes;
pub mod routes;
pub mod serve;
pub mod sign_in;
pub mod started;
pub mod state;
pub mod submit;
pub mod thumbnail;
pub mod tus;
mod url_encoded;
pub mod vital;

use std::any::Any;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use azulejo_app::backend::Backend;
use azulejo_protocol::ApiError;
use leptos::prelude::LeptosOptions;
use tokio_util::sync::CancellationToken;
use tower::Layer;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::trace::TraceLayer;

use self::backend::ServerBackend;
use self::below::Bases;
use self::error::Failure;
use self::forwarded::Trusted;
use self::guard::Hosts;
use self::idempotency::Keys;
use self::limits::rate::Rates;
use self::live::hub::Hub;
use self::state::AppState;
use self::thumbnail::Thumbnails;
use crate::access::{Access, Caller};
use crate::config::proxy::ProxySettings;
use crate::config::rates::RateSettings;
use crate::engine::Engine;
use crate::intake::Intake;

/// What the routes need beside the engine and intake.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// The address that is listened on.
    pub address: SocketAddr,
    /// By which names the server goes, and whose word about clients it takes.
    pub proxy: ProxySettings,
    /// Who may use the server.
    pub access: Access,
    /// The built site.
    pub site_root: PathBuf,
    /// How large what comes before a body may be.
    pub headers: limits::headers::HeaderLimits,
    /// How many requests one caller may send.
    pub rates: RateSettings,
}

/// All routes. `shutdown` ends the live streams.
pub fn router(engine: Engine, intake: Intake, config: HttpConfig, shutdown: CancellationToken) -> Router {
    let leptos = LeptosOptions::builder()
        .output_name("azulejo")
        .site_root(config.site_root.to_string_lossy())
        .site_pkg_dir("pkg")
        .site_addr(config.address)
        .build();
    let backend = Arc::new(ServerBackend::new(
        engine.clone(),
        intake.clone(),
        Caller::anyone(),
    ));
    let hub = Hub::default();
    let watched: Arc<dyn Backend> = backend;
    let posting = hub
        .clone()
        .run(Arc::downgrade(&watched), engine.subscribe(), shutdown.clone());
    tokio::spawn(posting);
    let app = AppState {
        access: config.access,
        rates: Rates::new(config.rates),
        watched,
        hub,
        keys: Keys::default(),
        engine,
        intake,
        site_root: config.site_root,
        thumbnails: Thumbnails::default(),
        leptos,
        shutdown,
    };
    tokio::spawn(tus::finish::take_up(app.clone()));
    let compressible = DefaultPredicate::new().and(NotForContentType::new("multipart/byteranges"));
    let hosts = Hosts::new(&config.proxy.names);
    let trusted = Trusted::new(&config.proxy.trusted);
    // No gate is before it, since most of what it has is everybody's; how often one asks is bounded all the same.
    let unrouted = any(files::file_or_not_found)
        .layer(from_fn_with_state(app.rates.clone(), limits::rate::limit))
        .with_state(app.clone());
    let bases = Bases::new(config.proxy.base, trusted.clone());
    let inside = routes::router(&app)
        .fallback_service(unrouted)
        .method_not_allowed_fallback(files::method_not_allowed)
        // Bodies are bounded where they are read: uploads stream, calls are small.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(error::as_json))
        .layer(CatchPanicLayer::custom(panicked))
        // Pictures and event streams are left as they are, and so is what comes compressed from the site.
        .layer(
            CompressionLayer::new()
                .quality(CompressionLevel::Fastest)
                .compress_when(compressible),
        )
        .layer(from_fn_with_state(hosts, guard::check))
        .layer(from_fn_with_state(trusted, forwarded::note))
        .with_state(app);
    // Around the routes, since it decides what path they see.
    Router::new()
        .fallback_service(from_fn_with_state(bases, below::enter).layer(inside))
        .layer(from_fn_with_state(config.headers, limits::headers::bound))
        .layer(from_fn(headers::secure))
        .layer(TraceLayer::new_for_http())
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
