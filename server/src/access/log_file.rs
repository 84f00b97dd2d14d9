//! A file of lines that is renamed when it is full, and those that it was before.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A file of lines, and those that it was before.
#[derive(Debug)]
pub struct Log {
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
    /// Opens `name.jsonl` in `folder`, of which `kept` earlier ones are kept, each with at most `max_bytes`.
    ///
    /// # Errors
    /// It cannot be made or opened.
    pub fn open(folder: &Path, name: &'static str, max_bytes: u64, kept: u32) -> std::io::Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            name,
            max_bytes,
            kept,
            file: Mutex::new(open(&folder.join(format!("{name}.jsonl")))?),
        })
    }

    /// As a disk that takes nothing until what this gives is dropped.
    #[cfg(test)]
    pub fn hold(&self) -> std::sync::MutexGuard<'_, impl Sized> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line. Blocks for as long as the disk does.
    ///
    /// # Errors
    /// It cannot be written; what is there of it stays a line of its own.
    pub fn append(&self, line: &str) -> std::io::Result<()> {
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
