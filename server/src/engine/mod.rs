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

use tokio::sync::broadcast;

pub use settings::{Change, EngineConfig, Mosaic, ResultFile, Upload};

use driver::Driver;
use kafka::Line;

/// Locks that serialise commands about the same job.
const COMMAND_LOCKS: usize = 32;
const FLUSH: Duration = Duration::from_secs(5);

/// The engine. Cheap to clone; [`Engine::shutdown`] ends it.
#[derive(Clone)]
pub struct Engine {
    driver: Arc<Driver>,
    line: Arc<Line>,
    config: Arc<EngineConfig>,
    jobs_dir: PathBuf,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    commands: Arc<Vec<tokio::sync::Mutex<()>>>,
    tickets: Arc<AtomicU64>,
    started: Instant,
    /// Held as long as the engine lives: no second server on the same folder.
    _lock: Arc<File>,
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
            for thread in engine
                .threads
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .drain(..)
            {
                if thread.join().is_err() {
                    tracing::error!("a thread of the engine ended in a panic");
                }
            }
            drivers.files.close();
            drivers.outbox.flush(FLUSH);
            drivers.store.close();
        });
        if ended.await.is_err() {
            tracing::error!("the engine's end ended in a panic");
        }
    }
}
