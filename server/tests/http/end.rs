//! How long the server takes to end when Kafka is not there to say goodbye to.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use azulejo_server::config::Arguments;
use azulejo_server::server::Server;
use clap::Parser;
use tokio_util::sync::CancellationToken;

/// Seconds from the word to stop until the end, for a server that looks for Kafka at `kafka` and has run for `time`.
async fn seconds_to_end(kafka: SocketAddr, time: Duration) -> f32 {
    let folder = tempfile::tempdir().unwrap();
    let kafka = kafka.to_string();
    let data = folder.path().display().to_string();
    let flags = [
        "azulejo-server",
        "--listen",
        "127.0.0.1:0",
        "--kafka",
        &kafka,
        "--data-dir",
        &data,
    ];
    let config = Arguments::try_parse_from(flags)
        .unwrap()
        .check(std::iter::empty())
        .unwrap();
    let shutdown = CancellationToken::new();
    let server = Server::start(config, shutdown.clone()).await.unwrap();
    let serving = tokio::spawn(server.run());
    tokio::time::sleep(time).await;
    let told = Instant::now();
    shutdown.cancel();
    serving.await.unwrap().unwrap();
    told.elapsed().as_secs_f32()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_broker_ends_soon() {
    // Nobody listens there once the listener is dropped.
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let seconds = seconds_to_end(refusing, Duration::from_millis(300)).await;
    assert!(seconds < 8.0, "{seconds} seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_broker_says_nothing_ends_soon() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let seconds = seconds_to_end(silent.local_addr().unwrap(), Duration::from_millis(300)).await;
    assert!(seconds < 8.0, "{seconds} seconds");
}
