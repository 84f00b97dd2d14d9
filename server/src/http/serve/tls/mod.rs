//! TLS that ends in this server: TLS 1.2 and 1.3 by rustls, HTTP/2 and HTTP/1.1 by ALPN.
//!
//! - [`load`]: from two files to what a handshake needs. [`renew`]: files that change.

mod load;
mod renew;

use std::sync::{Arc, PoisonError, RwLock};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use crate::config::tls::TlsFiles;
use load::{H2, load};

/// The first byte of a TLS record that begins a handshake.
pub const HANDSHAKE: u8 = 22;

/// Certificate and key as they are at the moment. Connections keep what they began with.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// One cannot be read, or they do not belong together: the sentence names the file and its flag.
    pub fn open(files: TlsFiles) -> anyhow::Result<Arc<Self>> {
        let current = RwLock::new(load(&files)?);
        Ok(Arc::new(Self { files, current }))
    }

    /// A TLS handshake on `stream`. Says whether HTTP/2 was chosen.
    ///
    /// # Errors
    /// The client has no version, cipher or protocol in common, or goes away.
    pub async fn accept<S>(&self, stream: S) -> std::io::Result<(TlsStream<S>, bool)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let stream = TlsAcceptor::from(config).accept(stream).await?;
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(H2);
        Ok((stream, is_h2))
    }

    fn replace(&self, config: Arc<ServerConfig>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
    }
}
