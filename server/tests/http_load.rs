//! Many clients at once beside others that are idle, slow or hostile: everybody who behaves is served, and memory is bounded. Server,
//! broker and worker run in this process.

#[path = "http/raw/mod.rs"]
mod http_raw;
#[path = "http/support/mod.rs"]
mod http_support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use azulejo_protocol::JobStatus;
use http_raw::{connect, send};
use http_support::images::png;
use http_support::{Running, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const CLIENTS: usize = 50;
const JOBS_EACH: usize = 4;
const IDLE_STREAMS: usize = 500;
const SLOW_READERS: usize = 40;
const SLOW_SENDERS: usize = 20;
const SILENT: usize = 400;

/// What this process may grow by, MiB: half of it for what the slow readers may hold, the rest for jobs and streams.
const MOST_GROWTH: usize = 256;

/// Resident memory of this process, MiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
}

/// Connections that send `request` and then take nothing.
async fn hold(server: &Running, count: usize, request: &str) -> Vec<TcpStream> {
    let mut held = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = connect(server.address).await;
        send(&mut stream, request).await;
        held.push(stream);
    }
    held
}

/// Streams of live events that are read as they come.
async fn watch(server: &Running, count: usize) -> JoinSet<()> {
    let mut watching = JoinSet::new();
    for mut stream in hold(server, count, "GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").await {
        let mut buffer = vec![0; 16 << 10];
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        watching.spawn(async move { while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {} });
    }
    watching
}

fn percentile(times: &[Duration], part: f64) -> Duration {
    times[((times.len() - 1) as f64 * part).round() as usize]
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_jobs_of_fifty_clients_beside_those_that_are_slow_and_silent() {
    azulejo_transport::limits::raise_file_limit();
    let server = start(&[
        "--min-image-size",
        "64",
        "--send-timeout",
        "20",
        "--upload-window",
        "20",
    ])
    .await;
    let worker = server.worker();
    server.until_ready().await;
    let file = server.folder.path().join("site/pkg/large.wasm");
    std::fs::write(file, vec![7; 64 << 20]).unwrap();
    let image = Arc::new(png(320, 300));
    // One job first, so that what is made once is made.
    let first: serde_json::Value = server
        .process(&image, "a.png", "grayscale")
        .await
        .json()
        .await
        .unwrap();
    server.finished(first["job_id"].as_str().unwrap()).await;
    let before = resident();

    let watching = watch(&server, IDLE_STREAMS).await;
    let readers = hold(
        &server,
        SLOW_READERS,
        "GET /pkg/large.wasm HTTP/1.1\r\nhost: localhost\r\n\r\n",
    )
    .await;
    let silent = hold(&server, SILENT, "GET /jobs HTT").await;
    let head = "PUT /uploads HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n";
    let mut senders = JoinSet::new();
    for mut stream in hold(&server, SLOW_SENDERS, head).await {
        senders.spawn(async move {
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
    }

    let start = Instant::now();
    let server = Arc::new(server);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (server, image) = (Arc::clone(&server), Arc::clone(&image));
        clients.spawn(async move {
            let mut times = Vec::new();
            while times.len() < JOBS_EACH {
                let asked = Instant::now();
                let response = server.process(&image, "a.png", "invert").await;
                let status = response.status().as_u16();
                // All at once is more than there are places for uploads, some of which the slow senders have.
                if status == 429 {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
                assert_eq!(status, 200, "{}", response.text().await.unwrap());
                times.push(asked.elapsed());
                let job: serde_json::Value = response.json().await.unwrap();
                let job = server.finished(job["job_id"].as_str().unwrap()).await;
                assert_eq!(job.status, JobStatus::Completed);
            }
            times
        });
    }
    let (mut times, mut most) = (Vec::new(), 0);
    while let Some(ended) = clients.join_next().await {
        times.extend(ended.unwrap());
        most = most.max(resident());
    }
    times.sort();
    println!(
        "{} jobs of {CLIENTS} clients in {:.1?}: submission p50 {:.0?}, p99 {:.0?}; beside them {IDLE_STREAMS} streams, {SLOW_READERS} \
         slow readers, {SLOW_SENDERS} slow senders and {SILENT} half heads; resident {before} MiB before, {most} MiB at most",
        times.len(),
        start.elapsed(),
        percentile(&times, 0.5),
        percentile(&times, 0.99),
    );
    assert_eq!(times.len(), CLIENTS * JOBS_EACH);
    assert!(
        most < before + MOST_GROWTH,
        "{before} MiB before, {most} MiB at most"
    );
    assert_eq!(watching.len(), IDLE_STREAMS);
    drop((readers, silent, senders, watching, worker));
    let server = Arc::into_inner(server).expect("all clients have ended");
    server.stop().await;
}
