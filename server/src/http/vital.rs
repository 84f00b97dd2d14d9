//! `GET /live` and `GET /ready`, for whoever starts and stops the process: systemd, Kubernetes, a load balancer.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::state::AppState;

/// The core is held for moments only: one that cannot be had for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(5);

/// `GET /live`: 200 while the engine answers, also when Kafka or every worker is away, for a new start would not bring them
/// back; 503 when it is stuck, which only a new start ends.
pub async fn live(State(app): State<AppState>) -> Response {
    let engine = app.engine.clone();
    let look = tokio::task::spawn_blocking(move || engine.touch());
    let answers = matches!(tokio::time::timeout(PATIENCE, look).await, Ok(Ok(())));
    answer(answers, if answers { "live" } else { "stuck" })
}

/// `GET /ready`: 200 while jobs are accepted, 503 while the server stops. Without Kafka they are accepted, too, and wait.
pub async fn ready(State(app): State<AppState>) -> Response {
    let stops = app.shutdown.is_cancelled();
    answer(!stops, if stops { "stopping" } else { "ready" })
}

fn answer(well: bool, status: &str) -> Response {
    let code = if well {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        code,
        [(header::CACHE_CONTROL, "no-store")],
        Json(json!({ "status": status })),
    )
        .into_response()
}
