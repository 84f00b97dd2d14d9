//! The Azulejo worker: takes tile tasks from Kafka, renders them, sends the results back.
//!
//! # Tour
//! A worker is one consumer thread, a thread per slot, librdkafka's own threads, and a small tokio runtime for what is
//! not on the tiles' path.
//!
//! - [`config`]: flags and environment variables, checked.
//! - [`consumer`]: the consumer's thread: backpressure, taking records. [`membership`]: the group. Both keep their books in the
//!   [`ledger`], which builds on [`assignment`] (which partitions, what is under way), [`offsets`] (what may be committed)
//!   and [`turns`] (which task goes to a slot next).
//! - [`slots`] render: [`task`] checks one tile and renders it, [`publisher`] sends what came of it.
//! - [`control`]: cancellations. [`heartbeat`] and [`status`]: what others hear and see, read from the [`monitor`],
//!   its [`trouble`] and its [`pulse`].
//! - [`drain`]: the worker's life, from starting to stopped. [`topics`]: waiting for Kafka.
//!   [`error`]: why it cannot go on.
//!
//! A task's offset is stored only after its answer is acknowledged, and only as part of the finished prefix of its
//! partition, so a worker can be killed at any instant: what it had not answered is delivered again. What it had
//! answered may be, too, and the server counts each tile once.
#![deny(missing_docs)]

pub mod assignment;
pub mod config;
pub mod consumer;
pub mod control;
pub mod drain;
pub mod error;
pub mod heartbeat;
pub mod ledger;
pub mod membership;
pub mod monitor;
pub mod offsets;
pub mod publisher;
pub mod pulse;
pub mod slots;
pub mod status;
pub mod task;
pub mod topics;
pub mod trouble;
pub mod turns;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use azulejo_transport::Occasionally;
use azulejo_transport::probe::Probe;
use config::Settings;
use consumer::Intake;
use control::Cancelled;
use drain::{Lifecycle, Stage};
pub use error::WorkerError;
use ledger::Ledger;
use monitor::Monitor;
use publisher::Publisher;
use slots::{Buffers, Workshop};

/// How often a worker that is not running yet looks whether it is in trouble.
const TROUBLE: Duration = Duration::from_secs(1);

/// Time that the last words of a worker may take to reach Kafka.
const GOODBYE: Duration = Duration::from_secs(3);

/// A running worker.
pub struct Worker {
    id: String,
    address: SocketAddr,
    life: Arc<Lifecycle>,
    monitor: Arc<Monitor>,
    publisher: Publisher,
    consumer: oneshot::Receiver<Result<(), String>>,
    tasks: JoinSet<()>,
}

impl Worker {
    /// Starts a worker. Must be called within a tokio runtime. Kafka need not be there yet.
    ///
    /// # Errors
    /// When the status page's address is taken or librdkafka does not take the configuration.
    pub async fn start(settings: Settings) -> Result<Self, WorkerError> {
        let listener = status::listen(&settings).await.map_err(WorkerError::Listen)?;
        let address = listener.local_addr()?;
        let life = Arc::new(Lifecycle::default());
        let monitor = Arc::new(Monitor::new(&settings, Arc::clone(&life)));
        let cancelled = Arc::new(Cancelled::default());
        let buffers = Arc::new(Buffers::default());
        let connected = Arc::new(Notify::new());
        let (event_sender, events) = crossbeam_channel::unbounded();
        let (task_sender, tasks) = crossbeam_channel::unbounded();
        let publisher = Publisher::new(
            &settings,
            event_sender.clone(),
            Arc::clone(monitor.troubles()),
            Arc::clone(monitor.pulse()),
        )?;
        let workshop = Workshop {
            tasks,
            publisher: publisher.clone(),
            events: event_sender,
            cancelled: Arc::clone(&cancelled),
            monitor: Arc::clone(&monitor),
            buffers: Arc::clone(&buffers),
        };
        // The slots end by themselves when the consumer's thread does.
        slots::spawn(settings.slots, &workshop)?;
        let intake = Intake {
            settings: settings.clone(),
            ledger: Arc::new(Ledger::new(
                &settings,
                events,
                publisher.clone(),
                Arc::clone(monitor.troubles()),
            )),
            tasks: task_sender,
            publisher: publisher.clone(),
            buffers,
            life: Arc::clone(&life),
            monitor: Arc::clone(&monitor),
            connected: Arc::clone(&connected),
            quiet: Occasionally::default(),
        };
        let probe = Probe::with_protocol(&settings.kafka, &settings.id)?;
        let (ended, consumer_end) = oneshot::channel();
        std::thread::Builder::new()
            .name("consumer".into())
            .spawn(move || {
                // Nobody waits for the end of a worker that was dropped.
                let _ = ended.send(intake.run(probe));
            })?;

        let mut side = JoinSet::new();
        let router = status::router(Arc::clone(&monitor));
        side.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!("the status page ended: {error}");
            }
        });
        {
            let (monitor, publisher) = (Arc::clone(&monitor), publisher.clone());
            let (control_settings, life) = (settings.clone(), Arc::clone(&life));
            let beating = Arc::clone(&monitor);
            side.spawn(async move {
                // One that cannot join its group says so.
                while life.stage() < Stage::Running && beating.troubles().text().is_none() {
                    drop(tokio::time::timeout(TROUBLE, life.reached(Stage::Running)).await);
                }
                heartbeat::beat(&beating, &publisher).await;
            });
            side.spawn(async move {
                connected.notified().await;
                if let Err(error) = control::follow(&control_settings, &cancelled, monitor.troubles()) {
                    tracing::error!("cancellations are not followed: {error}");
                }
            });
        }
        Ok(Self {
            id: settings.id,
            address,
            life,
            monitor,
            publisher,
            consumer: consumer_end,
            tasks: side,
        })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where its status page is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it would say of itself now.
    pub fn heartbeat(&self) -> azulejo_protocol::Heartbeat {
        self.monitor.heartbeat()
    }

    /// The worker's life, to wait for its stages.
    pub fn life(&self) -> &Arc<Lifecycle> {
        &self.life
    }

    /// Asks it to take no new tiles, finish those it has, and stop.
    pub fn drain(&self) {
        self.drain_handle().drain();
    }

    /// What asks for the drain while something else waits for the end.
    pub fn drain_handle(&self) -> DrainHandle {
        DrainHandle {
            life: Arc::clone(&self.life),
            monitor: Arc::clone(&self.monitor),
        }
    }

    /// Waits for its end: after a drain, or because it cannot go on.
    ///
    /// # Errors
    /// [`WorkerError::Kafka`] when it ended without being asked to.
    pub async fn ended(mut self) -> Result<(), WorkerError> {
        let end = (&mut self.consumer).await;
        self.life.advance(Stage::Stopped);
        let publisher = self.publisher.clone();
        let monitor = Arc::clone(&self.monitor);
        // Flushing blocks.
        let goodbye = tokio::task::spawn_blocking(move || {
            // Only a worker that others have heard of says goodbye.
            if monitor.was_announced() {
                heartbeat::say(&monitor, &publisher);
            }
            publisher.flush(GOODBYE)
        });
        if let Ok(Err(error)) = goodbye.await {
            tracing::warn!("not everything reached Kafka before the end: {error}");
        }
        self.tasks.shutdown().await;
        match end {
            Ok(result) => result.map_err(WorkerError::Kafka),
            Err(_) => Err(WorkerError::Kafka(
                "the consumer's thread ended unexpectedly".into(),
            )),
        }
    }
}

/// Asks a worker to drain.
#[derive(Debug, Clone)]
pub struct DrainHandle {
    life: Arc<Lifecycle>,
    monitor: Arc<Monitor>,
}

impl DrainHandle {
    /// Asks it to take no new tiles, finish those it has, and stop. Asking twice changes nothing.
    pub fn drain(&self) {
        if self.life.advance(Stage::Draining) {
            self.monitor.announce();
        }
    }
}
