//! Where an image comes from: a file, or standard input, which is put into a temporary file first. So its length and kind are
//! known before anything is sent, and a slow writer does not keep a server waiting.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use azulejo_imaging::FileKind;
use tempfile::NamedTempFile;

use crate::naming;
use crate::targets::{DASH, is_dash};

/// Bytes copied at a time.
const CHUNK: usize = 256 * 1024;

/// An image that can be read.
#[derive(Debug)]
pub struct Input {
    given: PathBuf,
    name: String,
    /// What was read from standard input; removed with this.
    spool: Option<NamedTempFile>,
}

impl Input {
    /// The image at `path`, where `-` is standard input; `name` is that of an image without a file.
    ///
    /// # Errors
    /// When there is no file, it cannot be read, or standard input has nothing. The sentence does not name the image.
    pub async fn open(path: &Path, name: &str) -> anyhow::Result<Self> {
        if is_dash(path) {
            let spool = read_standard_input().await?;
            return Ok(Self {
                given: path.to_owned(),
                name: name.to_owned(),
                spool: Some(spool),
            });
        }
        let unreadable = "it cannot be read";
        // Asked before it is opened: to open a pipe waits for its writer.
        let metadata = std::fs::metadata(path).context(unreadable)?;
        if metadata.is_dir() {
            bail!("it is a folder, not a file");
        }
        if !metadata.is_file() {
            bail!("it is not a file; '{DASH}' reads standard input");
        }
        File::open(path).context(unreadable)?;
        Ok(Self {
            given: path.to_owned(),
            name: path
                .file_name()
                .map_or_else(|| "image".into(), |name| name.to_string_lossy().into_owned()),
            spool: None,
        })
    }

    /// The file to read.
    pub fn path(&self) -> &Path {
        self.spool.as_ref().map_or(&self.given, NamedTempFile::path)
    }

    /// What it is called at the server, and in the name of its result.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kind of file, by its first bytes; `None` where they are no image's.
    pub fn kind(&self) -> Option<FileKind> {
        let mut magic = Vec::new();
        let file = File::open(self.path()).ok()?;
        file.take(FileKind::MAGIC_BYTES as u64)
            .read_to_end(&mut magic)
            .ok()?;
        FileKind::from_magic(&magic)
    }
}

/// How an input is called in sentences.
pub fn shown(path: &Path) -> String {
    if is_dash(path) {
        "standard input".into()
    } else {
        path.display().to_string()
    }
}

/// Reads all of standard input into a temporary file, on a thread of its own: a read that waits must not keep the program from
/// ending.
async fn read_standard_input() -> anyhow::Result<NamedTempFile> {
    if io::stdin().is_terminal() {
        bail!("it is a terminal: send a file or a pipe into it");
    }
    let spool = naming::spool()?;
    let file = spool.reopen().context("cannot write a temporary file")?;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Whoever does not wait any more was interrupted.
        let _ = sender.send(copy(io::stdin().lock(), file));
    });
    if receiver.await?? == 0 {
        bail!("it is empty");
    }
    Ok(spool)
}

fn copy(mut from: impl io::Read, mut to: impl io::Write) -> anyhow::Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut copied = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).context("it cannot be read"),
        };
        to.write_all(&buffer[..read])
            .context("cannot write a temporary file (TMPDIR says where)")?;
        copied += read as u64;
    }
    to.flush()?;
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refusal(path: &Path) -> String {
        let error = Input::open(path, "image").await.unwrap_err();
        format!("{error:#}")
    }

    #[tokio::test]
    async fn what_is_no_file_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let missing = refusal(&folder.path().join("no.png")).await;
        assert!(missing.contains("No such file"), "{missing}");
        assert!(refusal(folder.path()).await.contains("is a folder"));
        assert!(refusal(Path::new("/dev/null")).await.contains("is not a file"));
    }

    #[tokio::test]
    async fn a_file_is_known_by_its_last_name_and_its_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.dat");
        crate::photo::write(&file, 16).unwrap();
        let input = Input::open(&file, "image").await.unwrap();
        assert_eq!((input.name(), input.kind()), ("a.dat", Some(FileKind::Png)));
        assert_eq!(input.path(), file);
        std::fs::write(&file, "text").unwrap();
        assert_eq!(input.kind(), None);
    }

    #[test]
    fn a_full_disk_is_said() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let error = copy(&b"an image"[..], full).unwrap_err();
        assert!(format!("{error:#}").contains("temporary file"), "{error:#}");
    }
}
