//! Why a broker does not start or stops.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// An error of the broker as a whole. What goes wrong with one request is the client's to know; see the handlers.
#[derive(Debug, Error)]
pub enum BrokerError {
    /// Another broker has the folder.
    #[error("another broker is running on the data folder {0}: stop it, or choose another folder")]
    InUse(PathBuf),
    /// The folder cannot be used.
    #[error("cannot use the data folder {path}: {source}")]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The network address cannot be used.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// A setting that cannot be.
    #[error("{0}")]
    Config(String),
    /// Accepting connections failed for good.
    #[error("cannot accept connections: {0}")]
    Accept(io::Error),
}
