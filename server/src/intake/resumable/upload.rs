//! One resumable upload: its two files, and what is known of it in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::SystemTime;

use azulejo_imaging::file::ImageInfo;
use azulejo_protocol::ApiError;
use azulejo_protocol::health::IntakeLimits;
use tokio::sync::watch;
use uuid::Uuid;

use super::early::Early;
use super::record::Record;
use crate::engine::files::job::remove_if_there;

/// What only the request that has the upload changes.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) record: Record,
    pub(super) early: Early,
    pub(super) info: Option<ImageInfo>,
}

#[derive(Debug)]
pub(super) struct Upload {
    pub(super) id: Uuid,
    pub(super) filename: String,
    pub(super) owner: Option<String>,
    pub(super) length: u64,
    pub(super) part: PathBuf,
    pub(super) record_path: PathBuf,
    pub(super) turn: Arc<tokio::sync::Mutex<Turn>>,
    /// Counts the requests that wanted it.
    pub(super) calls: watch::Sender<u64>,
    pub(super) offset: AtomicU64,
    /// When something last happened to it, milliseconds since 1970.
    pub(super) touched: AtomicI64,
    /// Whether its file has become its job.
    used: AtomicBool,
}

impl Upload {
    pub(super) fn new(folder: &Path, id: Uuid, record: Record, offset: u64, touched: i64) -> Arc<Self> {
        Arc::new(Self {
            id,
            filename: record.filename.clone(),
            owner: record.owner.clone(),
            length: record.length,
            part: folder.join(format!("{id}.part")),
            record_path: record_path(folder, id),
            turn: Arc::new(tokio::sync::Mutex::new(Turn {
                record,
                early: Early::default(),
                info: None,
            })),
            calls: watch::Sender::new(0),
            offset: AtomicU64::new(offset),
            touched: AtomicI64::new(touched),
            used: AtomicBool::new(false),
        })
    }

    pub(super) fn touch(&self) {
        self.touched.store(now(), Ordering::Relaxed);
    }

    pub(super) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn set_used(&self) {
        self.used.store(true, Ordering::Relaxed);
        self.touch();
    }

    pub(super) fn delete_files(&self) {
        // The record last: a file without one is deleted at the next start.
        remove_if_there(&self.part);
        remove_if_there(&self.record_path);
    }
}

/// The upload `id` as an earlier process left it.
pub(super) fn found(folder: &Path, id: Uuid, limits: &IntakeLimits) -> std::io::Result<Arc<Upload>> {
    let path = record_path(folder, id);
    let mut record = Record::read(&path, limits)?;
    let part = folder.join(format!("{id}.part"));
    let (length, changed, is_used) = match std::fs::symlink_metadata(&part) {
        Ok(file) if file.is_file() => (file.len(), file.modified()?, false),
        // Its job has taken the file.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && record.job.is_some() => {
            (record.length, std::fs::metadata(&path)?.modified()?, true)
        }
        Err(error) => return Err(error),
        Ok(_) => return Err(std::io::Error::other("it is not a file")),
    };
    // What came under a checksum that nobody compared, and what cannot be of this file.
    let sound = length
        .min(record.length)
        .min(record.unverified_from.unwrap_or(u64::MAX));
    if sound < length && !is_used {
        std::fs::OpenOptions::new()
            .write(true)
            .open(&part)?
            .set_len(sound)?;
    }
    if record.unverified_from.take().is_some() {
        record.write(&path)?;
    }
    let upload = Upload::new(folder, id, record, sound, milliseconds(changed).min(now()));
    upload.used.store(is_used, Ordering::Relaxed);
    Ok(upload)
}

pub(super) fn record_path(folder: &Path, id: Uuid) -> PathBuf {
    folder.join(format!("{id}.json"))
}

pub(super) fn not_found() -> ApiError {
    let detail =
        "there is no such upload: it became a job, it was deleted, or it has expired; send the file again";
    ApiError::not_found("upload_not_found", detail)
}

/// Milliseconds since 1970.
pub(super) fn now() -> i64 {
    milliseconds(SystemTime::now())
}

fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
