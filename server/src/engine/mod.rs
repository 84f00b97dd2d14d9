//! The engine: the road of one image from the file on disk to the finished result.
//!
//! # Tour
//! An [`Engine`] is started once and cloned freely. `submit` ([`commands`]) plans the job ([`job`]), moves the file into the
//! job's folder and writes the row ([`store`]). From there on threads do the work, and each step is one file:
//!
//! 1. [`decode`] turns the file into rows of pixels on disk.
//! 2. [`schedule`] decides which tile goes where and when: credits, turns, the overdue. Pure state, in memory, under one lock
//!    ([`state`]), together with the jobs ([`live`]), the tiles that workers die of ([`suspects`]) and the workers ([`workers`], fed by [`heartbeats`]).
//! 3. [`dispatch`] reads the tile's region and [`outbox`] produces it.
//! 4. [`collector`] reads the results, writes their pixels to disk and, with [`outcome`], marks tiles and position in one
//!    transaction.
//! 5. [`assembler`] encodes rows of tiles in order as they become complete; [`mosaic`] draws the picture that pages show.
//!
//! [`recovery`] makes jobs go on after a restart, [`monitor`] keeps the connections to Kafka going, [`trim`] deletes what is done
//! with from the topics, [`shared`] is what all threads
//! share and how a job ends, [`views`] is how the API sees it all, [`events`] tells whoever watches.
//!
//! # What survives what
//! A job's state is in SQLite and its folder; memory can be rebuilt from them at any instant. The order of writes makes it so:
//! a file is complete before the database says so, and is deleted only after the database does not need it any more.

pub mod assembler;
pub mod collector;
pub mod commands;
pub mod decode;
pub mod disk;
pub mod dispatch;
pub mod events;
pub mod heartbeats;
pub mod job;
pub mod kind;
pub mod live;
pub mod monitor;
pub mod mosaic;
pub mod outbox;
pub mod outcome;
pub mod pool;
pub mod queries;
pub mod quiet;
pub mod rate;
pub mod recovery;
pub mod run;
pub mod schedule;
pub mod settings;
pub mod shared;
pub mod state;
pub mod store;
pub mod suspects;
#[cfg(test)]
mod testing;
pub mod trim;
pub mod views;
pub mod workers;

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::broadcast;

pub use settings::{Change, EngineConfig, Mosaic, ResultFile, Upload};

use events::Events;
use outbox::Outbox;
use pool::Pool;
use shared::Shared;
use state::State;
use store::Store;

/// Threads for decoding and for encoding. Two keep a small job from waiting behind a huge one.
const FILE_THREADS: usize = 2;
/// Locks that serialise commands about the same job.
const COMMAND_LOCKS: usize = 32;
const FLUSH: Duration = Duration::from_secs(5);

/// The engine. Cheap to clone; [`Engine::shutdown`] ends it.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    commands: Arc<Vec<tokio::sync::Mutex<()>>>,
    /// Held as long as the engine lives: no second server on the same folder.
    _lock: Arc<File>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    /// Opens the data folder, takes up unfinished jobs and starts the threads. Kafka need not be there: jobs wait for it.
    /// Needs the async runtime.
    ///
    /// # Errors
    /// The folder or the database cannot be used, another server uses it, or librdkafka refuses the settings.
    pub fn start(config: EngineConfig) -> anyhow::Result<Self> {
        let jobs_dir = config.data_dir.join("jobs");
        std::fs::create_dir_all(&jobs_dir)
            .with_context(|| format!("cannot make the data folder {}", jobs_dir.display()))?;
        let lock = lock(&config)?;
        let store = Store::open(&config.data_dir.join("azulejo.sqlite"))?;
        recovery::clean(&store, &jobs_dir)?;
        let state = Arc::new(State::default());
        recovery::load_all(&store, &jobs_dir, &mut state.core())?;
        let outbox = Outbox::new(&config.kafka, config.topics.clone(), state.clone())?;
        let shared = Arc::new(Shared::new(
            config,
            jobs_dir,
            store,
            state,
            Events::start(),
            outbox,
            Pool::start("decode", FILE_THREADS)?,
            Pool::start("encode", FILE_THREADS)?,
        ));
        let mut threads = dispatch::start(&shared)?;
        threads.extend(monitor::start(&shared)?);
        Ok(Self {
            shared,
            threads: Arc::new(Mutex::new(threads)),
            commands: Arc::new((0..COMMAND_LOCKS).map(|_| tokio::sync::Mutex::new(())).collect()),
            _lock: Arc::new(lock),
        })
    }

    /// Listens to changes from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.shared.events.subscribe()
    }

    /// Waits until the engine can never send anything again, and says why: the process has to be started anew.
    pub async fn lost(&self) -> String {
        self.shared.outbox.lost().await
    }

    /// Ends the engine: nothing more is sent, what was read is stored, what was sent is acknowledged or will be sent again
    /// after the next start. A second call does nothing.
    pub async fn shutdown(&self) {
        let engine = self.clone();
        let ended = tokio::task::spawn_blocking(move || {
            let shared = &engine.shared;
            shared.stop();
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
            shared.decoders.close();
            shared.encoders.close();
            shared.outbox.flush(FLUSH);
            shared.store.close();
        });
        if ended.await.is_err() {
            tracing::error!("the engine's end ended in a panic");
        }
    }
}

/// Keeps a second server off the folder. The lock goes with the process, however it ends.
fn lock(config: &EngineConfig) -> anyhow::Result<File> {
    let path = config.data_dir.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => bail!(
            "another server uses the data folder {}: stop it, or give this one a folder of its own \
             (--data-dir, AZULEJO_DATA_DIR)",
            config.data_dir.display()
        ),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}
