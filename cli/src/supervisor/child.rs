//! One child process: started, its log forwarded, its ready line read, its end awaited.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::output;
use crate::supervisor::{system, tether};

/// Environment variables that mean one process; with several children they would give all the same name or port.
const NOT_FOR_CHILDREN: [&str; 6] = [
    "WORKER_ID",
    "WORKER_PORT",
    "WORKER_SLOTS",
    "MASTER_PORT",
    "AZULEJO_LISTEN",
    "AZULEJO_WORKER_LISTEN",
];

/// Longest line of a child's log that is forwarded whole.
const MAX_LINE: u64 = 16 * 1024;

/// Lines of a child's log that are kept to explain why it did not start.
const KEPT_LINES: usize = 20;

/// What to run.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its name in messages: `worker 2`.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Whether its log goes to standard error.
    pub show_log: bool,
}

/// Why a child has not said that it is ready.
#[derive(Debug)]
pub enum NotReady {
    /// It is gone, or says something that no program of ours says.
    Failed(anyhow::Error),
    /// It runs and has said nothing yet.
    Silent(anyhow::Error),
}

impl From<NotReady> for anyhow::Error {
    fn from(reason: NotReady) -> Self {
        match reason {
            NotReady::Failed(error) | NotReady::Silent(error) => error,
        }
    }
}

/// A running child.
pub struct Child {
    process: tokio::process::Child,
    name: String,
    log: JoinHandle<()>,
    last_lines: Arc<Mutex<VecDeque<String>>>,
    ready: JoinHandle<Option<String>>,
}

impl Program {
    /// Starts it, where Ctrl-C in a terminal reaches this program alone, which then stops its children in order.
    ///
    /// # Errors
    /// When the executable cannot be run.
    pub fn start(&self) -> anyhow::Result<Child> {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.kill_on_drop(true);
        system::out_of_the_terminals_reach(&mut command);
        for name in NOT_FOR_CHILDREN {
            command.env_remove(name);
        }
        tether::to_this_thread(&mut command);
        let mut process = command
            .spawn()
            .with_context(|| format!("cannot run {}", self.path.display()))?;
        let out = process
            .stdout
            .take()
            .ok_or_else(|| anyhow!("{} has no output", self.name))?;
        let log = process
            .stderr
            .take()
            .ok_or_else(|| anyhow!("{} has no log", self.name))?;
        let last_lines = Arc::new(Mutex::new(VecDeque::new()));
        Ok(Child {
            process,
            name: self.name.clone(),
            log: tokio::spawn(forward(
                log,
                self.name.clone(),
                self.show_log,
                Arc::clone(&last_lines),
            )),
            last_lines,
            ready: tokio::spawn(first_line(out)),
        })
    }
}

impl Child {
    /// Waits for the ready line and returns its last word, the address, without `http://`; `https://` stays. Can be asked again after it
    /// stayed silent.
    ///
    /// # Errors
    /// When the process ends or stays silent for `patience`; with the last words of its log.
    pub async fn ready(&mut self, patience: Duration) -> Result<String, NotReady> {
        let line = match tokio::time::timeout(patience, &mut self.ready).await {
            Ok(Ok(Some(line))) => line,
            Ok(_) => {
                let ended = tokio::time::timeout(Duration::from_secs(2), self.process.wait()).await;
                let status = ended
                    .ok()
                    .and_then(Result::ok)
                    .map_or_else(String::new, |status| format!(" ({status})"));
                // The log's end explains it.
                let _ = tokio::time::timeout(Duration::from_secs(1), &mut self.log).await;
                return Err(NotReady::Failed(anyhow!(
                    "{} ended before it was ready{status}{}",
                    self.name,
                    self.last_words()
                )));
            }
            Err(_) => {
                return Err(NotReady::Silent(anyhow!(
                    "{} was not ready within {} s{}",
                    self.name,
                    patience.as_secs(),
                    self.last_words()
                )));
            }
        };
        address(&line)
            .ok_or_else(|| NotReady::Failed(anyhow!("{} said something unexpected: {line}", self.name)))
    }

    fn last_words(&self) -> String {
        let lines = self.last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.is_empty() {
            String::new()
        } else {
            format!(":\n  {}", Vec::from(lines.clone()).join("\n  "))
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When the system does not tell.
    pub async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Asks it to end and waits; kills it after `patience`. Returns whether it ended by itself and well. Where a process cannot be
    /// asked it is killed at once, which broker, server and workers are made to survive without losing a job, and that is well.
    pub async fn stop(&mut self, patience: Duration) -> bool {
        let Some(id) = self.id() else { return true };
        // The process is not reaped yet, so its id is still its own.
        if !system::ask_to_end(id) {
            return self.process.kill().await.is_ok();
        }
        match tokio::time::timeout(patience, self.process.wait()).await {
            Ok(Ok(status)) => status.success(),
            Ok(Err(_)) => false,
            Err(_) => {
                output::say(&format!(
                    "azulejo: {} did not end within {} s and is killed",
                    self.name,
                    patience.as_secs()
                ));
                let _ = self.process.kill().await;
                false
            }
        }
    }
}

/// The address in a ready line, `azulejo-server is ready: http://127.0.0.1:8000`.
fn address(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(" is ready: ")?;
    let word = rest.split_ascii_whitespace().last()?;
    Some(word.trim_start_matches("http://").to_owned())
}

/// The first line of a child's output. What follows is read and dropped, so that the child never waits for a reader.
async fn first_line(out: impl AsyncRead + Unpin + Send + 'static) -> Option<String> {
    let mut out = BufReader::new(out);
    let mut line = String::new();
    let read = (&mut out).take(MAX_LINE).read_line(&mut line).await.ok()?;
    tokio::spawn(async move { tokio::io::copy(&mut out, &mut tokio::io::sink()).await });
    (read > 0).then(|| line.trim_end().to_owned())
}

async fn forward(log: impl AsyncRead + Unpin, name: String, show: bool, last: Arc<Mutex<VecDeque<String>>>) {
    let mut log = BufReader::new(log);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match (&mut log).take(MAX_LINE).read_until(b'\n', &mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        if show {
            output::say(&format!("[{name}] {line}"));
        }
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == KEPT_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program {
            name: "child".into(),
            path: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            show_log: false,
        }
    }

    #[test]
    fn the_address_is_the_last_word_of_the_ready_line() {
        assert_eq!(
            address("azulejo-broker is ready: 127.0.0.1:9092").as_deref(),
            Some("127.0.0.1:9092")
        );
        assert_eq!(
            address("azulejo-worker is ready: w-1 http://127.0.0.1:2").as_deref(),
            Some("127.0.0.1:2")
        );
        assert_eq!(address("hello"), None);
    }

    #[tokio::test]
    async fn a_child_that_ends_before_it_is_ready_is_explained_by_its_log() {
        let mut child = shell("echo 'port 80 is taken' >&2; exit 3").start().unwrap();
        let error = child.ready(Duration::from_secs(20)).await.unwrap_err();
        let error = anyhow::Error::from(error).to_string();
        assert!(
            error.contains("port 80 is taken") && error.contains('3'),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_child_that_ignores_a_request_to_end_is_killed() {
        let mut child = shell("trap '' INT; echo 'child is ready: 1:2'; while :; do sleep 0.1; done")
            .start()
            .unwrap();
        assert_eq!(child.ready(Duration::from_secs(20)).await.unwrap(), "1:2");
        assert!(!child.stop(Duration::from_millis(300)).await);
        assert!(child.id().is_none());
    }

    #[tokio::test]
    async fn a_child_that_ends_when_asked_ended_well() {
        let script = "trap 'exit 0' INT; echo 'child is ready: x'; while :; do sleep 0.05; done";
        let mut child = shell(script).start().unwrap();
        child.ready(Duration::from_secs(20)).await.unwrap();
        assert!(child.stop(Duration::from_secs(20)).await);
    }
}
