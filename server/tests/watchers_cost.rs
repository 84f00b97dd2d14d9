//! What two hundred open streams cost the server beside what one costs: processor time of this process, in which the server,
//! the broker and a worker run. Those who watch are a process of their own.

#[path = "http/support/mod.rs"]
mod http_support;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use azulejo_protocol::JobStatus;
use http_support::images::png;
use http_support::{Running, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ADDRESS: &str = "AZULEJO_TEST_WATCH_ADDRESS";
const STREAMS: &str = "AZULEJO_TEST_WATCH_STREAMS";
const JOB: &str = "AZULEJO_TEST_WATCH_JOB";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "those who watch, started by the test below"]
async fn watch() {
    let variable = |name| std::env::var(name).ok();
    let (Some(address), Some(streams), Some(job)) = (variable(ADDRESS), variable(STREAMS), variable(JOB))
    else {
        return;
    };
    for _ in 0..streams.parse().unwrap() {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let request = format!("GET /events?job={job} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut buffer = vec![0; 1 << 16];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..count].starts_with(b"HTTP/1.1 200"));
        tokio::spawn(async move { while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {} });
    }
    std::future::pending::<()>().await;
}

/// Processor time of this process, seconds.
fn used() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn watchers(server: &Running, job: &str, streams: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "watch"])
        .env(ADDRESS, server.address.to_string())
        .env(STREAMS, streams.to_string())
        .env(JOB, job)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Seconds of processor time for a job of ten thousand tiles that so many watch.
async fn cost(server: &Running, streams: usize) -> f64 {
    let accepted = server.process(&png(1600, 1600), "x.png", "invert").await;
    let accepted: serde_json::Value = accepted.json().await.unwrap();
    assert_eq!(accepted["total_tiles"], 10_000, "{accepted}");
    let id = accepted["job_id"].as_str().unwrap();
    let mut watching = watchers(server, id, streams);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = used();
    let worker = server.worker();
    let job = server.finished(id).await;
    assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error);
    let used = used() - before;
    drop(worker);
    assert!(watching.try_wait().unwrap().is_none(), "nobody watches");
    watching.kill().unwrap();
    watching.wait().unwrap();
    used
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn two_hundred_streams_cost_less_than_twice_what_one_costs() {
    let server = start(&["--tile-size", "16"]).await;
    // The first job of a process pays for what is made once.
    cost(&server, 1).await;
    let (mut one, mut many) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        one.push(cost(&server, 1).await);
        many.push(cost(&server, 200).await);
    }
    let middle = |times: &[f64]| {
        let mut times = times.to_vec();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let ratio = middle(&many) / middle(&one);
    println!(
        "processor seconds of a job of 10,000 tiles: {one:.2?} with one stream, {many:.2?} with 200; {ratio:.2} times"
    );
    assert!(ratio < 2.0, "{ratio}");
    server.stop().await;
}
