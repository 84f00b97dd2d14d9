//! The worker's own page: `GET /status` and `GET /api/status` (its heartbeat as JSON, the first eight fields being the
//! original system's), `GET /live` and `GET /ready` for whoever looks after the process, and `GET /` for people.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Json, Router};
use azulejo_protocol::{Heartbeat, WorkerState};
use tokio::net::TcpListener;

use crate::config::Settings;
use crate::monitor::Monitor;

/// Opens the listener; takes a free port when the default one is in use and nobody asked for it.
///
/// # Errors
/// A sentence that names the address and the setting.
pub async fn listen(settings: &Settings) -> Result<TcpListener, String> {
    let wanted = settings.listen;
    match TcpListener::bind(wanted).await {
        Ok(listener) => Ok(listener),
        Err(error) if settings.listen_fallback && error.kind() == std::io::ErrorKind::AddrInUse => {
            tracing::info!("port {} is taken, the status page gets a free one", wanted.port());
            let free = SocketAddr::new(wanted.ip(), 0);
            TcpListener::bind(free)
                .await
                .map_err(|error| format!("cannot listen on {free}: {error}"))
        }
        Err(error) => Err(format!(
            "cannot listen on {wanted}: {error}; choose another with --listen"
        )),
    }
}

/// The routes.
pub fn router(monitor: Arc<Monitor>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/status", get(status))
        .route("/api/status", get(status))
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/health", get(ready))
        .with_state(monitor)
}

async fn status(State(monitor): State<Arc<Monitor>>) -> Json<Heartbeat> {
    Json(monitor.heartbeat())
}

/// 200 while the worker works or waits, also for a cluster that is away; 503 when its consumer hangs, which only a new start ends.
async fn live(State(monitor): State<Arc<Monitor>>) -> impl IntoResponse {
    answer(monitor.pulse().is_turning(), &monitor)
}

/// 200 while it takes tiles, 503 while it starts, drains, or does not reach Kafka.
async fn ready(State(monitor): State<Arc<Monitor>>) -> impl IntoResponse {
    answer(monitor.is_ready(), &monitor)
}

fn answer(well: bool, monitor: &Monitor) -> impl IntoResponse + use<> {
    let status = if well {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let kafka = monitor.pulse().is_heard(monitor.interval());
    (
        status,
        [(header::CACHE_CONTROL, "no-store")],
        Json(serde_json::json!({ "status": monitor.state(), "kafka_connected": kafka })),
    )
}

async fn page(State(monitor): State<Arc<Monitor>>) -> Html<String> {
    Html(render(&monitor.heartbeat()))
}

fn render(heartbeat: &Heartbeat) -> String {
    let partitions: Vec<_> = heartbeat.partitions.iter().map(i32::to_string).collect();
    let rows = [
        ("State", state(heartbeat.status).to_owned()),
        (
            "Tile",
            heartbeat.current_task.clone().unwrap_or_else(|| "none".into()),
        ),
        ("Tiles finished", heartbeat.tasks_processed.to_string()),
        ("Tiles failed", heartbeat.tasks_failed.to_string()),
        (
            "Tiles in the last minute",
            format!("{:.0}", heartbeat.tasks_per_minute),
        ),
        (
            "Time per tile",
            format!("{:.1} ms", heartbeat.avg_processing_time * 1000.0),
        ),
        (
            "Slots in use",
            format!("{} of {}", heartbeat.busy, heartbeat.slots),
        ),
        (
            "Partitions",
            if partitions.is_empty() {
                "none".into()
            } else {
                partitions.join(", ")
            },
        ),
        (
            "Memory",
            match heartbeat.memory_bytes {
                0 => "unknown on this system".into(),
                bytes => format!("{:.0} MiB", bytes as f64 / (1024.0 * 1024.0)),
            },
        ),
        ("Up for", format!("{:.0} s", heartbeat.uptime)),
        (
            "Trouble",
            heartbeat.trouble.clone().unwrap_or_else(|| "none".into()),
        ),
        ("Machine", heartbeat.host.clone()),
        ("Version", heartbeat.version.clone()),
    ];
    let rows: String = rows
        .iter()
        .map(|(name, value)| {
            format!(
                "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>\n",
                escape(value)
            )
        })
        .collect();
    let id = escape(&heartbeat.worker_id);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{id} - Azulejo worker</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"refresh\" content=\"5\"><link rel=\"icon\" href=\"data:,\">\n\
         <style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:40rem;padding:0 1rem}}\
         th{{text-align:left;font-weight:400;opacity:.75;padding-right:2rem}}\
         td{{font-variant-numeric:tabular-nums;overflow-wrap:anywhere}}</style></head>\n\
         <body><main><h1>{id}</h1>\n<table>\n{rows}</table>\n\
         <p>The same as JSON: <a href=\"/status\">/status</a></p></main></body></html>\n"
    )
}

const fn state(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Starting => "starting: waits for Kafka",
        WorkerState::Idle => "idle: waits for tiles",
        WorkerState::Busy => "busy: renders",
        WorkerState::Draining => "draining: finishes what it has",
        WorkerState::Stopped => "stopped",
        WorkerState::Lost => "lost",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_become_markup() {
        assert_eq!(escape("<b a=\"1\">&"), "&lt;b a=&quot;1&quot;&gt;&amp;");
    }
}
