//! `WS /ws`: the messages of the original system, for its clients. The pages use `GET /events`.

use std::collections::HashSet;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::{IntoResponse, Response};
use azulejo_app::backend::Backend;
use azulejo_protocol::{ApiError, Job, JobId, JobQuery, JobStatus, Progress, WorkerInfo};
use serde::Serialize;

use super::AppState;
use super::changes::{Batch, Changes};
use super::error::Failure;

/// What a client sends is not used, so nothing long is taken from it.
const MAX_INCOMING: usize = 4096;

/// Jobs under way that a new client is told of.
const FIRST_JOBS: u32 = 100;

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Original {
    Progress { job_id: JobId, progress: Progress },
    Workers { workers: Vec<WorkerInfo> },
    Completed { job_id: JobId, result_path: String },
    Error { message: String },
}

/// `GET /ws` with an upgrade.
pub async fn socket(
    State(app): State<AppState>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    match upgrade {
        Ok(upgrade) => upgrade
            .max_message_size(MAX_INCOMING)
            .max_frame_size(MAX_INCOMING)
            .on_upgrade(|socket| serve(app, socket)),
        Err(error) => {
            let detail = format!("this address speaks WebSocket: {}", error.body_text());
            Failure(ApiError::new(400, "not_a_websocket", detail)).into_response()
        }
    }
}

async fn serve(app: AppState, socket: WebSocket) {
    let shutdown = app.shutdown.clone();
    let mut client = Client {
        changes: Changes::new(app.engine.subscribe()),
        app,
        socket,
        told: HashSet::new(),
    };
    tokio::select! {
        () = shutdown.cancelled() => {
            let frame = CloseFrame { code: close_code::AWAY, reason: "the server is shutting down".into() };
            // The client may be gone already, which is as well.
            let _ = client.socket.send(Message::Close(Some(frame))).await;
        }
        _ = client.run() => {}
    }
}

struct Client {
    app: AppState,
    socket: WebSocket,
    changes: Changes,
    /// Jobs whose end was said, so that it is said once.
    told: HashSet<JobId>,
}

impl Client {
    async fn run(&mut self) -> Result<(), axum::Error> {
        self.send_everything().await?;
        loop {
            tokio::select! {
                incoming = self.socket.recv() => match incoming {
                    Some(Ok(Message::Close(_))) | None => return Ok(()),
                    Some(message) => drop(message?),
                },
                batch = self.changes.next() => match batch {
                    Some(batch) if batch.everything => self.send_everything().await?,
                    Some(batch) => self.send_batch(batch).await?,
                    None => return Ok(()),
                },
            }
        }
    }

    async fn send_everything(&mut self) -> Result<(), axum::Error> {
        self.send_workers().await?;
        let query = JobQuery {
            status: Some(JobStatus::Processing),
            limit: Some(FIRST_JOBS),
            ..JobQuery::default()
        };
        for job in self.app.backend.jobs(query).await.unwrap_or_default() {
            self.send_job(&job).await?;
        }
        Ok(())
    }

    async fn send_batch(&mut self, batch: Batch) -> Result<(), axum::Error> {
        for id in batch.jobs {
            if let Ok(job) = self.app.backend.job(id).await {
                self.send_job(&job).await?;
            }
        }
        if batch.workers {
            self.send_workers().await?;
        }
        Ok(())
    }

    async fn send_workers(&mut self) -> Result<(), axum::Error> {
        match self.app.backend.workers().await {
            Ok(workers) => self.send(&Original::Workers { workers }).await,
            Err(error) => {
                self.send(&Original::Error {
                    message: error.detail,
                })
                .await
            }
        }
    }

    async fn send_job(&mut self, job: &Job) -> Result<(), axum::Error> {
        let job_id = job.job_id;
        if !job.status.is_final() {
            self.told.remove(&job_id);
        } else if !self.told.insert(job_id) {
            return Ok(());
        }
        self.send(&Original::Progress {
            job_id,
            progress: job.progress,
        })
        .await?;
        match job.status {
            JobStatus::Completed => {
                self.send(&Original::Completed {
                    job_id,
                    result_path: format!("/download/{job_id}"),
                })
                .await
            }
            JobStatus::Failed => {
                let reason = job.error.as_deref().unwrap_or("it failed");
                self.send(&Original::Error {
                    message: format!("job {job_id}: {reason}"),
                })
                .await
            }
            JobStatus::Cancelled => {
                self.send(&Original::Error {
                    message: format!("job {job_id}: it was cancelled"),
                })
                .await
            }
            JobStatus::Processing => Ok(()),
        }
    }

    async fn send(&mut self, message: &Original) -> Result<(), axum::Error> {
        match serde_json::to_string(message) {
            Ok(text) => self.socket.send(Message::text(text)).await,
            Err(error) => {
                tracing::error!(%error, "a message cannot be written as JSON");
                Ok(())
            }
        }
    }
}
