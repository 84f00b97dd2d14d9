//! How fast the broker is, beside the bare loopback of the same machine at the same moment.
//!
//! `cargo bench -p azulejo-broker` runs it. The clients are made of the codec alone and cost next to nothing, so what is
//! measured is the broker: produce and consume in batches of one record of 1 MB, the latency of small records, the same
//! with 1,000 connections open. Two cores are shared by broker and clients.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{Client, batch_at, frame, text};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::*;

const MEGABYTE: usize = 1_000_000;
/// Records of 1 MB per measurement.
const RECORDS: usize = 1500;
/// Requests of a producer that are under way at a time, as librdkafka has them.
const IN_FLIGHT: usize = 5;
const SMALL_RECORDS: usize = 5000;
const CONNECTIONS: usize = 1000;

fn main() {
    // `cargo test --benches` runs this without a measurement in mind.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let _ = rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit {
            current: Some(4096),
            maximum: rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum,
        },
    );
    let (rate, p50, p99) = bare_loopback();
    println!("bare loopback     {rate:8.0} MB/s   round trip of 1 KB p50 {p50:.3} ms, p99 {p99:.3} ms");
    let folder = tempfile::tempdir().expect("a folder");
    let mut broker = Broker::start(folder.path());
    let mut client = Client::connect(broker.address);
    create(&mut client, "large");
    create(&mut client, "small");

    let before = broker.cpu_ms();
    let rate = produce_large(&mut client);
    let cost = (broker.cpu_ms() - before) / RECORDS as f64;
    println!(
        "produce 1 MB      {rate:8.0} MB/s   {cost:.3} ms of the broker's CPU a MB; one producer, acks=all"
    );
    for consumers in [1, 4] {
        let before = broker.cpu_ms();
        let rate = consume_large(broker.address, consumers);
        let cost = (broker.cpu_ms() - before) / (consumers * RECORDS) as f64;
        println!(
            "consume 1 MB      {rate:8.0} MB/s   {cost:.3} ms of the broker's CPU a MB; {consumers} consumer(s)"
        );
    }
    let (acknowledged, delivered) = small(broker.address, "small");
    println!("small records     acknowledged {acknowledged}; at a waiting consumer {delivered}");
    let idle: Vec<Client> = (0..CONNECTIONS).map(|_| greeted(broker.address)).collect();
    let (acknowledged, delivered) = small(broker.address, "small");
    println!(
        "with {CONNECTIONS} more connections: acknowledged {acknowledged}; at a waiting consumer {delivered}"
    );
    println!(
        "broker's memory   {} (peak {})",
        broker.memory("VmRSS"),
        broker.memory("VmHWM")
    );
    drop(idle);
    broker.stop();
}

struct Broker {
    child: Child,
    address: SocketAddr,
}

impl Broker {
    fn start(folder: &std::path::Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_azulejo-broker"))
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the broker starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("a line");
        let address = line
            .trim()
            .rsplit_once(": ")
            .expect("a ready line")
            .1
            .parse()
            .expect("an address");
        Self { child, address }
    }

    fn memory(&self, field: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status
            .lines()
            .find(|line| line.starts_with(field))
            .unwrap_or_default();
        line.split_once(':')
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_default()
    }

    /// Milliseconds of processor time so far, its own and the system's on its behalf.
    fn cpu_ms(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let ticks = fields
            .split(' ')
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<f64>().ok());
        // The kernel counts in hundredths of a second.
        ticks.sum::<f64>() * 10.0
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Megabytes a second one way in writes of 1 MB, and the 50th and 99th percentile of a round trip in milliseconds.
fn bare_loopback() -> (f64, f64, f64) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut buffer = vec![0; MEGABYTE];
        for _ in 0..RECORDS {
            stream.read_exact(&mut buffer).expect("bytes");
        }
        stream.set_nodelay(true).expect("no delay");
        let mut small = [0; 1000];
        while stream.read_exact(&mut small).is_ok() {
            stream.write_all(&small).expect("an echo");
        }
    });
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_nodelay(true).expect("no delay");
    let payload = vec![7; MEGABYTE];
    let start = Instant::now();
    for _ in 0..RECORDS {
        stream.write_all(&payload).expect("written");
    }
    let mut small = [1; 1000];
    stream.write_all(&small).expect("written");
    stream.read_exact(&mut small).expect("all has arrived");
    let rate = RECORDS as f64 / start.elapsed().as_secs_f64();
    let mut times = Vec::new();
    for _ in 0..SMALL_RECORDS {
        let start = Instant::now();
        stream.write_all(&small).expect("written");
        stream.read_exact(&mut small).expect("read");
        times.push(start.elapsed());
    }
    drop(stream);
    let _ = reader.join();
    let (p50, p99) = percentiles(times);
    (rate, p50, p99)
}

fn percentiles(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    (at(0.5), at(0.99))
}

fn greeted(address: SocketAddr) -> Client {
    let mut client = Client::connect(address);
    client.call(&ApiVersionsRequest::default(), 0);
    client
}

fn create(client: &mut Client, name: &str) {
    let config = CreatableTopicConfig::default()
        .with_name(text("max.message.bytes"))
        .with_value(Some(text("2000000")));
    let topic = CreatableTopic::default()
        .with_name(TopicName(text(name)))
        .with_num_partitions(1)
        .with_replication_factor(1)
        .with_configs(vec![config]);
    client.call(&CreateTopicsRequest::default().with_topics(vec![topic]), 7);
}

fn produce(topic: &str, records: bytes::Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_records(Some(records));
    let topic = TopicProduceData::default()
        .with_name(TopicName(text(topic)))
        .with_partition_data(vec![data]);
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![topic])
}

/// A batch of one record of this moment: retention would take an older one.
fn now_batch(value: &[u8]) -> bytes::Bytes {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64);
    batch_at(&[value], None, now)
}

fn produce_large(client: &mut Client) -> f64 {
    let value: Vec<u8> = (0..MEGABYTE).map(|n| (n * 7 % 253) as u8).collect();
    let request = frame(&produce("large", now_batch(&value)), 9, 1);
    let start = Instant::now();
    let mut under_way = 0;
    for _ in 0..RECORDS {
        if under_way == IN_FLIGHT {
            client.receive_raw().expect("an answer");
            under_way -= 1;
        }
        client.send_raw(&request).expect("sent");
        under_way += 1;
    }
    for _ in 0..under_way {
        client.receive_raw().expect("an answer");
    }
    RECORDS as f64 / start.elapsed().as_secs_f64()
}

fn fetch(topic: &str, offset: i64) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_fetch_offset(offset)
        .with_partition_max_bytes(8 << 20);
    let topic = FetchTopic::default()
        .with_topic(TopicName(text(topic)))
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(10_000)
        .with_min_bytes(1)
        .with_max_bytes(50 << 20)
        .with_topics(vec![topic])
}

/// Reads the whole topic with `consumers` at once; megabytes a second of all together.
fn consume_large(address: SocketAddr, consumers: usize) -> f64 {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..consumers {
            scope.spawn(|| {
                let mut client = Client::connect(address);
                let mut buffer = vec![0; 16 << 20];
                let mut offset = 0;
                while offset < RECORDS as i64 {
                    // Whatever the answer holds besides records is a few dozen bytes.
                    client.send(&fetch("large", offset), 12);
                    let mut length = [0; 4];
                    client.stream.read_exact(&mut length).expect("an answer");
                    let length = u32::from_be_bytes(length) as usize;
                    client
                        .stream
                        .read_exact(&mut buffer[..length])
                        .expect("an answer");
                    let records = length / MEGABYTE;
                    assert!(records > 0, "records");
                    offset += records as i64;
                }
            });
        }
    });
    (consumers * RECORDS) as f64 / start.elapsed().as_secs_f64()
}

/// Sends small records one at a time; how long until each was acknowledged, and was at a consumer that waited for it.
fn small(address: SocketAddr, topic: &str) -> (String, String) {
    let mut writer = Client::connect(address);
    let mut reader = Client::connect(address);
    let list = |client: &mut Client| {
        let partition = list_offsets_request::ListOffsetsPartition::default().with_timestamp(-1);
        let topic = list_offsets_request::ListOffsetsTopic::default()
            .with_name(TopicName(text(topic)))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_topics(vec![topic]);
        client.call(&request, 5).topics[0].partitions[0].offset
    };
    let first = list(&mut reader);
    let value = [b'v'; 100];
    let request = frame(&produce(topic, now_batch(&value)), 9, 1);
    let (mut acknowledged, mut delivered) = (Vec::new(), Vec::new());
    for n in 0..SMALL_RECORDS {
        reader.send(&fetch(topic, first + n as i64), 12);
        let start = Instant::now();
        writer.send_raw(&request).expect("sent");
        writer.receive_raw().expect("an answer");
        acknowledged.push(start.elapsed());
        reader.receive_raw().expect("an answer");
        delivered.push(start.elapsed());
    }
    let show = |times| {
        let (p50, p99) = percentiles(times);
        format!("p50 {p50:.3} ms, p99 {p99:.3} ms")
    };
    (show(acknowledged), show(delivered))
}
