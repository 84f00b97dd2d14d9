//! The log of who did what: `audit.jsonl` in the data folder, one JSON object a line.
//!
//! Every request of a known caller that changes something is written down. Those that were refused for what they showed, without a
//! caller, are in `audit-refused.jsonl`. A file is renamed when it is full, and the oldest of the renamed ones deleted. A line that
//! cannot be written goes to the program's log instead.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use azulejo_protocol::Timestamp;
use serde::Serialize;

/// Size of a file.
const MAX_BYTES: u64 = 16 << 20;
/// Files that are kept beside the one that is written.
const KEPT: u32 = 7;
/// The same of those who are not known.
const KEPT_REFUSED: u32 = 1;
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

/// The log.
#[derive(Debug)]
pub struct Audit {
    /// Of callers that are known.
    known: Log,
    /// Of everybody else: anybody can fill it, so it is apart.
    refused: Log,
}

impl Audit {
    /// Opens the log in the data folder `folder`.
    ///
    /// # Errors
    /// A file cannot be made or opened.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        Self::with_size(folder, MAX_BYTES)
    }

    fn with_size(folder: &Path, max_bytes: u64) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let log = |name: &'static str, kept| {
            let log = Log::open(folder, name, max_bytes, kept);
            log.with_context(|| format!("the audit log {name}.jsonl in {}", folder.display()))
        };
        Ok(Self {
            known: log("audit", KEPT)?,
            refused: log("audit-refused", KEPT_REFUSED)?,
        })
    }

    /// Writes an entry down.
    pub fn write(&self, entry: &Entry<'_>) {
        let path: String = entry.path.chars().take(MAX_PATH).collect();
        let entry = Entry {
            path: &path,
            jobs: entry.jobs.clone(),
            address: entry.address.clone(),
            ..*entry
        };
        let Ok(line) = serde_json::to_string(&entry) else {
            return;
        };
        let log = if entry.caller.is_some() {
            &self.known
        } else {
            &self.refused
        };
        if let Err(error) = log.append(&line) {
            tracing::error!(%error, line, "the audit log cannot be written");
        }
    }
}

/// A file of lines, and those that it was before.
#[derive(Debug)]
struct Log {
    folder: PathBuf,
    name: &'static str,
    max_bytes: u64,
    /// Files that are kept beside the one that is written.
    kept: u32,
    file: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    length: u64,
    /// Whether the last line may be there in part.
    is_torn: bool,
}

impl Log {
    fn open(folder: &Path, name: &'static str, max_bytes: u64, kept: u32) -> std::io::Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            name,
            max_bytes,
            kept,
            file: Mutex::new(open(&folder.join(format!("{name}.jsonl")))?),
        })
    }

    fn append(&self, line: &str) -> std::io::Result<()> {
        let mut open_file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if open_file.length > 0 && open_file.length + line.len() as u64 >= self.max_bytes {
            self.turn_over()?;
            *open_file = open(&self.folder.join(format!("{}.jsonl", self.name)))?;
        }
        // What a full disk cut off stays a line of its own.
        let line = format!("{}{line}\n", if open_file.is_torn { "\n" } else { "" });
        open_file.is_torn = true;
        open_file.file.write_all(line.as_bytes())?;
        open_file.is_torn = false;
        open_file.length += line.len() as u64;
        Ok(())
    }

    /// Renames the files: `audit.jsonl` to `audit.1.jsonl`, that to `audit.2.jsonl`, and so on.
    fn turn_over(&self) -> std::io::Result<()> {
        let name = |number: u32| self.folder.join(format!("{}.{number}.jsonl", self.name));
        for number in (1..self.kept).rev() {
            match std::fs::rename(name(number), name(number + 1)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::rename(self.folder.join(format!("{}.jsonl", self.name)), name(1))
    }
}

fn open(path: &Path) -> std::io::Result<Open> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let file = options.open(path)?;
    let length = file.metadata()?.len();
    Ok(Open {
        file,
        length,
        is_torn: false,
    })
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

    #[test]
    fn entries_are_lines_of_json_and_the_files_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::with_size(folder.path(), 1000).unwrap();
        for _ in 0..200 {
            audit.write(&entry("/process\n{\"caller\":\"forged\"}"));
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

    #[test]
    fn a_long_path_is_cut_and_a_restart_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            Audit::open(folder.path())
                .unwrap()
                .write(&entry(&"x".repeat(10_000)));
        }
        let text = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.len() < 1200);
    }

    #[test]
    fn nobody_cannot_push_out_what_known_callers_did() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::with_size(folder.path(), 1000).unwrap();
        audit.write(&entry("/process"));
        for _ in 0..200 {
            audit.write(&Entry {
                caller: None,
                status: Some(401),
                ..entry("/jobs")
            });
        }
        let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        assert!(text("audit.jsonl").contains("/process"));
        assert!(!text("audit.jsonl").contains("/jobs"));
        assert!(text("audit-refused.jsonl").contains("/jobs") && !text("audit-refused.1.jsonl").is_empty());
        assert!(text("audit-refused.2.jsonl").is_empty());
    }
}
