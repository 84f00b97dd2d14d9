//! The whole: what is shared by all connections, and its life from opening to shutdown.

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

use crate::clock::now_ms;
use crate::config::BrokerConfig;
use crate::connection;
use crate::error::BrokerError;
use crate::files::{read_json_or_none, write_json};
use crate::fsync::FsyncPolicy;
use crate::groups::coordinator::Coordinator;
use crate::groups::offsets::Offsets;
use crate::producer_ids::ProducerIds;
use crate::shared::Shared;
use crate::topics::Registry;

#[derive(Serialize, Deserialize)]
struct Identity {
    cluster_id: String,
}

/// A broker. Cheap to clone: all clones are the same one.
#[derive(Clone)]
pub struct Broker {
    shared: Arc<Shared>,
}

impl Broker {
    /// Opens the data folder, with whatever recovery it needs.
    ///
    /// # Errors
    /// [`BrokerError::InUse`] when another broker has it; others when it cannot be read or written.
    pub fn open(config: BrokerConfig) -> Result<Self, BrokerError> {
        let failed = |source| BrokerError::DataDir {
            path: config.data_dir.clone(),
            source,
        };
        std::fs::create_dir_all(&config.data_dir).map_err(failed)?;
        let lock = File::create(config.data_dir.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BrokerError::InUse(config.data_dir)),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let identity = config.data_dir.join("broker.json");
        let cluster_id = match read_json_or_none::<Identity>(&identity) {
            Some(identity) => identity.cluster_id,
            None => {
                let cluster_id = Uuid::new_v4().simple().to_string();
                write_json(
                    &identity,
                    &Identity {
                        cluster_id: cluster_id.clone(),
                    },
                )
                .map_err(failed)?;
                cluster_id
            }
        };
        let topics =
            Registry::open(&config.data_dir, config.topic_defaults.clone(), config.fsync).map_err(failed)?;
        let offsets = Offsets::open(&config.data_dir, config.fsync, now_ms()).map_err(failed)?;
        offsets.forget_topics_unless(|topic| topics.get(topic).is_some());
        let groups = Coordinator::new(offsets, config.initial_rebalance_delay, config.session_timeout);
        let producer_ids = ProducerIds::open(&config.data_dir).map_err(failed)?;
        let request_memory = Semaphore::new((config.request_memory_bytes / 1024).max(1));
        let closing = watch::Sender::new(false);
        let shared = Shared {
            config,
            cluster_id,
            topics,
            groups,
            producer_ids,
            request_memory,
            closing,
            _lock: lock,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Serves the connections of `listener` until [`Self::shutdown`], then closes the logs. Needs a tokio runtime with
    /// several threads, since writing to disk blocks one.
    ///
    /// # Errors
    /// [`BrokerError::Accept`] when the listener breaks.
    pub async fn serve(&self, listener: TcpListener) -> Result<(), BrokerError> {
        let shared = &self.shared;
        let mut closing = shared.closing();
        let background = [
            tokio::spawn(run_groups(Arc::clone(shared))),
            tokio::spawn(maintain(Arc::clone(shared))),
        ];
        let mut connections = tokio::task::JoinSet::new();
        let places = Arc::new(Semaphore::new(shared.config.max_connections));
        let outcome = loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
                _ = closing.wait_for(|closing| *closing) => break Ok(()),
            };
            match accepted {
                Ok((stream, peer)) => {
                    let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                        let limit = shared.config.max_connections;
                        tracing::warn!(%peer, limit, "refused a connection: too many are open");
                        continue;
                    };
                    let shared = Arc::clone(shared);
                    connections.spawn(async move {
                        connection::serve(shared, stream, peer).await;
                        drop(place);
                    });
                }
                Err(error) if is_passing(&error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => break Err(BrokerError::Accept(error)),
            }
        };
        drop(listener);
        shared.closing.send_replace(true);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(2), drained)
            .await
            .is_err()
        {
            connections.shutdown().await;
        }
        for task in background {
            task.abort();
            let _ = task.await;
        }
        let shared = Arc::clone(shared);
        if let Err(error) = tokio::task::spawn_blocking(move || close(&shared)).await {
            tracing::error!(%error, "closing the logs failed");
        }
        outcome
    }

    /// Ends [`Self::serve`]. What is being written to a log is finished first; whoever waits for an answer is cut off.
    pub fn shutdown(&self) {
        self.shared.closing.send_replace(true);
    }

    /// The address that clients of `listener` are told.
    pub fn advertised(&self, local: SocketAddr) -> (String, u16) {
        self.shared
            .config
            .advertise
            .clone()
            .unwrap_or_else(|| (local.ip().to_string(), local.port()))
    }
}

/// Whether accepting may work again: the other side gave up, or there are too many open files for the moment.
fn is_passing(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, OutOfMemory};
    const TOO_MANY_FILES: [i32; 2] = [23, 24];
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | OutOfMemory
    ) || error
        .raw_os_error()
        .is_some_and(|code| TOO_MANY_FILES.contains(&code))
}

async fn run_groups(shared: Arc<Shared>) {
    shared.groups.run().await;
}

/// Rolls, deletes and flushes, at the interval of the settings.
async fn maintain(shared: Arc<Shared>) {
    let interval = match shared.config.fsync {
        FsyncPolicy::Interval(interval) => interval.min(shared.config.maintenance_interval),
        _ => shared.config.maintenance_interval,
    };
    loop {
        tokio::time::sleep(interval).await;
        let shared = Arc::clone(&shared);
        let round = tokio::task::spawn_blocking(move || maintain_once(&shared)).await;
        if let Err(error) = round {
            tracing::error!(%error, "a round of maintenance failed");
        }
    }
}

fn maintain_once(shared: &Shared) {
    let flush = matches!(shared.config.fsync, FsyncPolicy::Interval(_));
    for topic in shared.topics.all() {
        for (index, partition) in topic.partitions().iter().enumerate() {
            let flushed = if flush { partition.flush() } else { Ok(()) };
            if let Err(error) = flushed.and_then(|()| partition.maintain(now_ms())) {
                tracing::error!(topic = topic.name, partition = index, %error, "maintenance of a log failed");
            }
        }
    }
    if flush && let Err(error) = shared.groups.offsets().sync() {
        tracing::error!(%error, "cannot give committed offsets to the disk");
    }
    if let Err(error) = shared.groups.expire(shared.config.offsets_retention) {
        tracing::error!(%error, "cannot forget groups that are not used any more");
    }
}

fn close(shared: &Shared) {
    for topic in shared.topics.all() {
        for (index, partition) in topic.partitions().iter().enumerate() {
            if let Err(error) = partition.close() {
                tracing::error!(topic = topic.name, partition = index, %error, "cannot close a log in order");
            }
        }
    }
    if let Err(error) = shared.groups.offsets().sync() {
        tracing::error!(%error, "cannot give committed offsets to the disk");
    }
}
