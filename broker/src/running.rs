//! A broker with threads of its own, for tests and for programs that want one inside.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;

use crate::broker::Broker;
use crate::config::BrokerConfig;
use crate::error::BrokerError;

/// A broker that serves. It closes in order when dropped.
pub struct RunningBroker {
    broker: Broker,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

/// Opens a broker and serves it on a free port of 127.0.0.1, in threads of its own: also from a program without a
/// tokio runtime, or with one that has a single thread.
///
/// # Errors
/// Those of [`Broker::open`], and when there is no port.
pub fn start_on_free_port(config: BrokerConfig) -> Result<RunningBroker, BrokerError> {
    start_on(config, SocketAddr::from(([127, 0, 0, 1], 0)))
}

/// Like [`start_on_free_port`], on a given address.
///
/// # Errors
/// Those of [`Broker::open`], and when the address cannot be used.
pub fn start_on(config: BrokerConfig, address: SocketAddr) -> Result<RunningBroker, BrokerError> {
    let broker = Broker::open(config)?;
    let failed = |source| BrokerError::Listen {
        address: address.to_string(),
        source,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("azulejo-broker")
        .enable_all()
        .build()
        .map_err(failed)?;
    let listener = runtime.block_on(TcpListener::bind(address)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let serving = broker.clone();
    let (started, has_started) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("azulejo-broker".to_owned())
        .spawn(move || {
            let _ = started.send(());
            if let Err(error) = runtime.block_on(serving.serve(listener)) {
                tracing::error!(%error, "the broker has ended");
            }
        })
        .map_err(failed)?;
    let _ = has_started.recv();
    Ok(RunningBroker {
        broker,
        address,
        thread: Some(thread),
    })
}

impl RunningBroker {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The broker itself.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Closes in order and waits for it.
    pub fn stop(mut self) {
        self.close();
    }

    fn close(&mut self) {
        self.broker.shutdown();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for RunningBroker {
    fn drop(&mut self) {
        self.close();
    }
}
