//! The engine: the road of one image from the file on disk to the finished result.
//!
//! # Tour
//! The rules are in the crate `azulejo-engine`: a core that takes events and gives effects, and knows neither threads nor
//! files nor Kafka. Here are its drivers, which carry the effects out and tell it what became of them:
//!
//! - [`driver`] holds the core and hands its effects on.
//! - [`files`] decodes, checks, assembles; [`kafka`] sends and reads; [`store`] keeps what survives the process.
//! - [`api`] is what HTTP, pages and the command line may ask: commands, queries, what they see, what they are told.
//! - [`settings`] is what goes in and out; [`problems`] what does not work and why; [`tell`] how drivers tell
//!   the core; [`threads`] what happens when one of them ends before its time.
//!
//! Arrows point one way: `api` and this file know `driver`, `driver` knows the drivers, these know `tell` and `problems` and not
//! each other, except that whoever moves pixels knows `files`.
//!
//! # What survives what
//! A job's state is in SQLite and its folder; memory can be rebuilt from them at any instant. The core asks for what must be
//! durable first and tells nobody before it is. A file is complete before the database says so, and is deleted only after
//! the database does not need it any more.

pub mod api;
pub mod driver;
pub mod files;
pub mod kafka;
pub mod problems;
mod promises;
pub mod quotas;
pub mod retention;
pub mod reuse;
pub mod settings;
mod start;
pub mod store;
pub mod tell;
#[cfg(test)]
mod testing;
pub mod threads;

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use azulejo_protocol::health::IntakeLimits;
use tokio::sync::broadcast;

pub use settings::{Change, EngineConfig, Mosaic, ResultFile, Upload};

use api::revisions::Revisions;
use api::turns::{Turn, Turns};
use driver::Driver;
use files::disk::Room;
use kafka::Line;
use promises::Promises;

/// Locks that serialise commands about the same job.
const COMMAND_LOCKS: usize = 32;
/// How long the broker has to acknowledge what was sent.
const FLUSH: Duration = Duration::from_secs(5);
/// How long those who send, read and store have to finish what they are at. It is no harm when they do not: what is not
/// stored comes again.
const FINISH: Duration = Duration::from_secs(3);
/// How long those who only look have to end.
const LEAVE: Duration = Duration::from_millis(300);

/// The engine. Cheap to clone; [`Engine::shutdown`] ends it.
#[derive(Clone)]
pub struct Engine {
    driver: Arc<Driver>,
    line: Arc<Line>,
    room: Arc<Room>,
    config: Arc<EngineConfig>,
    jobs_dir: PathBuf,
    threads: Arc<Mutex<Threads>>,
    commands: Arc<Vec<tokio::sync::Mutex<()>>>,
    tickets: Arc<AtomicU64>,
    revisions: Revisions,
    promises: Promises,
    turns: Turns,
    started: Instant,
    /// Held as long as the engine lives: no second server on the same folder.
    _lock: Arc<File>,
}

/// The engine's threads, apart from those of its drivers.
#[derive(Default)]
struct Threads {
    /// They send, read and store.
    work: Vec<JoinHandle<()>>,
    /// They look what there is in Kafka, and leave nothing behind when they are not waited for.
    look: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    /// Listens to changes from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.driver.drivers().events.subscribe()
    }

    /// What an image must keep to now: a topic of Kafka may take smaller records than this installation asks for.
    pub fn limits(&self) -> IntakeLimits {
        IntakeLimits {
            max_record_bytes: self.config.limits.max_record_bytes.min(self.line.record_bytes()),
            ..self.config.limits
        }
    }

    /// What does not work and does not pass by itself, for those around the engine to add to.
    pub fn problems(&self) -> &problems::Problems {
        self.driver.problems()
    }

    /// The turn of a caller, by their owner's name, for what goes through many rows of the database: to be held meanwhile.
    pub async fn list_turn(&self, by: Option<&str>) -> Option<Turn> {
        self.turns.of(by).await
    }

    /// The topic that this server's tiles are answered in.
    pub fn results_topic(&self) -> &str {
        &self.driver.drivers().results
    }

    /// Waits until the engine cannot go on in this process, and says why: the process has to be started anew.
    pub async fn lost(&self) -> String {
        self.driver.lost().await
    }

    /// Ends the engine: nothing more is sent, what was read is stored, what was sent is acknowledged or will be sent again
    /// after the next start. A second call does nothing.
    pub async fn shutdown(&self) {
        let engine = self.clone();
        let ended = tokio::task::spawn_blocking(move || {
            let drivers = engine.driver.drivers();
            engine.line.stop();
            drivers.outbox.close();
            let threads = std::mem::take(&mut *engine.threads.lock().unwrap_or_else(PoisonError::into_inner));
            threads::join(threads.work, FINISH);
            threads::join(threads.look, LEAVE);
            drivers.files.close();
            drivers.outbox.flush(FLUSH);
            drivers.store.close();
        });
        if ended.await.is_err() {
            tracing::error!("the engine's end ended in a panic");
        }
    }
}
