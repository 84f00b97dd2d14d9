//! A broker with threads of its own, for tests and for programs that want one inside.

use std::net::SocketAddr;
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
    let listener = std::net::TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // One may wait for the disk or serve a large answer while others go on.
        .worker_threads(4)
        .thread_name("azulejo-broker")
        .enable_all()
        .build()
        .map_err(failed)?;
    let serving = broker.clone();
    let thread = std::thread::Builder::new()
        .name("azulejo-broker".to_owned())
        .spawn(move || {
            let served = runtime.block_on(async {
                let listener = TcpListener::from_std(listener).map_err(BrokerError::Accept)?;
                serving.serve(listener).await
            });
            if let Err(error) = served {
                tracing::error!(%error, "the broker has ended");
            }
        });
    let thread = thread.map_err(failed)?;
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
