//! The start: what lies in the data folder and belongs to no job under way.
//!
//! Scratch of jobs that have ended goes. A folder that the database does not know is never deleted: perhaps the database is
//! the one that is wrong, because it is missing or older than the folders. Such folders move to `orphans`, and somebody is
//! told. What a user deleted was renamed to `trash` before; that is emptied here if it could not be emptied then.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use azulejo_protocol::{JobId, JobStatus};

use super::job::JobFolder;
use crate::engine::store::{Store, jobs};

/// Puts the folder in order. `data` is the data folder.
///
/// # Errors
/// The folders or the database cannot be read, or a folder cannot be moved.
pub fn sweep(store: &Store, data: &Path) -> anyhow::Result<()> {
    empty_trash(data);
    let jobs_dir = data.join("jobs");
    let known: HashMap<JobId, JobStatus> = store.read_blocking(jobs::ids)?.into_iter().collect();
    let entries =
        std::fs::read_dir(&jobs_dir).with_context(|| format!("cannot read {}", jobs_dir.display()))?;
    let mut orphans = 0;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<JobId>().ok()) else {
            continue;
        };
        let folder = JobFolder::new(&jobs_dir, id);
        match known.get(&id) {
            None => {
                let to = free_name(&data.join("orphans"), &id.to_string())?;
                std::fs::rename(folder.path(), &to).with_context(|| {
                    format!("cannot move {} to {}", folder.path().display(), to.display())
                })?;
                orphans += 1;
            }
            Some(JobStatus::Processing) => folder.remove_unfinished_results(),
            Some(status) => folder.remove_scratch(*status == JobStatus::Completed),
        }
    }
    if orphans > 0 {
        tracing::warn!(
            folders = orphans,
            to = %data.join("orphans").display(),
            "the database does not know some jobs whose folders are there: it is missing, or older than they are. The folders \
             were moved and nothing was deleted. Put the right azulejo.sqlite back and the folders into jobs/, or delete them"
        );
    }
    Ok(())
}

fn free_name(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut path = folder.join(name);
    let mut number = 2;
    while path.exists() {
        path = folder.join(format!("{name}-{number}"));
        number += 1;
    }
    Ok(path)
}

/// Takes the folder of a job that somebody deletes out of the way, so that it can be told from one that the database has
/// forgotten; [`empty_trash`] deletes it.
///
/// # Errors
/// It cannot be moved.
pub fn throw_away(data: &Path, folder: &JobFolder) -> std::io::Result<()> {
    let trash = data.join("trash");
    std::fs::create_dir_all(&trash)?;
    let name = folder.path().file_name().unwrap_or_default();
    match std::fs::rename(folder.path(), trash.join(name)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Deletes what was thrown away. What cannot be deleted now is deleted at the next start.
pub fn empty_trash(data: &Path) {
    let Ok(entries) = std::fs::read_dir(data.join("trash")) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        delete(&path);
    }
}

/// Deletes a job's folder.
pub fn delete(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %folder.display(), %error, "cannot delete a job's files");
    }
}
