//! The log of who did what: `audit.jsonl` in the data folder, one JSON object a line.
//!
//! Every request that changes something is written down, and every one that was refused for who sent it. The file is renamed when it
//! is full, and the oldest of the renamed ones deleted. A line that cannot be written goes to the program's log instead.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use azulejo_protocol::Timestamp;
use serde::Serialize;

const FILE: &str = "audit.jsonl";
/// Size of a file.
const MAX_BYTES: u64 = 16 << 20;
/// Files that are kept beside the one that is written.
const KEPT: u32 = 7;
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
    /// How it was answered.
    pub status: u16,
    /// The job that came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

/// The log.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    max_bytes: u64,
    file: Mutex<(File, u64)>,
}

impl Audit {
    /// Opens the log in the data folder `folder`.
    ///
    /// # Errors
    /// The file cannot be made or opened.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        Self::with_size(folder, MAX_BYTES)
    }

    fn with_size(folder: &Path, max_bytes: u64) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(FILE);
        let file = open(&path).with_context(|| format!("the audit log, {}", path.display()))?;
        Ok(Self {
            path,
            max_bytes,
            file: Mutex::new(file),
        })
    }

    /// Writes an entry down.
    pub fn write(&self, entry: &Entry<'_>) {
        let path: String = entry.path.chars().take(MAX_PATH).collect();
        let entry = Entry {
            path: &path,
            job: entry.job.clone(),
            address: entry.address.clone(),
            ..*entry
        };
        let Ok(mut line) = serde_json::to_string(&entry) else {
            return;
        };
        line.push('\n');
        if let Err(error) = self.append(&line) {
            tracing::error!(%error, line = line.trim_end(), "the audit log cannot be written");
        }
    }

    fn append(&self, line: &str) -> std::io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.1 > 0 && file.1 + line.len() as u64 > self.max_bytes {
            self.turn_over()?;
            *file = open(&self.path)?;
        }
        file.0.write_all(line.as_bytes())?;
        file.1 += line.len() as u64;
        Ok(())
    }

    /// Renames the files: `audit.jsonl` to `audit.1.jsonl`, that to `audit.2.jsonl`, and so on.
    fn turn_over(&self) -> std::io::Result<()> {
        let name = |number: u32| self.path.with_file_name(format!("audit.{number}.jsonl"));
        for number in (1..KEPT).rev() {
            match std::fs::rename(name(number), name(number + 1)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::rename(&self.path, name(1))
    }
}

fn open(path: &Path) -> std::io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let file = options.open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
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
            status: 200,
            job: None,
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
        assert_eq!(files.len(), 8, "{files:?}");
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
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.len() < 1200);
    }
}
