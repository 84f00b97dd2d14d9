//! The log as a whole: what survives which end, what retention takes, what a damaged file costs.

use std::path::Path;
use std::sync::Arc;

use super::batch::tests::sample;
use super::batch::{BatchHeader, HEADER_BYTES};
use super::partition::{AppendError, LogSettings, Partition, ReadError};
use crate::fsync::FsyncPolicy;

pub(super) fn settings(segment_bytes: u64) -> Arc<LogSettings> {
    Arc::new(LogSettings {
        segment_bytes,
        ..LogSettings::default()
    })
}

pub(super) fn open(folder: &Path) -> Partition {
    Partition::open(folder, settings(5000), FsyncPolicy::System).unwrap()
}

/// A copy of a log as a kill would leave it: whatever is in its files.
pub(super) fn crashed(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

pub(super) fn fill(partition: &Partition, batches: i64) {
    for n in 0..batches {
        let batch = sample(2, 100, Some((7, 0, (n * 2) as i32)), 1000 + n);
        assert_eq!(partition.append(&batch, 1000 + n).unwrap().base_offset, n * 2);
    }
}

/// Reads everything from `offset` on as a consumer would, and checks each batch.
pub(super) fn read_all(partition: &Partition, mut offset: i64) -> Vec<i64> {
    let mut bases = Vec::new();
    while let Some(range) = partition.read(offset, 1000, true).unwrap() {
        let mut bytes = vec![0; range.length];
        std::os::unix::fs::FileExt::read_exact_at(range.segment.file(), &mut bytes, range.position).unwrap();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let header = BatchHeader::read(rest).unwrap();
            let (batch, after) = rest.split_at(header.size as usize);
            super::produced::check_produced(batch).unwrap();
            bases.push(header.base_offset);
            offset = header.next_offset();
            rest = after;
        }
    }
    bases
}

pub(super) fn evens(batches: i64) -> Vec<i64> {
    (0..batches).map(|n| n * 2).collect()
}

pub(super) fn segment_files(folder: &Path, extension: &str) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    files
}

#[test]
fn everything_is_there_after_a_clean_end_and_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(folder.path());
    fill(&partition, 100);
    assert!(segment_files(folder.path(), "log").len() > 4, "it rolls");
    assert_eq!(read_all(&partition, 0), evens(100));
    assert_eq!(
        read_all(&partition, 101),
        evens(100)[50..],
        "from the middle of a batch"
    );

    let after_kill = crashed(folder.path());
    assert_eq!(read_all(&open(after_kill.path()), 0), evens(100));
    partition.close().unwrap();
    drop(partition);
    let reopened = open(folder.path());
    assert_eq!((reopened.log_start(), reopened.log_end()), (0, 200));
    assert_eq!(read_all(&reopened, 0), evens(100));
}

#[test]
fn a_torn_tail_is_cut_wherever_it_was_torn() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(folder.path());
    fill(&partition, 10);
    let file = segment_files(folder.path(), "log").pop().unwrap();
    let whole = std::fs::read(&file).unwrap();
    let size = sample(2, 100, None, 0).len();
    for torn in 0..size {
        let copy = crashed(folder.path());
        let tail = copy.path().join(file.file_name().unwrap());
        std::fs::write(&tail, &whole[..whole.len() - torn]).unwrap();
        let reopened = open(copy.path());
        let left = if torn == 0 { 10 } else { 9 };
        assert_eq!(read_all(&reopened, 0), evens(left), "{torn} bytes torn off");
        let next = sample(2, 100, Some((7, 0, left as i32 * 2)), 5);
        assert_eq!(
            reopened.append(&next, 5).unwrap().base_offset,
            left * 2,
            "appending goes on"
        );
    }
}

#[test]
fn a_tail_of_garbage_or_with_a_flipped_bit_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(folder.path());
    fill(&partition, 10);
    let file = segment_files(folder.path(), "log").pop().unwrap();
    let whole = std::fs::read(&file).unwrap();
    let size = sample(2, 100, None, 0).len();
    let variants: [(Vec<u8>, i64); 4] = [
        ([whole.clone(), vec![0; 10_000]].concat(), 10),
        ([whole.clone(), vec![0xff; 61]].concat(), 10),
        ([whole.clone(), sample(2, 100, None, 0)].concat(), 10), // a batch, but with offset 0
        (
            {
                let mut flipped = whole.clone();
                let at = flipped.len() - size + HEADER_BYTES + 3;
                flipped[at] ^= 1;
                flipped
            },
            9,
        ),
    ];
    for (content, left) in variants {
        let copy = crashed(folder.path());
        std::fs::write(copy.path().join(file.file_name().unwrap()), &content).unwrap();
        assert_eq!(read_all(&open(copy.path()), 0), evens(left));
    }
}

#[test]
fn damaged_or_missing_indexes_are_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(folder.path());
    fill(&partition, 100);
    partition.close().unwrap();
    drop(partition);
    for extension in ["index", "timeindex"] {
        for (n, path) in segment_files(folder.path(), extension).into_iter().enumerate() {
            match n % 3 {
                0 => std::fs::write(&path, b"not an index at all").unwrap(),
                1 => std::fs::remove_file(&path).unwrap(),
                _ => {
                    let mut bytes = std::fs::read(&path).unwrap();
                    bytes[3] ^= 0x40;
                    std::fs::write(&path, bytes).unwrap();
                }
            }
        }
        let reopened = open(folder.path());
        assert_eq!(read_all(&reopened, 0), evens(100));
        assert_eq!(reopened.offset_for_timestamp(1050).unwrap(), Some((100, 1050)));
        reopened.close().unwrap();
    }
}

#[test]
fn retries_are_known_after_a_clean_end_and_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(folder.path());
    fill(&partition, 50);
    let last = sample(2, 100, Some((7, 0, 98)), 1049);
    let gap = sample(2, 100, Some((7, 0, 102)), 1049);
    let check = |partition: &Partition| {
        assert_eq!(
            partition.append(&last, 0).unwrap().base_offset,
            98,
            "a retry gets its first offset"
        );
        assert!(matches!(partition.append(&gap, 0), Err(AppendError::Sequence(_))));
        assert_eq!(partition.log_end(), 100);
    };
    check(&partition);
    let copy = crashed(folder.path());
    check(&open(copy.path()));
    std::fs::remove_file(copy.path().join("producers.json")).unwrap();
    check(&open(copy.path()));
    partition.close().unwrap();
    drop(partition);
    check(&open(folder.path()));
}

#[test]
fn retention_by_size_and_time_takes_whole_old_segments() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(folder.path());
    fill(&partition, 100);
    let before = partition.size();
    partition.configure(Arc::new(LogSettings {
        retention_bytes: 12_000,
        retention_ms: -1,
        ..(*settings(5000)).clone()
    }));
    partition.maintain(2000).unwrap();
    let after = partition.size();
    assert!((12_000..17_000).contains(&after) && after < before, "{after}");
    let start = partition.log_start();
    assert!(start > 0);
    assert!(matches!(
        partition.read(start - 1, 100, true),
        Err(ReadError::OutOfRange { .. })
    ));
    assert_eq!(read_all(&partition, start).len() as i64, (200 - start) / 2);

    let retention = LogSettings {
        retention_ms: 50,
        ..(*settings(5000)).clone()
    };
    partition.configure(Arc::new(retention));
    partition.maintain(1_000_000).unwrap();
    assert_eq!(
        (partition.log_start(), partition.log_end(), partition.size()),
        (200, 200, 0),
        "even the active one"
    );
    let next = sample(2, 100, Some((7, 0, 200)), 5);
    assert_eq!(partition.append(&next, 5).unwrap().base_offset, 200);
    drop(partition);
    let reopened = open(folder.path());
    assert_eq!((reopened.log_start(), reopened.log_end()), (200, 202));
}

#[test]
fn deleted_records_stay_deleted_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(folder.path());
    fill(&partition, 100);
    assert_eq!(partition.delete_records(77).unwrap(), 77);
    assert_eq!(partition.delete_records(50).unwrap(), 77, "never backwards");
    assert!(matches!(
        partition.delete_records(201),
        Err(ReadError::OutOfRange { .. })
    ));
    let copy = crashed(folder.path());
    let reopened = open(copy.path());
    assert_eq!((reopened.log_start(), reopened.log_end()), (77, 200));
    partition.maintain(1001).unwrap();
    assert!(partition.size() < 20_000, "files go");
    assert_eq!(partition.delete_records(-1).unwrap(), 200);
    partition.maintain(1001).unwrap();
    assert_eq!(
        (partition.size(), partition.log_start(), partition.log_end()),
        (0, 200, 200)
    );
    let copy = crashed(folder.path());
    assert_eq!(
        open(copy.path()).log_end(),
        200,
        "the end is known without any record"
    );
}

#[test]
fn a_segment_is_rolled_by_age() {
    let folder = tempfile::tempdir().unwrap();
    let young = LogSettings {
        segment_ms: 100,
        retention_ms: -1,
        ..LogSettings::default()
    };
    let partition = Partition::open(folder.path(), Arc::new(young), FsyncPolicy::System).unwrap();
    for (n, now) in [1000, 1050, 1101, 1150, 1300].into_iter().enumerate() {
        let batch = sample(1, 10, None, now);
        assert_eq!(partition.append(&batch, now).unwrap().base_offset, n as i64);
    }
    assert_eq!(segment_files(folder.path(), "log").len(), 3);
    partition.maintain(1500).unwrap();
    assert_eq!(
        segment_files(folder.path(), "log").len(),
        4,
        "also without a record"
    );
    assert_eq!(read_all(&partition, 0), [0, 1, 2, 3, 4]);
}

#[test]
fn a_read_holds_whole_batches_within_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let partition = Partition::open(folder.path(), settings(1 << 20), FsyncPolicy::System).unwrap();
    fill(&partition, 300);
    let size = sample(2, 100, None, 0).len();
    for (limit, batches) in [
        (0, 1),
        (1, 1),
        (size, 1),
        (2 * size - 1, 1),
        (2 * size, 2),
        (50 * size + 7, 50),
    ] {
        for offset in [0, 1, 2, 333, 400] {
            let range = partition.read(offset, limit as u64, true).unwrap().unwrap();
            assert_eq!(range.length, batches * size, "limit {limit} from {offset}");
        }
    }
    assert!(partition.read(0, size as u64 - 1, false).unwrap().is_none());
    assert!(partition.read(600, 1000, true).unwrap().is_none(), "the end");
    assert!(matches!(
        partition.read(601, 1000, true),
        Err(ReadError::OutOfRange { .. })
    ));
}

#[test]
fn every_fsync_policy_stores_alike() {
    for fsync in [
        FsyncPolicy::System,
        FsyncPolicy::Always,
        FsyncPolicy::Interval(std::time::Duration::from_millis(5)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let partition = Partition::open(folder.path(), settings(5000), fsync).unwrap();
        fill(&partition, 40);
        partition.flush().unwrap();
        partition.maintain(1).unwrap();
        assert_eq!(read_all(&partition, 0), evens(40));
    }
}

#[test]
fn writers_and_readers_and_maintenance_do_not_get_in_each_others_way() {
    let folder = tempfile::tempdir().unwrap();
    let small = LogSettings {
        segment_bytes: 20_000,
        retention_bytes: 100_000,
        ..LogSettings::default()
    };
    let partition = &Partition::open(folder.path(), Arc::new(small), FsyncPolicy::System).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for n in 0..1000 {
                    partition.append(&sample(2, 100, None, n), n).unwrap();
                }
            });
        }
        scope.spawn(|| {
            for n in 0..20 {
                partition.maintain(n).unwrap();
                std::thread::yield_now();
            }
        });
        scope.spawn(|| {
            let mut offset = 0;
            while offset < 4000 {
                match partition.read(offset, 5000, true) {
                    Ok(Some(range)) => {
                        let mut bytes = vec![0; range.length];
                        let file = range.segment.file();
                        std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, range.position).unwrap();
                        let header = BatchHeader::read(&bytes).unwrap();
                        assert!(header.base_offset <= offset && offset < header.next_offset());
                        offset = header.next_offset();
                    }
                    Ok(None) => std::thread::yield_now(),
                    Err(ReadError::OutOfRange { start, .. }) => offset = start,
                    Err(error) => panic!("{error}"),
                }
            }
        });
    });
    assert_eq!(partition.log_end(), 4000);
}

/// A batch of two records at these times.
fn at_times(first: i64, second: i64) -> Vec<u8> {
    let mut batch = sample(2, 10, None, first);
    // The second record's delta: behind the first record, a length and the attributes.
    let first_record = HEADER_BYTES;
    let length = usize::from(batch[first_record] >> 1);
    let delta = first_record + 1 + length + 2;
    assert_eq!(batch[delta], 0);
    batch[delta] = u8::try_from((second - first) << 1).unwrap();
    batch[35..43].copy_from_slice(&first.max(second).to_be_bytes());
    super::batch::tests::seal(&mut batch);
    batch
}

#[test]
fn a_late_record_before_the_start_of_the_log_does_not_hide_those_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(folder.path());
    partition.append(&at_times(500, 500), 0).unwrap();
    partition.append(&at_times(300, 310), 0).unwrap();
    partition.append(&at_times(320, 350), 0).unwrap();
    partition.append(&at_times(330, 340), 0).unwrap();
    assert_eq!(partition.latest_timestamp().unwrap(), Some((0, 500)));
    assert_eq!(partition.delete_records(2).unwrap(), 2);
    assert_eq!(partition.latest_timestamp().unwrap(), Some((5, 350)));
    assert_eq!(partition.offset_for_timestamp(305).unwrap(), Some((3, 310)));
    assert_eq!(partition.delete_records(6).unwrap(), 6);
    assert_eq!(partition.latest_timestamp().unwrap(), Some((7, 340)));
    // The batch of offset 3 holds a record late enough, but it is not to be read any more.
    assert_eq!(partition.offset_for_timestamp(335).unwrap(), Some((7, 340)));
    partition.delete_records(8).unwrap();
    assert_eq!(partition.latest_timestamp().unwrap(), None);
}

#[test]
fn a_header_that_promises_what_no_record_has_ends_no_search() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open(folder.path());
    let mut boastful = sample(1, 10, None, 100);
    boastful[35..43].copy_from_slice(&900_i64.to_be_bytes());
    super::batch::tests::seal(&mut boastful);
    partition.append(&boastful, 0).unwrap();
    partition.append(&sample(1, 10, None, 400), 0).unwrap();
    assert_eq!(partition.offset_for_timestamp(300).unwrap(), Some((1, 400)));
    partition.append(&at_times(410, 420), 0).unwrap();
    partition.delete_records(3).unwrap();
    assert_eq!(partition.offset_for_timestamp(405).unwrap(), Some((3, 420)));
}
