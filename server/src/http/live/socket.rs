//! `WS /ws`: the messages of the original system, for its clients. The pages use `GET /events`.

use std::collections::HashSet;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::{IntoResponse, Response};
use azulejo_app::backend::Backend;
use azulejo_protocol::{ApiError, JobId, JobQuery, JobStatus};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::hub::{Watcher, Wish};
use super::mailbox::Mail;
use super::places::{PATIENCE, Place};
use super::snapshot::{self, Original, Snapshot};
use crate::http::backend::ServerBackend;
use crate::http::error::Failure;
use crate::http::forwarded::Client as Peer;
use crate::http::state::AppState;

/// What a client sends is not used, so nothing long is taken from it.
const MAX_INCOMING: usize = 4096;

/// Jobs under way that a new client is told of.
const FIRST_JOBS: u32 = 100;

/// How often a client is asked whether it is there, and its key whether it is good. Nothing else may be sent for hours.
const BEAT: Duration = Duration::from_secs(15);

/// How long the last message may take when the server stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// `GET /ws` with an upgrade.
#[utoipa::path(
    get,
    path = "/ws",
    operation_id = "socket",
    tag = "live",
    summary = "Follow everything: WebSocket, in the messages of the original system",
    description = "Text messages of JSON: `{type: \"progress\", job_id, progress}`, `{type: \"workers\", workers}`, `{type: \"completed\", job_id, result_path}`, `{type: \"error\", message}`. What a client sends is not used.",
    responses(
        (status = 101, description = "The connection is a WebSocket from here on."),
    ),
    extensions(("x-role" = json!("read")), ("x-codes" = json!(["not_a_websocket", "too_many_streams"]))),
)]
pub async fn socket(
    State(app): State<AppState>,
    backend: ServerBackend,
    client: Option<Extension<Peer>>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(error) => {
            let detail = format!("this address speaks WebSocket: {}", error.body_text());
            return Failure(ApiError::new(400, "not_a_websocket", detail)).into_response();
        }
    };
    match app.hub.places.take(backend.caller(), client.as_deref()) {
        Ok(place) => upgrade
            .max_message_size(MAX_INCOMING)
            .max_frame_size(MAX_INCOMING)
            .on_upgrade(|socket| serve(app, backend, socket, place)),
        Err(error) => Failure(error).into_response(),
    }
}

async fn serve(app: AppState, backend: ServerBackend, socket: WebSocket, _place: Place) {
    let shutdown = app.shutdown.clone();
    let mut client = Client {
        watcher: app.hub.watch(Wish::Original, backend.caller().scope()),
        app,
        backend,
        socket,
        told: HashSet::new(),
    };
    tokio::select! {
        () = shutdown.cancelled() => {
            let frame = CloseFrame { code: close_code::AWAY, reason: "the server is shutting down".into() };
            // The client may be gone already, which is as well.
            let _ = timeout(FAREWELL, client.socket.send(Message::Close(Some(frame)))).await;
        }
        _ = client.run() => {}
    }
}

/// What the client showed is of no use any more.
#[derive(Debug, thiserror::Error)]
#[error("the key was revoked or has expired")]
struct Revoked;

/// The client has stopped listening without saying so.
#[derive(Debug, thiserror::Error)]
#[error("the client takes nothing of what is sent")]
struct Deaf;

struct Client {
    app: AppState,
    backend: ServerBackend,
    socket: WebSocket,
    watcher: Watcher,
    /// Jobs whose end was said, so that it is said once.
    told: HashSet<JobId>,
}

impl Client {
    async fn run(&mut self) -> Result<(), axum::Error> {
        self.send_everything().await?;
        let mut beat = interval_at(Instant::now() + BEAT, BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Whichever is not ready is given up, and loses nothing: see `Watcher::next`.
            tokio::select! {
                incoming = self.socket.recv() => match incoming {
                    Some(Ok(Message::Close(_))) | None => return Ok(()),
                    Some(message) => drop(message?),
                },
                mail = self.watcher.next() => match mail {
                    Some(Mail::Snapshot(Snapshot::Text(text))) => {
                        let text = String::from_utf8_lossy(&text).into_owned();
                        self.send(text).await?;
                    }
                    Some(Mail::Snapshot(Snapshot::Original(job))) => self.send_job(&job).await?,
                    Some(Mail::Everything) => self.send_everything().await?,
                    None => return Ok(()),
                },
                _ = beat.tick() => self.put(Message::Ping(Bytes::new())).await?,
            }
        }
    }

    async fn send_everything(&mut self) -> Result<(), axum::Error> {
        let workers = match self.backend.workers().await {
            Ok(workers) => snapshot::original_workers(&workers),
            Err(error) => snapshot::original_error(error.detail),
        };
        self.send(workers).await?;
        let query = JobQuery {
            status: Some(JobStatus::Processing),
            limit: Some(FIRST_JOBS),
            ..JobQuery::default()
        };
        for job in self.backend.jobs(query).await.unwrap_or_default() {
            self.send_job(&snapshot::original_job(&job)).await?;
        }
        Ok(())
    }

    async fn send_job(&mut self, job: &Original) -> Result<(), axum::Error> {
        if !job.is_final {
            self.told.remove(&job.job);
        } else if !self.told.insert(job.job) {
            return Ok(());
        }
        for message in &job.messages {
            self.send(message.clone()).await?;
        }
        Ok(())
    }

    async fn send(&mut self, text: String) -> Result<(), axum::Error> {
        self.put(Message::text(text)).await
    }

    async fn put(&mut self, message: Message) -> Result<(), axum::Error> {
        if !self.app.access.is_still(self.backend.caller()).await {
            return Err(axum::Error::new(Revoked));
        }
        timeout(PATIENCE, self.socket.send(message))
            .await
            .unwrap_or_else(|_| Err(axum::Error::new(Deaf)))
    }
}
