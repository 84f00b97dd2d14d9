//! The server's memory does not grow with the image: a real process works on a very wide one, and its peak is looked at.

#[path = "http/support/mod.rs"]
mod http_support;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use azulejo_broker::{BrokerConfig, start_on_free_port};
use azulejo_protocol::Topics;
use http_support::worker::Worker;
use reqwest::Client;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

const WIDTH: u32 = 60_000;
const HEIGHT: u32 = 1024;
/// A row of tiles is 491 MB here. What the server needs is for strips, pieces, queues of Kafka and the program itself.
const MOST_KILOBYTES: u64 = 320_000;

/// Ends the process when the test does, however it ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Server {
    fn start(kafka: &str, folder: &std::path::Path) -> (Self, String) {
        let child = Command::new(env!("CARGO_BIN_EXE_azulejo-server"))
            .args(["--listen", "127.0.0.1:0", "--tile-size", "1024", "--kafka", kafka])
            .arg("--data-dir")
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self(child);
        let mut line = String::new();
        BufReader::new(server.0.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line.split_whitespace().last().unwrap().to_owned();
        (server, url)
    }

    fn peak_kilobytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

/// A picture of 16 bit with alpha, as wide as they come.
fn write_wide(path: &std::path::Path) {
    let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut encoder = png::Encoder::new(file, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Sixteen);
    encoder.set_compression(png::Compression::Fastest);
    let mut writer = encoder.write_header().unwrap();
    let mut rows = writer.stream_writer().unwrap();
    let row: Vec<u8> = (0..WIDTH * 8).map(|n| (n * 7 + (n >> 5)) as u8).collect();
    for _ in 0..HEIGHT {
        std::io::Write::write_all(&mut rows, &row).unwrap();
    }
    rows.finish().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_very_wide_image_takes_no_more_memory_than_another() {
    let folder = tempfile::tempdir().unwrap();
    let broker = start_on_free_port(BrokerConfig::new(folder.path().join("kafka"))).unwrap();
    let kafka = broker.address().to_string();
    let (server, url) = Server::start(&kafka, &folder.path().join("server"));
    let worker = Worker::start(&kafka, &Topics::default());
    let image = folder.path().join("wide.png");
    write_wide(&image);
    let client = Client::new();
    let file = Part::bytes(std::fs::read(&image).unwrap()).file_name("wide.png");
    let form = Form::new()
        .text("transformation", "rotate_180")
        .part("file", file);
    let request = client.post(format!("{url}/process")).multipart(form);
    let job: Value = request.send().await.unwrap().json().await.unwrap();
    let address = format!("{url}/job/{}", job["job_id"].as_str().unwrap());
    let begun = Instant::now();
    let ended = loop {
        let job: Value = client.get(&address).send().await.unwrap().json().await.unwrap();
        if job["status"] != "processing" {
            break job;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "it does not end: {job}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(ended["status"], "completed", "{ended}");
    let peak = server.peak_kilobytes();
    assert!(peak < MOST_KILOBYTES, "{peak} kB");
    drop(worker);
    drop(server);
    broker.stop();
}
