//! The log of who did what: `audit.jsonl` in the data folder, one JSON object a line.
//!
//! Every request of a known caller that changes something is written down. Those that were refused for what they showed, without a
//! caller, are in `audit-refused.jsonl`. A file is renamed when it is full, and the oldest of the renamed ones deleted. A line that
//! cannot be written goes to the program's log instead.
//!
//! A thread of its own writes, so that a slow disk holds up no other request. The line is there before the request is answered: whoever
//! is answered waits for it. Lines that wait are bounded in number; whoever has one more waits for a place.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use azulejo_protocol::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, OwnedPermit, Receiver, Sender};
use tokio::sync::oneshot;

use super::log_file::Log;

/// Size of a file.
const MAX_BYTES: u64 = 16 << 20;
/// Files that are kept beside the one that is written.
const KEPT: u32 = 7;
/// The same of those who are not known.
const KEPT_REFUSED: u32 = 1;
/// Lines that may wait to be written.
const WAITING: usize = 256;
/// Longest path that is written down, characters.
const MAX_PATH: usize = 300;

/// One thing that somebody did, or was refused.
#[derive(Debug, Serialize)]
pub struct Entry<'a> {
    /// When it was answered.
    #[serde(with = "time::serde::rfc3339")]
    pub time: Timestamp,
    /// Name of the key or the token's subject; `null` for nobody.
    pub caller: Option<&'a str>,
    /// The caller's role.
    pub role: Option<&'static str>,
    /// From where.
    pub address: Option<String>,
    /// The method.
    pub method: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// How it was answered; `null` when the client went away before the answer: what was begun is finished.
    pub status: Option<u16>,
    /// Jobs that were started or changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<String>,
}

impl Entry<'_> {
    fn line(&self) -> Option<Line> {
        let path: String = self.path.chars().take(MAX_PATH).collect();
        let entry = Entry {
            path: &path,
            jobs: self.jobs.clone(),
            address: self.address.clone(),
            ..*self
        };
        Some(Line {
            is_known: entry.caller.is_some(),
            text: serde_json::to_string(&entry).ok()?,
            written: None,
        })
    }
}

/// A line on its way.
#[derive(Debug)]
struct Line {
    is_known: bool,
    /// Empty for one that only asks whether those before it are written.
    text: String,
    /// Who waits for it.
    written: Option<oneshot::Sender<()>>,
}

/// The log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Audit {
    lines: Sender<Line>,
    files: Arc<Files>,
}

/// Its files.
#[derive(Debug)]
struct Files {
    /// Of callers that are known.
    known: Log,
    /// Of everybody else: anybody can fill it, so it is apart.
    refused: Log,
}

impl Files {
    fn append(&self, line: Line) {
        if !line.text.is_empty() {
            let log = if line.is_known { &self.known } else { &self.refused };
            if let Err(error) = log.append(&line.text) {
                tracing::error!(%error, line = line.text, "the audit log cannot be written");
            }
        }
        // Whoever does not wait any more has gone away.
        if let Some(written) = line.written {
            let _ = written.send(());
        }
    }
}

/// A place for one line. What has a place will be written.
#[derive(Debug)]
pub struct Place {
    permit: Option<OwnedPermit<Line>>,
    files: Arc<Files>,
}

impl Place {
    /// Has the entry written, and waits until it is. Whoever does not wait so long does not take it back.
    pub fn write(self, entry: &Entry<'_>) -> impl Future<Output = ()> + Send + use<> {
        self.put(entry.line())
    }

    fn put(self, line: Option<Line>) -> impl Future<Output = ()> + Send + use<> {
        let (sender, written) = oneshot::channel();
        if let Some(line) = line {
            let line = Line {
                written: Some(sender),
                ..line
            };
            match self.permit {
                Some(permit) => drop(permit.send(line)),
                None => self.files.append(line),
            }
        }
        async move { drop(written.await) }
    }
}

impl Audit {
    /// Opens the log in the data folder `folder`.
    ///
    /// # Errors
    /// A file cannot be made or opened, or there is no thread to write them.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        Self::with_size(folder, MAX_BYTES)
    }

    fn with_size(folder: &Path, max_bytes: u64) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let log = |name: &'static str, kept| {
            let log = Log::open(folder, name, max_bytes, kept);
            log.with_context(|| format!("the audit log {name}.jsonl in {}", folder.display()))
        };
        let files = Arc::new(Files {
            known: log("audit", KEPT)?,
            refused: log("audit-refused", KEPT_REFUSED)?,
        });
        let (lines, waiting) = mpsc::channel(WAITING);
        let of_thread = Arc::clone(&files);
        let thread = std::thread::Builder::new().name("audit-log".into());
        // It ends when the last of those who could have something written is gone.
        let started = thread.spawn(move || write_all(waiting, &of_thread));
        started.context("cannot start the thread of the audit log")?;
        Ok(Self { lines, files })
    }

    /// A place for one line, as soon as there is one.
    pub async fn place(&self) -> Place {
        Place {
            // Where the thread has ended, its lines are written by whoever has them.
            permit: self.lines.clone().reserve_owned().await.ok(),
            files: Arc::clone(&self.files),
        }
    }

    /// Has an entry written by and by: for whoever cannot wait. It waits for its place by itself.
    pub fn write_later(&self, entry: &Entry<'_>) {
        let Some(line) = entry.line() else { return };
        match (self.lines.try_send(line), tokio::runtime::Handle::try_current()) {
            (Ok(()), _) => {}
            (Err(TrySendError::Full(line)), Ok(runtime)) => {
                let audit = self.clone();
                runtime.spawn(async move { audit.place().await.put(Some(line)).await });
            }
            (Err(TrySendError::Full(line) | TrySendError::Closed(line)), _) => self.files.append(line),
        }
    }

    /// Waits until everything is written that has a place.
    pub async fn flush(&self) {
        let marker = Line {
            is_known: true,
            text: String::new(),
            written: None,
        };
        self.place().await.put(Some(marker)).await;
    }
}

fn write_all(mut lines: Receiver<Line>, files: &Files) {
    while let Some(line) = lines.blocking_recv() {
        files.append(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> Entry<'_> {
        Entry {
            time: Timestamp::now_utc(),
            caller: Some("lab"),
            role: Some("submit"),
            address: Some("127.0.0.1".into()),
            method: "POST",
            path,
            status: Some(200),
            jobs: Vec::new(),
        }
    }

    #[tokio::test]
    async fn entries_are_lines_of_json_and_the_files_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::with_size(folder.path(), 1000).unwrap();
        for _ in 0..200 {
            audit
                .place()
                .await
                .write(&entry("/process\n{\"caller\":\"forged\"}"))
                .await;
        }
        let files: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        assert_eq!(files.len(), 9, "{files:?}");
        for file in files {
            let text = std::fs::read_to_string(file).unwrap();
            assert!(text.len() <= 1000);
            for line in text.lines() {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(value["caller"], "lab");
            }
        }
    }

    #[tokio::test]
    async fn a_long_path_is_cut_and_a_restart_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let audit = Audit::open(folder.path()).unwrap();
            audit.place().await.write(&entry(&"x".repeat(10_000))).await;
        }
        let text = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.len() < 1200);
    }

    #[tokio::test]
    async fn nobody_cannot_push_out_what_known_callers_did() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::with_size(folder.path(), 1000).unwrap();
        audit.place().await.write(&entry("/process")).await;
        for _ in 0..200 {
            let refused = Entry {
                caller: None,
                status: Some(401),
                ..entry("/jobs")
            };
            audit.place().await.write(&refused).await;
        }
        let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        assert!(text("audit.jsonl").contains("/process"));
        assert!(!text("audit.jsonl").contains("/jobs"));
        assert!(text("audit-refused.jsonl").contains("/jobs") && !text("audit-refused.1.jsonl").is_empty());
        assert!(text("audit-refused.2.jsonl").is_empty());
    }

    /// The disk takes nothing until what this gives is dropped.
    fn stuck(audit: &Audit) -> std::sync::mpsc::Sender<()> {
        let (go_on, wait) = std::sync::mpsc::channel();
        let (tell, held) = std::sync::mpsc::channel();
        let files = Arc::clone(&audit.files);
        std::thread::spawn(move || {
            let _file = files.known.hold();
            tell.send(()).unwrap();
            wait.recv()
        });
        held.recv().unwrap();
        go_on
    }

    #[tokio::test]
    async fn while_the_disk_takes_nothing_others_go_on_and_no_line_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::open(folder.path()).unwrap();
        let stuck = stuck(&audit);
        let mut waiting = Vec::new();
        for number in 0..2 * WAITING {
            let audit = audit.clone();
            // Half of them are answered and wait, half belong to clients that have gone away.
            waiting.push(tokio::spawn(async move {
                let path = format!("/job/{number}");
                if number % 2 == 0 {
                    audit.place().await.write(&entry(&path)).await;
                } else {
                    audit.write_later(&entry(&path));
                }
            }));
        }
        // This one thread serves all of them, and whoever wants nothing written.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(audit.lines.capacity(), 0);
        assert!(waiting.iter().step_by(2).all(|task| !task.is_finished()));
        drop(stuck);
        for task in waiting {
            task.await.unwrap();
        }
        // Those that nobody waited for have their places by now, or come before this one.
        let text = loop {
            audit.flush().await;
            let text = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
            if text.lines().count() == 2 * WAITING {
                break text;
            }
            tokio::task::yield_now().await;
        };
        let mut numbers: Vec<u64> = text
            .lines()
            .map(|line| {
                let entry: serde_json::Value = serde_json::from_str(line).unwrap();
                entry["path"].as_str().unwrap()["/job/".len()..].parse().unwrap()
            })
            .collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..2 * WAITING as u64));
    }

    #[tokio::test]
    async fn who_goes_away_before_there_is_a_place_takes_none() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::open(folder.path()).unwrap();
        let stuck = stuck(&audit);
        for _ in 0..2 * WAITING {
            audit.write_later(&entry("/process"));
        }
        tokio::task::yield_now().await;
        let gone = tokio::time::timeout(std::time::Duration::from_millis(20), audit.place()).await;
        assert!(gone.is_err());
        drop(stuck);
        audit.place().await.write(&entry("/last")).await;
    }
}
