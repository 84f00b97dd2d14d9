//! The program when files run out.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::raw::{answer, connect, send};
use azulejo_broker::{BrokerConfig, start_on_free_port};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tempfile::TempDir;
use tokio::net::TcpStream;

const GET: &str = "GET /recipes HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Ends the program, whatever becomes of the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    fn open_files(&self) -> u64 {
        let count = std::fs::read_dir(format!("/proc/{}/fd", self.0.id()))
            .unwrap()
            .count();
        u64::try_from(count).unwrap()
    }

    fn limit_files(&self, most: u64) {
        let pid = Pid::from_raw(self.0.id().try_into().unwrap());
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(1024),
        };
        prlimit(pid, Resource::Nofile, limit).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_outlives_a_lack_of_files() {
    let folder = TempDir::new().unwrap();
    let broker = start_on_free_port(BrokerConfig::new(folder.path().join("kafka"))).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_azulejo-server"))
        .args([
            "--listen",
            "127.0.0.1:0",
            "--kafka",
            &broker.address().to_string(),
            "--idle-timeout",
            "600",
            "--data-dir",
        ])
        .arg(folder.path().join("server"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut program = Program(child);
    let mut out = BufReader::new(program.0.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address: SocketAddr = line
        .trim()
        .rsplit_once("http://")
        .unwrap_or_else(|| panic!("{line}"))
        .1
        .parse()
        .unwrap();
    // Room for ten more, and thirty come, all of which stay. The system takes them before the server does.
    program.limit_files(program.open_files() + 10);
    let mut many: Vec<TcpStream> = Vec::new();
    for _ in 0..30 {
        many.push(connect(address).await);
    }
    // One that asks is answered, since those that say nothing make way.
    let mut asking = connect(address).await;
    send(&mut asking, GET).await;
    assert_eq!(
        answer(&mut asking)
            .await
            .expect("no answer while files are short")
            .status,
        200
    );
    assert!(program.0.try_wait().unwrap().is_none(), "the program ended");
    program.limit_files(1024);
    drop(many);
    tokio::time::timeout(Duration::from_secs(10), async {
        for _ in 0..20 {
            let mut stream = connect(address).await;
            send(&mut stream, GET).await;
            assert_eq!(answer(&mut stream).await.unwrap().status, 200);
        }
    })
    .await
    .expect("the server is slow after it had too few files");
    drop(program);
    broker.stop();
}
