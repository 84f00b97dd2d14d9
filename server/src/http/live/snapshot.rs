//! The texts that watchers are sent, each made once whoever is sent it.

use std::sync::Arc;

use azulejo_protocol::{Job, JobId, JobStatus, LiveEvent, Progress, WorkerInfo};
use bytes::Bytes;
use serde::Serialize;

/// What a snapshot is of. A watcher needs only the newest of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The state of the installation.
    Health,
    /// The workers.
    Workers,
    /// What work costs.
    Costs,
    /// A job, or that it is no more.
    Job(JobId),
}

/// A subject as it is at one moment, as text. Copies share it.
#[derive(Debug, Clone)]
pub enum Snapshot {
    /// JSON.
    Text(Bytes),
    /// A job for a client of the original system.
    Original(Arc<Original>),
}

/// What a client of the original system is told of a job.
#[derive(Debug)]
pub struct Original {
    /// Which.
    pub job: JobId,
    /// Whether it has ended: that is said once.
    pub is_final: bool,
    /// The messages, in order.
    pub messages: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Message<'a> {
    Progress { job_id: JobId, progress: Progress },
    Workers { workers: &'a [WorkerInfo] },
    Completed { job_id: JobId, result_path: String },
    Error { message: String },
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| {
        tracing::error!(%error, "a live event cannot be written as JSON");
        String::new()
    })
}

/// One event for the pages: `id`, `data` and the empty line that ends it. JSON has no line breaks in it.
pub fn event(id: u64, event: &LiveEvent) -> Bytes {
    format!("id: {id}\ndata: {}\n\n", json(event)).into()
}

/// A job as lists show it: without stages and workers, and with tiles only while it is under way.
pub fn summary(mut job: Job) -> Job {
    job.stages.clear();
    job.workers.clear();
    if job.status.is_final() {
        job.tiles.0.clear();
    }
    job
}

/// The workers without what they are at, for those who do not see everybody's jobs.
pub fn without_tasks(workers: &[WorkerInfo]) -> Vec<WorkerInfo> {
    let mut workers = workers.to_vec();
    for worker in &mut workers {
        worker.current_task = None;
    }
    workers
}

/// The workers for clients of the original system.
pub fn original_workers(workers: &[WorkerInfo]) -> String {
    json(&Message::Workers { workers })
}

/// An error for clients of the original system.
pub fn original_error(message: String) -> String {
    json(&Message::Error { message })
}

/// A job for clients of the original system: its progress, and its end when it has ended.
pub fn original_job(job: &Job) -> Original {
    let job_id = job.job_id;
    let mut messages = vec![json(&Message::Progress {
        job_id,
        progress: job.progress,
    })];
    let end = match job.status {
        JobStatus::Processing => None,
        JobStatus::Completed => Some(Message::Completed {
            job_id,
            result_path: format!("/download/{job_id}"),
        }),
        JobStatus::Failed => {
            let reason = job.error.as_deref().unwrap_or("it failed");
            Some(Message::Error {
                message: format!("job {job_id}: {reason}"),
            })
        }
        JobStatus::Cancelled => Some(Message::Error {
            message: format!("job {job_id}: it was cancelled"),
        }),
    };
    messages.extend(end.as_ref().map(json));
    Original {
        job: job_id,
        is_final: job.status.is_final(),
        messages,
    }
}
