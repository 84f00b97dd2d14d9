//! `deploy/kafka/setup.sh`: an Apache Kafka that it made takes a job of a server and a worker that have what it wrote for them, and
//! it gives the rights of docs/kafka.md and no others.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use azulejo_end2end::process::bin_dir;
use azulejo_end2end::{Client, Program, broker, definition, images, rights};

const SCRIPT: &str = include_str!("../../deploy/kafka/setup.sh");

/// Ends the node that the script started.
struct Node(PathBuf);

impl Drop for Node {
    fn drop(&mut self) {
        if let Ok(id) = fs::read_to_string(self.0.join("pid")) {
            // It may have ended already.
            let _ = Command::new("kill").args(["-KILL", id.trim()]).status();
        }
    }
}

/// A free port behind which the next one is free, too.
fn two_ports() -> Result<u16> {
    for _ in 0..100 {
        let first = TcpListener::bind("127.0.0.1:0")?;
        let port = first.local_addr()?.port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no two ports are free")
}

/// The lines `NAME=value` of a file.
fn variables(path: &Path) -> Result<Vec<(String, String)>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Ok(pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

#[test]
fn rights_are_those_of_the_documentation() -> Result<()> {
    let wanted: Vec<String> = rights::documented()?
        .iter()
        .map(|right| {
            let (user, kind, pattern, name) = (&right.user, right.kind, right.pattern(), &right.name);
            format!(
                "right {user} {kind} {pattern} {name} {}",
                right.operations.join(" ")
            )
        })
        .collect();
    let given: Vec<&str> = SCRIPT.lines().filter(|line| line.starts_with("right ")).collect();
    ensure!(
        given == wanted,
        "the script gives {given:#?}\nand docs/kafka.md says {wanted:#?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn apache_setup_makes_a_cluster_for_a_job() -> Result<()> {
    // Fetched, if it is not there.
    broker::installation()?;
    let jars = match std::env::var_os("AZULEJO_KAFKA") {
        Some(folder) => PathBuf::from(folder).join("lib"),
        None => bin_dir()?.join("../kafka/lib"),
    };
    let folder = tempfile::Builder::new().prefix("azulejo-setup-").tempdir()?;
    let node = Node(folder.path().join("kafka"));
    let port = two_ports()?.to_string();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kafka/setup.sh");
    let setup = || -> Result<()> {
        let mut bash = Command::new("bash");
        bash.arg(&script)
            .arg("--libs")
            .arg(&jars)
            .arg("--folder")
            .arg(&node.0);
        bash.args(["--host", "127.0.0.1", "--port", &port, "--prefix", "try-"]);
        bash.args(["--server-id", "one", "--partitions", "6", "--heap", "512m"]);
        // The node lives on and would hold a pipe.
        let said = fs::File::create(folder.path().join("said"))?;
        let status = bash
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .status()?;
        let text = fs::read_to_string(folder.path().join("said"))?;
        let log = fs::read_to_string(node.0.join("log")).unwrap_or_default();
        ensure!(
            status.success() && text.contains("is ready: 127.0.0.1:"),
            "{text}\n{log}"
        );
        Ok(())
    };
    setup()?;
    let logs = folder.path().join("logs");
    let data = folder.path().join("server").to_string_lossy().into_owned();
    let start = |name: &str, arguments: &[&str], file: &str| -> Result<Program> {
        let variables = variables(&node.0.join("etc").join(file))?;
        let variables: Vec<(&str, &str)> = variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        Program::start_with(name, arguments, &variables, &logs)
    };
    let server = start(
        "azulejo-server",
        &["--listen", "127.0.0.1:0", "--data-dir", &data],
        "server.env",
    )?;
    let _worker = start(
        "azulejo-worker",
        &["--listen", "127.0.0.1:0", "--slots", "1"],
        "worker.env",
    )?;
    let client = Client::new(server.ready());
    client.wait_until_ready(1).await?;
    let health = client.get("/health").await?.json;
    ensure!(
        health["problems"].as_array().is_some_and(Vec::is_empty),
        "{health}"
    );
    let input = images::photo(1100, 1024, 8);
    let result = client.run("a.png", images::png(&input)?, "grayscale").await?;
    images::decode(&result)?.must_equal(&definition::grayscale(&input), "on the Kafka of the script")
}
