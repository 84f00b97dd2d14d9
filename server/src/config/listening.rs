//! How connections are taken: how many, how long they may be silent, how large what comes before a body may be.

use std::time::Duration;

use super::parse::{bytes, ranged};

/// What `--help` explains of it.
#[derive(Debug, Clone, clap::Args)]
pub struct ListeningArguments {
    /// Takes at most so many connections at a time, and has at most so many requests under way. When they are all in use,
    /// the one that has waited longest for its next request makes way. The default is 1024; 8 to 100000.
    #[arg(long, env = "AZULEJO_MAX_CONNECTIONS", value_name = "COUNT", default_value = "1024",
        value_parser = ranged::<usize>("AZULEJO_MAX_CONNECTIONS", 8, 100_000))]
    pub max_connections: usize,

    /// Takes at most so many connections, and requests under way, from one address at a time; the addresses of an IPv6
    /// network of 64 bits count as one, loopback is not counted. The default is 256; 1 to 100000.
    #[arg(long, env = "AZULEJO_MAX_CONNECTIONS_PER_ADDRESS", value_name = "COUNT", default_value = "256",
        value_parser = ranged::<usize>("AZULEJO_MAX_CONNECTIONS_PER_ADDRESS", 1, 100_000))]
    pub max_connections_per_address: usize,

    /// Closes a connection whose request has not brought all its headers so many seconds after its first byte, or whose TLS
    /// handshake takes longer. The default is 15; 1 to 600.
    #[arg(long, env = "AZULEJO_HEADER_TIMEOUT", value_name = "SECONDS", default_value = "15",
        value_parser = ranged::<u32>("AZULEJO_HEADER_TIMEOUT", 1, 600))]
    pub header_timeout: u32,

    /// Closes a connection on which no request has begun for so many seconds. The default is 75; 1 to 3600.
    #[arg(long, env = "AZULEJO_IDLE_TIMEOUT", value_name = "SECONDS", default_value = "75",
        value_parser = ranged::<u32>("AZULEJO_IDLE_TIMEOUT", 1, 3600))]
    pub idle_timeout: u32,

    /// Closes a connection whose client has taken nothing of an answer for so many seconds. The default is 60; 1 to 3600.
    #[arg(long, env = "AZULEJO_SEND_TIMEOUT", value_name = "SECONDS", default_value = "60",
        value_parser = ranged::<u32>("AZULEJO_SEND_TIMEOUT", 1, 3600))]
    pub send_timeout: u32,

    /// Ends an upload, or any other body of a request, that brings fewer bytes a second than this, averaged over
    /// --upload-window; K stands for 1024, and 0 ends none. The default is 1K; 0 to 1G.
    #[arg(long, env = "AZULEJO_MIN_UPLOAD_RATE", value_name = "BYTES", default_value = "1K",
        value_parser = bytes("AZULEJO_MIN_UPLOAD_RATE", 0, 1 << 30))]
    pub min_upload_rate: u64,

    /// Averages --min-upload-rate over so many seconds, the longest time that a body may bring nothing. The default is 30; 1 to
    /// 600.
    #[arg(long, env = "AZULEJO_UPLOAD_WINDOW", value_name = "SECONDS", default_value = "30",
        value_parser = ranged::<u32>("AZULEJO_UPLOAD_WINDOW", 1, 600))]
    pub upload_window: u32,

    /// Refuses requests whose target and headers have more bytes than this; K stands for 1024. The default is 32K; 4K to 256K.
    #[arg(long, env = "AZULEJO_MAX_HEADER_BYTES", value_name = "BYTES", default_value = "32K",
        value_parser = bytes("AZULEJO_MAX_HEADER_BYTES", 4 << 10, 256 << 10))]
    pub max_header_bytes: u64,

    /// Refuses requests with more headers than this. The default is 100; 20 to 1000.
    #[arg(long, env = "AZULEJO_MAX_HEADERS", value_name = "COUNT", default_value = "100",
        value_parser = ranged::<usize>("AZULEJO_MAX_HEADERS", 20, 1000))]
    pub max_headers: usize,
}

/// The checked settings of it.
#[derive(Debug, Clone)]
pub struct Listening {
    /// Most connections, and most requests under way.
    pub connections: usize,
    /// Most of both from one address that is not loopback.
    pub per_address: usize,
    /// From the first byte of a request to the end of its headers; also for a TLS handshake.
    pub header_timeout: Duration,
    /// Between requests.
    pub idle_timeout: Duration,
    /// While an answer waits for its client.
    pub send_timeout: Duration,
    /// Least bytes a second of a request's body; 0 for none.
    pub upload_rate: u64,
    /// Over how long that is averaged.
    pub upload_window: Duration,
    /// Bytes of the target and all headers.
    pub header_bytes: usize,
    /// Number of headers.
    pub headers: usize,
}

impl ListeningArguments {
    /// The checked settings.
    pub fn check(self) -> Listening {
        let seconds = |count: u32| Duration::from_secs(u64::from(count));
        Listening {
            connections: self.max_connections,
            per_address: self.max_connections_per_address,
            header_timeout: seconds(self.header_timeout),
            idle_timeout: seconds(self.idle_timeout),
            send_timeout: seconds(self.send_timeout),
            upload_rate: self.min_upload_rate,
            upload_window: seconds(self.upload_window),
            header_bytes: usize::try_from(self.max_header_bytes).unwrap_or(usize::MAX),
            headers: self.max_headers,
        }
    }
}
