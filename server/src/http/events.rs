//! `GET /events`: the live stream of the pages, as Server-Sent Events.
//!
//! A stream begins with the whole state and goes on with what changes. One that falls behind gets the whole state
//! again, so a page never has to ask for anything.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use azulejo_app::backend::Backend;
use azulejo_protocol::{ApiError, Job, JobId, JobQuery, LiveEvent};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::AppState;
use super::changes::{Batch, Changes};
use super::error::Answer;
use super::jobs::job_id;

/// Jobs that the first state has.
const FIRST_JOBS: u32 = 100;

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How soon a browser connects again.
const RETRY: Duration = Duration::from_secs(1);

/// Whether the events are those of one job, with its tiles, or those of all.
#[derive(Debug, Deserialize)]
pub struct EventsQuery {
    job: Option<String>,
}

/// `GET /events` and `GET /events?job=ID`.
pub async fn events(
    State(app): State<AppState>,
    query: Result<Query<EventsQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer<Response> {
    let Query(query) = query.map_err(|error| ApiError::new(400, "bad_query", error.body_text()))?;
    let only = query
        .job
        .as_deref()
        .filter(|id| !id.is_empty())
        .map(job_id)
        .transpose()?;
    let changes = Changes::new(app.engine.subscribe());
    if let Some(id) = only {
        app.backend.job(id).await?;
    }
    let (sender, receiver) = mpsc::channel(16);
    let shutdown = app.shutdown.clone();
    let stream = Stream { app, only, sender };
    tokio::spawn(async move {
        let sender = stream.sender.clone();
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = sender.closed() => {}
            _ = stream.run(changes) => {}
        }
    });
    let mut response = Sse::new(ReceiverStream::new(receiver))
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response();
    // Proxies that gather answers would hold the events back.
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

struct Stream {
    app: AppState,
    only: Option<JobId>,
    sender: mpsc::Sender<Result<Event, Infallible>>,
}

/// The client has gone.
struct Gone;

impl Stream {
    async fn run(self, mut changes: Changes) -> Result<(), Gone> {
        self.put(Event::default().retry(RETRY)).await?;
        self.send_everything().await?;
        while let Some(batch) = changes.next().await {
            if batch.everything {
                self.send_everything().await?
            } else {
                self.send_batch(batch).await?
            }
        }
        Ok(())
    }

    async fn send_everything(&self) -> Result<(), Gone> {
        self.send_health().await?;
        self.send_workers().await?;
        if let Some(id) = self.only {
            return self.send_job(id).await;
        }
        let query = JobQuery {
            limit: Some(FIRST_JOBS),
            ..JobQuery::default()
        };
        if let Ok(jobs) = self.app.backend.jobs(query).await {
            for job in jobs {
                self.send(&LiveEvent::Job { job: Box::new(job) }).await?;
            }
        }
        Ok(())
    }

    async fn send_batch(&self, batch: Batch) -> Result<(), Gone> {
        let ours = |id: &JobId| self.only.is_none_or(|only| only == *id);
        for id in batch.jobs.into_iter().filter(ours) {
            self.send_job(id).await?;
        }
        for job_id in batch.gone.into_iter().filter(ours) {
            self.send(&LiveEvent::JobGone { job_id }).await?;
        }
        if batch.workers {
            self.send_workers().await?;
        }
        if batch.health {
            self.send_health().await?;
        }
        Ok(())
    }

    async fn send_health(&self) -> Result<(), Gone> {
        match self.app.backend.health().await {
            Ok(health) => self.send(&LiveEvent::Health { health }).await,
            Err(_) => Ok(()),
        }
    }

    async fn send_workers(&self) -> Result<(), Gone> {
        match self.app.backend.workers().await {
            Ok(workers) => self.send(&LiveEvent::Workers { workers }).await,
            Err(_) => Ok(()),
        }
    }

    async fn send_job(&self, id: JobId) -> Result<(), Gone> {
        match self.app.backend.job(id).await {
            Ok(job) if self.only.is_some() => self.send(&LiveEvent::Job { job: Box::new(job) }).await,
            Ok(job) => {
                self.send(&LiveEvent::Job {
                    job: Box::new(summary(job)),
                })
                .await
            }
            Err(error) if error.status == 404 => self.send(&LiveEvent::JobGone { job_id: id }).await,
            Err(_) => Ok(()),
        }
    }

    async fn send(&self, event: &LiveEvent) -> Result<(), Gone> {
        match Event::default().json_data(event) {
            Ok(event) => self.put(event).await,
            Err(error) => {
                tracing::error!(%error, "a live event cannot be written as JSON");
                Ok(())
            }
        }
    }

    async fn put(&self, event: Event) -> Result<(), Gone> {
        self.sender.send(Ok(event)).await.map_err(|_| Gone)
    }
}

/// A job as lists show it: without stages and workers, and with tiles only while it is under way.
fn summary(mut job: Job) -> Job {
    job.stages.clear();
    job.workers.clear();
    if job.status.is_final() {
        job.tiles.0.clear();
    }
    job
}
