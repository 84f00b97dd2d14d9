//! The log on a disk that fails: full, broken, or without what it was given before the power went.

use std::path::Path;
use std::sync::Arc;

use super::batch::tests::sample;
use super::partition::{AppendError, LogSettings, Partition};
use super::tests::{crashed, evens, fill, open, read_all, segment_files, settings};
use crate::files::Operation;
use crate::files::faults::{BROKEN, FULL, Faults};
use crate::fsync::FsyncPolicy;

fn next(partition: &Partition) -> Result<i64, AppendError> {
    let sequence = partition.log_end() as i32;
    let appended = partition.append(&sample(2, 100, Some((7, 0, sequence)), 2000), 2000)?;
    Ok(appended.base_offset)
}

#[test]
fn a_roll_that_fails_half_way_costs_no_record_at_the_next_start() {
    for suffix in [".log", ".index", ".timeindex"] {
        let folder = tempfile::tempdir().unwrap();
        let partition = Partition::open(folder.path(), settings(5000), FsyncPolicy::System).unwrap();
        let disk = Faults::below(folder.path());
        fill(&partition, 15);
        disk.fail(suffix, Operation::Create, 24);
        let mut refused = 0;
        while refused < 3 {
            refused += i32::from(next(&partition).is_err());
        }
        let end = partition.log_end();
        assert_eq!(
            segment_files(folder.path(), "log").len(),
            1,
            "{suffix}: nothing is left of it"
        );
        // There is still room for a small one.
        partition.append(&sample(1, 1, None, 2000), 2000).unwrap();
        disk.repair();
        let copy = crashed(folder.path());
        assert_eq!(open(copy.path()).log_end(), end + 1, "{suffix}");
    }
}

#[test]
fn an_empty_segment_in_the_middle_of_the_log_is_not_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(folder.path());
    fill(&partition, 40);
    partition.delete_records(25).unwrap();
    for stray in [20, 24, 70] {
        let copy = crashed(folder.path());
        std::fs::write(copy.path().join(format!("{stray:020}.log")), b"").unwrap();
        let reopened = open(copy.path());
        assert_eq!((reopened.log_start(), reopened.log_end()), (25, 80), "{stray}");
        assert_eq!(read_all(&reopened, 25), evens(40)[12..], "{stray}");
        assert_eq!(next(&reopened).unwrap(), 80);
    }
}

#[test]
fn a_segment_within_the_one_before_it_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(folder.path());
    fill(&partition, 10);
    let copy = crashed(folder.path());
    std::fs::write(copy.path().join(format!("{:020}.log", 6)), sample(1, 10, None, 5)).unwrap();
    let reopened = open(copy.path());
    assert_eq!(read_all(&reopened, 0), evens(10));
    assert_eq!(segment_files(copy.path(), "overlapping").len(), 1);
}

fn expiring() -> Arc<LogSettings> {
    Arc::new(LogSettings {
        retention_ms: 100,
        ..(*settings(5000)).clone()
    })
}

fn fill_disk(disk: &Faults) {
    for (suffix, operation) in [
        ("checkpoint.json", Operation::Write),
        ("producers.json", Operation::Write),
        (".log", Operation::Write),
    ] {
        disk.fail(suffix, operation, FULL);
    }
}

#[test]
fn retention_makes_room_on_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let partition = Partition::open(folder.path(), expiring(), FsyncPolicy::System).unwrap();
    fill(&partition, 100);
    let disk = Faults::below(folder.path());
    fill_disk(&disk);
    assert!(matches!(next(&partition), Err(AppendError::Storage(_))));
    let files = segment_files(folder.path(), "log").len();
    // Moving the point of recovery still fails: that only costs time at a start.
    let _ = partition.maintain(10_000);
    assert!(files > 4);
    assert_eq!(segment_files(folder.path(), "log").len(), 1);
    assert_eq!(
        (partition.log_start(), partition.log_end(), partition.size()),
        (200, 200, 0)
    );
    let copy = crashed(folder.path());
    let reopened = open(copy.path());
    assert_eq!(
        (reopened.log_start(), reopened.log_end()),
        (200, 200),
        "the name of the segment tells it"
    );
    disk.repair();
    assert_eq!(next(&partition).unwrap(), 200);
}

#[test]
fn deleting_records_makes_room_on_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(folder.path());
    fill(&partition, 100);
    let disk = Faults::below(folder.path());
    fill_disk(&disk);
    assert_eq!(partition.delete_records(150).unwrap(), 150);
    let before = partition.size();
    let _ = partition.maintain(1);
    assert!(partition.size() < before / 2);
    disk.repair();
    partition.maintain(1).unwrap();
    assert_eq!(read_all(&partition, 150), evens(100)[75..]);
}

#[test]
fn a_log_opens_on_a_full_disk_after_a_kill_and_after_a_clean_end() {
    for clean in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let partition = open(folder.path());
        fill(&partition, 30);
        if clean {
            partition.close().unwrap();
        }
        drop(partition);
        let disk = Faults::below(folder.path());
        fill_disk(&disk);
        let reopened = open(folder.path());
        assert_eq!(read_all(&reopened, 0), evens(30));
        assert!(next(&reopened).is_err());
        disk.repair();
        // The checkpoint on disk still says that the log was closed, at an end that it has outgrown.
        for _ in 0..30 {
            next(&reopened).unwrap();
        }
        let copy = crashed(folder.path());
        assert_eq!(
            read_all(&open(copy.path()), 0),
            evens(60),
            "closed before: {clean}"
        );
    }
}

#[test]
fn a_closing_before_the_last_does_not_vouch_for_what_came_later() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(folder.path());
    fill(&partition, 30);
    partition.close().unwrap();
    drop(partition);
    let checkpoint = std::fs::read(folder.path().join("checkpoint.json")).unwrap();
    let partition = open(folder.path());
    for _ in 0..60 {
        next(&partition).unwrap();
    }
    partition.close().unwrap();
    drop(partition);
    // A power failure: the old checkpoint is back, and a late segment holds zeros where records were.
    std::fs::write(folder.path().join("checkpoint.json"), checkpoint).unwrap();
    let files = segment_files(folder.path(), "log");
    let late = &files[files.len() - 2];
    let mut bytes = std::fs::read(late).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 400].fill(0);
    std::fs::write(late, bytes).unwrap();
    let reopened = open(folder.path());
    let left = read_all(&reopened, 0);
    assert_eq!(left, evens(left.len() as i64), "all that is served is sound");
    assert!(left.len() >= 30 && left.len() < 90, "{}", left.len());
    assert_eq!(next(&reopened).unwrap(), left.len() as i64 * 2);
}

fn always(folder: &Path) -> Partition {
    Partition::open(folder, settings(5000), FsyncPolicy::Always).unwrap()
}

#[test]
fn a_retry_is_not_acknowledged_before_its_first_try_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let partition = always(folder.path());
    fill(&partition, 3);
    let disk = Faults::below(folder.path());
    // As if the first try were stored and its flush still under way.
    *super::partition::locked(&partition.synced) = 4;
    let retry = sample(2, 100, Some((7, 0, 4)), 1002);
    let log = &segment_files(folder.path(), "log")[0];
    let before = disk.count(log, Operation::Sync);
    assert_eq!(partition.append(&retry, 0).unwrap().base_offset, 4);
    assert_eq!(disk.count(log, Operation::Sync), before + 1);
}

#[test]
fn after_a_failed_flush_nothing_is_acknowledged_until_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let partition = always(folder.path());
    fill(&partition, 3);
    let disk = Faults::below(folder.path());
    disk.fail(".log", Operation::Sync, BROKEN);
    assert!(matches!(next(&partition), Err(AppendError::Storage(_))));
    // The system forgets that the write failed, so the next flush would succeed.
    disk.repair();
    let retry = sample(2, 100, Some((7, 0, 6)), 2000);
    assert!(matches!(partition.append(&retry, 0), Err(AppendError::Failed)));
    assert!(matches!(next(&partition), Err(AppendError::Failed)));
    assert_eq!(read_all(&partition, 0)[..3], evens(3), "reading goes on");
    partition.flush().unwrap();
    partition.maintain(1).unwrap();
    partition.close().unwrap();
    drop(partition);
    let checkpoint = std::fs::read_to_string(folder.path().join("checkpoint.json")).unwrap();
    assert!(
        checkpoint.contains("\"closed_at\":null"),
        "the tail is to be checked: {checkpoint}"
    );
    assert!(next(&always(folder.path())).is_ok());
}
