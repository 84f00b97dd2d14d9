//! A client made of the codec alone: it can say what no real client would.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use azulejo_broker::{BrokerConfig, RunningBroker, start_on_free_port};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use tempfile::TempDir;

/// A broker in a folder of its own.
pub struct TestBroker {
    pub running: RunningBroker,
    pub folder: TempDir,
}

/// Starts a broker; `change` may alter its settings.
pub fn broker_with(change: impl FnOnce(&mut BrokerConfig)) -> TestBroker {
    let folder = tempfile::tempdir().unwrap();
    let mut config = BrokerConfig::new(folder.path());
    config.initial_rebalance_delay = Duration::from_millis(10);
    // The records of the tests are of 1970: retention would take them.
    config.maintenance_interval = Duration::from_secs(3600);
    change(&mut config);
    TestBroker {
        running: start_on_free_port(config).unwrap(),
        folder,
    }
}

pub fn broker() -> TestBroker {
    broker_with(|_| {})
}

/// A string of the codec.
pub fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

/// One connection.
pub struct Client {
    pub stream: TcpStream,
    correlation: i32,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self {
            stream,
            correlation: 0,
        }
    }

    /// Sends a frame as it is, with its length in front.
    pub fn send_raw(&mut self, frame: &[u8]) -> std::io::Result<()> {
        let mut bytes = Vec::with_capacity(4 + frame.len());
        bytes.extend_from_slice(&(frame.len() as u32).to_be_bytes());
        bytes.extend_from_slice(frame);
        self.stream.write_all(&bytes)
    }

    /// The next frame, without its length; `None` when the broker has closed the connection.
    pub fn receive_raw(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut frame).ok()?;
        Some(frame.into())
    }

    /// Sends a request without waiting.
    pub fn send<R: Request>(&mut self, request: &R, version: i16) {
        self.correlation += 1;
        let frame = frame(request, version, self.correlation);
        self.send_raw(&frame).unwrap();
    }

    /// Receives the answer to the last request.
    pub fn receive<R: Request>(&mut self, version: i16) -> R::Response {
        let mut frame = self.receive_raw().expect("an answer");
        let header = ResponseHeader::decode(&mut frame, R::Response::header_version(version)).unwrap();
        assert_eq!(header.correlation_id, self.correlation);
        let response = R::Response::decode(&mut frame, version).unwrap();
        assert!(frame.is_empty(), "{} bytes follow the answer", frame.len());
        response
    }

    /// Sends a request and gives the answer.
    pub fn call<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        self.send(request, version);
        self.receive::<R>(version)
    }
}

/// A request as a frame without its length.
pub fn frame<R: Request>(request: &R, version: i16, correlation: i32) -> Vec<u8> {
    let key = ApiKey::try_from(R::KEY).unwrap();
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(text("test")));
    let mut bytes = BytesMut::new();
    header
        .encode(&mut bytes, key.request_header_version(version))
        .unwrap();
    request
        .encode(&mut bytes, version)
        .unwrap_or_else(|error| panic!("{key:?} {version}: {error}"));
    bytes.to_vec()
}

/// A batch of uncompressed records with these values.
pub fn batch(values: &[&[u8]], producer: Option<(i64, i16, i32)>) -> Bytes {
    batch_at(values, producer, 1000)
}

/// The same with a timestamp.
pub fn batch_at(values: &[&[u8]], producer: Option<(i64, i16, i32)>, timestamp: i64) -> Bytes {
    let mut body = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let mut record = vec![0];
        varint(&mut record, 0);
        varint(&mut record, index as i32);
        varint(&mut record, -1);
        varint(&mut record, value.len() as i32);
        record.extend_from_slice(value);
        varint(&mut record, 0);
        varint(&mut body, record.len() as i32);
        body.extend_from_slice(&record);
    }
    let (id, epoch, sequence) = producer.unwrap_or((-1, -1, -1));
    let count = values.len() as i32;
    let mut batch = BytesMut::new();
    batch.put_i64(0);
    batch.put_i32(49 + body.len() as i32);
    batch.put_i32(-1);
    batch.put_u8(2);
    batch.put_u32(0);
    batch.put_i16(0);
    batch.put_i32(count - 1);
    batch.put_i64(timestamp);
    batch.put_i64(timestamp);
    batch.put_i64(id);
    batch.put_i16(epoch);
    batch.put_i32(sequence);
    batch.put_i32(count);
    batch.put_slice(&body);
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch.freeze()
}

fn varint(out: &mut Vec<u8>, value: i32) {
    let mut rest = ((value << 1) ^ (value >> 31)) as u32;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Numbers that look random and are the same in every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}
