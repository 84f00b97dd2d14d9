//! `GET /events`: the live stream of the pages, as Server-Sent Events.
//!
//! A stream begins with the whole state and goes on with what changes. One that falls behind gets the whole state
//! again, so a page never has to ask for anything.
//!
//! The events are written by hand: an event of a job with ten thousand tiles is several kilobytes, is the same for all who
//! watch, and is here one shared piece of memory, where axum's `Sse` would write it anew for each.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use azulejo_app::backend::Backend;
use azulejo_protocol::{ApiError, JobId, JobQuery, LiveEvent};
use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::hub::{Watcher, Wish};
use super::mailbox::Mail;
use super::places::{PATIENCE, Place};
use super::snapshot::{self, Snapshot};
use crate::http::backend::ServerBackend;
use crate::http::error::Answer;
use crate::http::forwarded::Client;
use crate::http::jobs::job_id;
use crate::http::state::AppState;

/// Jobs that the first state has.
const FIRST_JOBS: u32 = 100;

/// A beat goes out after this silence: nobody in between takes the stream for dead, and a page whose connection stalled without
/// being closed hears that nothing comes. A comment would not do, since a page is not told of comments.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
const BEAT: &str = "event: beat\ndata: beat\n\n";

/// How soon a browser connects again, milliseconds.
const RETRY: &str = "retry: 1000\n\n";

/// Whether the events are those of one job, with its tiles, or those of all.
#[derive(Debug, Deserialize)]
pub struct EventsQuery {
    job: Option<String>,
}

/// `GET /events` and `GET /events?job=ID`.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "events",
    tag = "live",
    summary = "Follow everything: Server-Sent Events",
    description = "Each `data` is one JSON object of the schema `LiveEvent`; `id` counts the events of this server. The stream begins with the whole state, so that a client that connects again needs nothing else, and speaks of each thing at most a few times a second. After five seconds without news comes an event named `beat`. It never ends by itself.",
    params(("job" = Option<JobId>, Query, description = "Only this job, with its tiles and steps.")),
    responses(
        (status = 200, description = "The stream.", body = LiveEvent, content_type = "text/event-stream"),
    ),
    extensions(("x-role" = json!("read")), ("x-codes" = json!(["bad_query", "job_not_found", "too_many_streams"]))),
)]
pub async fn events(
    State(app): State<AppState>,
    backend: ServerBackend,
    client: Option<Extension<Client>>,
    query: Result<Query<EventsQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer<Response> {
    let Query(query) = query.map_err(|error| ApiError::new(400, "bad_query", error.body_text()))?;
    let only = query
        .job
        .as_deref()
        .filter(|id| !id.is_empty())
        .map(job_id)
        .transpose()?;
    let place = app.hub.places.take(backend.caller(), client.as_deref())?;
    let watcher = app
        .hub
        .watch(only.map_or(Wish::All, Wish::Job), backend.caller().scope());
    if let Some(id) = only {
        backend.job(id).await?;
    }
    let (sender, receiver) = mpsc::channel(4);
    let shutdown = app.shutdown.clone();
    let stream = Stream {
        app,
        backend,
        only,
        sender,
        _place: place,
    };
    tokio::spawn(async move {
        let sender = stream.sender.clone();
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = sender.closed() => {}
            _ = stream.run(watcher) => {}
        }
    });
    let mut response = Body::from_stream(ReceiverStream::new(receiver)).into_response();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // Proxies that gather answers would hold the events back.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

struct Stream {
    app: AppState,
    backend: ServerBackend,
    only: Option<JobId>,
    sender: mpsc::Sender<Result<Bytes, Infallible>>,
    _place: Place,
}

/// The client has gone, or what it showed is of no use any more.
struct Gone;

impl Stream {
    async fn run(self, watcher: Watcher) -> Result<(), Gone> {
        self.put(Bytes::from_static(RETRY.as_bytes())).await?;
        self.send_everything().await?;
        loop {
            match tokio::time::timeout(KEEP_ALIVE, watcher.next()).await {
                Ok(Some(Mail::Snapshot(Snapshot::Text(text)))) => self.put(text).await?,
                Ok(Some(Mail::Snapshot(Snapshot::Original(_)))) => {}
                Ok(Some(Mail::Everything)) => self.send_everything().await?,
                Ok(None) => return Ok(()),
                Err(_) => self.put(Bytes::from_static(BEAT.as_bytes())).await?,
            }
        }
    }

    async fn send_everything(&self) -> Result<(), Gone> {
        let backend = &self.backend;
        if let Ok(health) = backend.health().await {
            let health = Box::new(health);
            self.send(&LiveEvent::Health { health }).await?;
        }
        if let Ok(workers) = backend.workers().await {
            self.send(&LiveEvent::Workers { workers }).await?;
        }
        if self.only.is_none()
            && let Ok(costs) = backend.costs().await
        {
            self.send(&LiveEvent::Costs { costs }).await?;
        }
        if let Some(job_id) = self.only {
            return match backend.job(job_id).await {
                Ok(job) => self.send(&LiveEvent::Job { job: Box::new(job) }).await,
                Err(error) if error.status == 404 => self.send(&LiveEvent::JobGone { job_id }).await,
                Err(_) => Ok(()),
            };
        }
        let query = JobQuery {
            limit: Some(FIRST_JOBS),
            ..JobQuery::default()
        };
        for job in backend.jobs(query).await.unwrap_or_default() {
            self.send(&LiveEvent::Job { job: Box::new(job) }).await?;
        }
        Ok(())
    }

    async fn send(&self, event: &LiveEvent) -> Result<(), Gone> {
        self.put(snapshot::event(self.app.hub.next_id(), event)).await
    }

    async fn put(&self, text: Bytes) -> Result<(), Gone> {
        if !self.app.access.is_still(self.backend.caller()).await {
            return Err(Gone);
        }
        // One that takes nothing is as good as gone, and must not hold its place.
        self.sender
            .send_timeout(Ok(text), PATIENCE)
            .await
            .map_err(|_| Gone)
    }
}
