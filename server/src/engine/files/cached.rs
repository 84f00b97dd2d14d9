//! The result of an earlier job, put into the folder of another one: as a second name of the same file where the file system can
//! do that, else as a copy. A finished result is never written to, and it is there until its last name is deleted.

use std::fs::Metadata;
use std::io;
use std::path::Path;

use azulejo_protocol::Timestamp;

use super::job::{JobFolder, remove_if_there};
use crate::engine::store::cache::Earlier;

/// Puts the first result among `earlier` that is there as it was into `folder`, with its picture; gives whose it is. `extension` is
/// that of the result.
pub fn take<'a>(
    earlier: &'a [Earlier],
    jobs: &Path,
    folder: &JobFolder,
    extension: &str,
) -> Option<&'a Earlier> {
    earlier.iter().find(|one| {
        let from = JobFolder::new(jobs, one.id);
        let (source, place) = (from.result(extension), folder.result(extension));
        let taken = is_unchanged(&source, one) && link(&source, &place).is_ok();
        // It may have been changed, or cut, in between.
        if !taken || !is_unchanged(&source, one) || length(&place) != Some(one.output_bytes) {
            remove_if_there(&place);
            return false;
        }
        // Without it the job's page shows its tiles alone.
        if let Err(error) = link(&from.mosaic(), &folder.mosaic())
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(job = %one.id, %error, "the picture of an earlier job cannot be taken over");
        }
        true
    })
}

/// Whether a result is what it was when its job ended: as long, and not written to since.
fn is_unchanged(path: &Path, earlier: &Earlier) -> bool {
    let is_older = |metadata: &Metadata| {
        let written = metadata.modified().ok().map(Timestamp::from);
        written.is_some_and(|written| written <= earlier.ended_at)
    };
    std::fs::symlink_metadata(path).is_ok_and(|metadata| {
        metadata.is_file() && metadata.len() == earlier.output_bytes && is_older(&metadata)
    })
}

fn length(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|metadata| metadata.len())
}

fn link(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
        // It shares blocks where the file system can do that.
        Err(_) => std::fs::copy(from, to).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use azulejo_protocol::JobId;
    use uuid::Uuid;

    use super::*;

    fn earlier(number: u128, bytes: u64, ended_at: Timestamp) -> Earlier {
        Earlier {
            id: JobId(Uuid::from_u128(number)),
            ended_at,
            output_bytes: bytes,
            mosaic_version: 1,
        }
    }

    #[test]
    fn a_result_that_is_gone_or_was_changed_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let jobs = folder.path();
        let write = |number: u128, text: &str| {
            let of = JobFolder::new(jobs, JobId(Uuid::from_u128(number)));
            std::fs::create_dir_all(of.path()).unwrap();
            std::fs::write(of.result("png"), text).unwrap();
            std::fs::write(of.mosaic(), "picture").unwrap();
        };
        for number in [2, 3, 4, 9] {
            write(number, "result");
        }
        let ended = Timestamp::now_utc();
        let candidates = [
            // Gone.
            earlier(1, 6, ended),
            // Of another length.
            earlier(2, 7, ended),
            // Written to since its job ended.
            earlier(3, 6, ended - Duration::from_secs(10)),
            earlier(4, 6, ended),
        ];
        let place = JobFolder::new(jobs, JobId(Uuid::from_u128(8)));
        std::fs::create_dir_all(place.path()).unwrap();
        assert_eq!(take(&candidates[..3], jobs, &place, "png"), None);
        assert!(!place.result("png").exists());
        assert_eq!(take(&candidates, jobs, &place, "png"), Some(&candidates[3]));
        // The earlier job may go.
        std::fs::remove_dir_all(jobs.join(candidates[3].id.to_string())).unwrap();
        assert_eq!(std::fs::read_to_string(place.result("png")).unwrap(), "result");
        assert_eq!(std::fs::read_to_string(place.mosaic()).unwrap(), "picture");
    }
}
