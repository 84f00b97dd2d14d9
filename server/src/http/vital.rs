//! `GET /live` and `GET /ready`, for whoever starts and stops the process: systemd, Kubernetes, a load balancer.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::state::AppState;

/// An engine whose core is not seen free for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// `GET /live`: 200 while the engine answers, also when Kafka or every worker is away, for a new start would not bring them
/// back; 503 when it is stuck, which only a new start ends.
#[utoipa::path(
    get,
    path = "/live",
    operation_id = "live",
    tag = "installation",
    summary = "Whether the server lives",
    description = "For whoever starts and stops the process. It lives also when Kafka or every worker is away.",
    responses(
        (status = 200, description = "It lives.", body = super::openapi::schemas::Vital),
        (status = 503, description = "It is stuck and has to be started anew.", body = super::openapi::schemas::Vital),
    ),
)]
pub async fn live(State(app): State<AppState>) -> Response {
    let free = seen_within(PATIENCE, || app.engine.is_free()).await;
    answer(free, if free { "live" } else { "stuck" })
}

/// Whether `is_free` is seen to hold before `patience` is over. No thread waits meanwhile: those of a slow disk may be all taken.
async fn seen_within(patience: Duration, is_free: impl Fn() -> bool) -> bool {
    let looks = async {
        while !is_free() {
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(patience, looks).await.is_ok()
}

/// `GET /ready`: 200 while jobs are accepted, 503 while the server stops. Without Kafka they are accepted, too, and wait.
#[utoipa::path(
    get,
    path = "/ready",
    operation_id = "ready",
    tag = "installation",
    summary = "Whether the server accepts jobs",
    description = "Without Kafka they are accepted, too, and wait.",
    responses(
        (status = 200, description = "It accepts jobs.", body = super::openapi::schemas::Vital),
        (status = 503, description = "It stops.", body = super::openapi::schemas::Vital),
    ),
)]
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_is_busy_lives_and_one_that_is_stuck_does_not() {
        let looks = Cell::new(0);
        let busy = || {
            looks.set(looks.get() + 1);
            looks.get() > 100
        };
        assert!(seen_within(PATIENCE, busy).await);
        assert!(!seen_within(PATIENCE, || false).await);
        assert_eq!(answer(false, "stuck").status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
