//! A small file system that is the data folder of a server, and the server held still at a moment.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use azulejo_end2end::process::must_succeed;
use azulejo_end2end::{Cluster, skipped};

/// Bytes of the file system: the largest job here needs a third of it at once.
const SIZE: &str = "320m";

/// A file system that is there for as long as this lives.
pub struct Disk(pub PathBuf);

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, since the server has files open in it.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

impl Disk {
    /// The data folder of the cluster's server; `None` where nothing can be mounted.
    pub fn of(cluster: &Cluster) -> Result<Option<Self>> {
        let folder = PathBuf::from(cluster.path("server"));
        std::fs::create_dir(&folder)?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={SIZE}"), "tmpfs"])
            .arg(&folder)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Ok(Some(Self(folder)));
        }
        skipped("a disk that runs full at each stage of a job: a small file system cannot be mounted here");
        Ok(None)
    }

    pub fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Takes every byte that is left, but for `spare`.
    pub fn fill(&self, spare: u64) -> Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.filler())?;
        if spare > 0 {
            let bytes = self.free()?.saturating_sub(spare);
            return Ok(file.write_all(&vec![0x5a; usize::try_from(bytes)?])?);
        }
        // Whole blocks first, then what is left of the last one.
        for block in [1 << 20, 4096, 1] {
            let bytes = vec![0x5a; block];
            loop {
                match file.write(&bytes) {
                    Ok(_) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    pub fn empty(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.filler())?)
    }

    pub fn free(&self) -> Result<u64> {
        let text = must_succeed(
            Command::new("df")
                .args(["--block-size=1", "--output=avail"])
                .arg(&self.0),
        )?;
        let last = text.lines().last().context("df says nothing")?;
        Ok(last.trim().parse()?)
    }

    /// Bytes of the result of a job so far, finished or not.
    pub fn encoded(&self, id: &str) -> u64 {
        let entries = std::fs::read_dir(self.of_job(id, "")).into_iter().flatten();
        let results = entries
            .flatten()
            .filter(|entry| entry.file_name() != "result.raw")
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("result."));
        results
            .filter_map(|entry| entry.metadata().ok())
            .map(|file| file.len())
            .sum()
    }

    pub fn of_job(&self, id: &str, file: &str) -> PathBuf {
        self.0.join("jobs").join(id).join(file)
    }
}

/// The server as it is at this moment, until it goes on.
pub struct Stopped<'a>(&'a Cluster);

impl<'a> Stopped<'a> {
    pub fn stop(cluster: &'a Cluster) -> Result<Self> {
        cluster
            .server
            .as_ref()
            .context("there is a server")?
            .signal("STOP")?;
        Ok(Self(cluster))
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        if let Some(server) = &self.0.server {
            drop(server.signal("CONT"));
        }
    }
}

/// Bytes that a file takes up; 0 where there is none.
pub fn blocks(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).map_or(0, |file| file.blocks() * 512)
}
