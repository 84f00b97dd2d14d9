//! The program itself: its ready line, its status page, its end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use azulejo_broker::{BrokerConfig, start_on_free_port};
use azulejo_protocol::{Heartbeat, Topics, WorkerState};
use azulejo_transport::{KafkaSettings, TopicSettings, WantedTopic, ensure_topics};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn worker(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azulejo-worker"));
    for (name, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("KAFKA_") || name.starts_with("WORKER_"))
    {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn get(address: &str, path: &str) -> String {
    let answer = ask(address, path);
    assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// The whole answer to a GET.
fn ask(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A child that does not outlive its test.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Guard {
    fn terminate(&self) {
        kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM).unwrap();
    }
}

#[test]
fn it_says_that_it_is_ready_answers_on_its_page_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let broker = start_on_free_port(BrokerConfig::new(folder.path())).unwrap();
    let kafka = broker.address().to_string();
    let settings = TopicSettings {
        task_partitions: 2,
        result_partitions: 1,
        replication: 1,
        ..TopicSettings::default()
    };
    let kafka_settings = KafkaSettings::new(&kafka);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime
        .block_on(ensure_topics(&kafka_settings, &wanted(&settings), &settings))
        .unwrap();

    let arguments = [
        "--kafka",
        &kafka,
        "--listen",
        "127.0.0.1:0",
        "--id",
        "kiln-1",
        "--slots",
        "3",
    ];
    let mut child = Guard(worker(&arguments).stderr(Stdio::null()).spawn().unwrap());
    let mut out = BufReader::new(child.0.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address = line
        .strip_prefix("azulejo-worker is ready: kiln-1 http://")
        .unwrap()
        .trim()
        .to_owned();

    for path in ["/status", "/api/status"] {
        let heartbeat: Heartbeat = serde_json::from_str(&get(&address, path)).unwrap();
        assert_eq!((heartbeat.worker_id.as_str(), heartbeat.slots), ("kiln-1", 3));
        assert_eq!(
            (heartbeat.status, heartbeat.partitions),
            (WorkerState::Idle, vec![0, 1])
        );
    }
    assert!(get(&address, "/").contains("<h1>kiln-1</h1>"));
    // Ready once a heartbeat was acknowledged.
    let begun = Instant::now();
    while !ask(&address, "/ready").starts_with("HTTP/1.1 200") {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{}",
            ask(&address, "/ready")
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    for path in ["/health", "/live", "/ready"] {
        let answer = get(&address, path);
        assert!(
            answer.contains("idle") && answer.contains("\"kafka_connected\":true"),
            "{path}: {answer}"
        );
    }

    child.terminate();
    assert!(child.0.wait().unwrap().success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "one line on standard output and no more");
}

/// systemd tells every process of a unit to end, and the supervisor tells its workers: twice, within milliseconds.
#[test]
fn a_stop_that_is_told_twice_at_once_is_one_stop() {
    let folder = tempfile::tempdir().unwrap();
    let broker = start_on_free_port(BrokerConfig::new(folder.path())).unwrap();
    let kafka = broker.address().to_string();
    let settings = TopicSettings {
        task_partitions: 2,
        result_partitions: 1,
        replication: 1,
        ..TopicSettings::default()
    };
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(ensure_topics(
            &KafkaSettings::new(&kafka),
            &wanted(&TopicSettings::default()),
            &settings,
        ))
        .unwrap();
    let arguments = ["--kafka", &kafka, "--listen", "127.0.0.1:0"];
    let mut child = Guard(worker(&arguments).stderr(Stdio::null()).spawn().unwrap());
    let mut line = String::new();
    let mut out = BufReader::new(child.0.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert!(line.contains("is ready"), "{line}");
    for _ in 0..3 {
        child.terminate();
        std::thread::sleep(std::time::Duration::from_millis(3));
    }
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
}

#[test]
fn the_soft_limit_of_open_files_is_raised_to_the_hard_one() {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "ulimit -S -n 40 && exec \"$0\" --kafka 127.0.0.1:1 --listen 127.0.0.1:0",
        ])
        .arg(env!("CARGO_BIN_EXE_azulejo-worker"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = Guard(command.spawn().unwrap());
    let mut log = BufReader::new(child.0.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("starting") {
        assert_ne!(log.read_line(&mut text).unwrap(), 0, "{text}");
    }
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.0.id())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let mut numbers = line.split_ascii_whitespace().skip(3);
    assert_eq!(numbers.next(), numbers.next(), "{line}");
}

#[test]
fn without_kafka_it_waits_and_still_ends_well() {
    // Nothing listens on port 1.
    let arguments = ["--kafka", "127.0.0.1:1", "--listen", "127.0.0.1:0"];
    let mut child = Guard(worker(&arguments).spawn().unwrap());
    let mut log = BufReader::new(child.0.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("waiting for Kafka at 127.0.0.1:1") {
        assert_ne!(log.read_line(&mut text).unwrap(), 0, "{text}");
    }
    child.terminate();
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    assert!(child.0.wait().unwrap().success());
}

#[test]
fn a_wrong_setting_is_named_and_nothing_starts() {
    let output = worker(&["--slots", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--slots"));
    let output = worker(&[]).env("KAFKA_NO_SUCH_SETTING", "1").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("KAFKA_NO_SUCH_SETTING"));
    for (variable, value) in [
        ("WORKER_PORT", "abc"),
        ("HEARTBEAT_INTERVAL", "600"),
        ("RUST_LOG", "azulejo_worker=loud"),
        ("AZULEJO_ALLOW_REMOTE", "perhaps"),
    ] {
        let output = worker(&[]).env(variable, value).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{variable}={value}: {text}");
        // clap shows the flag's value, the value's parser names the variable.
        assert!(
            text.contains(variable) || text.contains("--allow-remote"),
            "{variable}={value}: {text}"
        );
    }
}

#[test]
fn a_variable_of_kubernetes_or_of_apache_kafkas_scripts_stops_nothing() {
    // The last one is wrong on purpose: that the error is about it shows that the others were no error.
    let output = worker(&[])
        .env("KAFKA_PORT", "tcp://10.0.0.7:9092")
        .env("KAFKA_SERVICE_HOST", "10.0.0.7")
        .env("KAFKA_OPTS", "-Xmx1G")
        .env("AZULEJO_ALLOW_REMOTE", "1")
        .env("KAFKA_NO_SUCH_SETTING", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    let error = text
        .lines()
        .find(|line| line.starts_with("error:"))
        .unwrap_or_default();
    assert!(error.contains("KAFKA_NO_SUCH_SETTING"), "{text}");
    assert!(
        text.contains("WARN") && text.contains("KAFKA_SERVICE_HOST"),
        "that a variable is left alone is said: {text}"
    );
}

fn wanted(settings: &TopicSettings) -> Vec<WantedTopic> {
    let topics = Topics::default();
    WantedTopic::all(&topics, &topics.results, settings)
}
