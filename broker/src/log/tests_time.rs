//! Time: whose timestamps are stored, what is found by them, what a wrong one costs.

use std::sync::Arc;

use super::batch::tests::{sample, seal};
use super::batch::{BatchHeader, CRC_START};
use super::partition::{AppendError, LogSettings, Partition};
use super::settings::TimestampType;
use super::tests::settings;
use crate::files::Operation;
use crate::files::faults::Faults;
use crate::fsync::FsyncPolicy;

const HOUR: i64 = 60 * 60 * 1000;

fn open_with(folder: &std::path::Path, change: impl FnOnce(&mut LogSettings)) -> Partition {
    let mut settings = (*settings(5000)).clone();
    change(&mut settings);
    Partition::open(folder, Arc::new(settings), FsyncPolicy::System).unwrap()
}

fn append_time(settings: &mut LogSettings) {
    settings.timestamp_type = TimestampType::LogAppendTime;
}

/// What is stored at `offset`, header and all.
fn stored(partition: &Partition, offset: i64) -> Vec<u8> {
    let range = partition.read(offset, 1, true).unwrap().unwrap();
    let mut bytes = vec![0; range.length];
    std::os::unix::fs::FileExt::read_exact_at(range.segment.file(), &mut bytes, range.position).unwrap();
    bytes
}

/// A batch of two records whose header says it is compressed.
fn compressed(base: i64, max: i64) -> Vec<u8> {
    let mut batch = sample(2, 10, None, base);
    batch[22] = 4;
    batch[35..43].copy_from_slice(&max.to_be_bytes());
    seal(&mut batch);
    batch
}

#[test]
fn the_brokers_time_is_stored_answered_and_found_also_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open_with(folder.path(), append_time);
    // What the producer says of the time is of no account, be it ever so far away.
    let first = sample(3, 10, Some((7, 0, 0)), i64::MAX);
    let appended = partition.append(&first, 1000).unwrap();
    assert_eq!((appended.base_offset, appended.append_time), (0, Some(1000)));
    let mut packed = compressed(5, 9);
    packed[57..61].copy_from_slice(&2_i32.to_be_bytes());
    seal(&mut packed);
    assert_eq!(partition.append(&packed, 2000).unwrap().append_time, Some(2000));

    let retry = partition.append(&first, 3000).unwrap();
    assert_eq!(
        (retry.base_offset, retry.append_time),
        (0, Some(1000)),
        "of the first try"
    );

    let check = |partition: &Partition| {
        let bytes = stored(partition, 0);
        let header = BatchHeader::read(&bytes).unwrap();
        assert!(header.has_append_time() && header.max_timestamp == 1000);
        assert_eq!(header.crc, crc32c::crc32c(&bytes[CRC_START..]));
        assert_eq!(partition.offset_for_timestamp(0).unwrap(), Some((0, 1000)));
        assert_eq!(partition.offset_for_timestamp(1001).unwrap(), Some((3, 2000)));
        assert_eq!(partition.offset_for_timestamp(2001).unwrap(), None);
        assert_eq!(partition.latest_timestamp().unwrap(), Some((3, 2000)));
    };
    check(&partition);
    let copy = super::tests::crashed(folder.path());
    check(&open_with(copy.path(), append_time));
    partition.delete_records(2).unwrap();
    assert_eq!(partition.offset_for_timestamp(0).unwrap(), Some((2, 1000)));
    partition.delete_records(4).unwrap();
    assert_eq!(partition.offset_for_timestamp(0).unwrap(), Some((4, 2000)));
}

#[test]
fn a_batch_from_the_future_is_refused_and_one_that_is_there_does_not_hold_up_retention() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open_with(folder.path(), |_| ());
    let future = sample(1, 3000, None, 1000 + HOUR + 1);
    let refused = partition.append(&future, 1000);
    assert!(matches!(refused, Err(AppendError::Timestamp(_))), "{refused:?}");
    assert_eq!(partition.log_end(), 0);

    // As an older broker has stored it, or a topic allows.
    partition.configure(Arc::new(LogSettings {
        timestamp_after_max_ms: i64::MAX,
        retention_ms: HOUR,
        ..(*settings(5000)).clone()
    }));
    let today = crate::clock::now_ms();
    let far = sample(1, 3000, None, today + 1000 * 24 * HOUR);
    partition.append(&far, today).unwrap();
    partition.append(&sample(1, 3000, None, today), today).unwrap();
    partition.maintain(today + HOUR / 2).unwrap();
    assert_eq!(partition.log_start(), 0, "it is young");
    partition.maintain(today + 2 * HOUR).unwrap();
    assert_eq!((partition.log_start(), partition.log_end()), (2, 2));
}

#[test]
fn no_timestamp_is_answered_that_no_record_has() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open_with(folder.path(), |_| ());
    partition.append(&compressed(100, 300), 0).unwrap();
    partition.append(&sample(2, 10, None, 400), 0).unwrap();
    assert_eq!(
        partition.offset_for_timestamp(50).unwrap(),
        Some((0, 100)),
        "the first record's"
    );
    assert_eq!(
        partition.offset_for_timestamp(200).unwrap(),
        Some((0, 300)),
        "the latest of the batch"
    );
    assert_eq!(partition.offset_for_timestamp(301).unwrap(), Some((2, 400)));
    partition.delete_records(1).unwrap();
    assert_eq!(
        partition.offset_for_timestamp(50).unwrap(),
        Some((1, 300)),
        "the first is not there"
    );
}

#[test]
fn a_topic_without_delete_among_its_policies_keeps_everything_but_what_is_deleted_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open_with(folder.path(), |settings| {
        settings.delete = false;
        settings.retention_ms = 1;
        settings.retention_bytes = 1;
    });
    super::tests::fill(&partition, 100);
    partition.maintain(1_000_000).unwrap();
    assert_eq!(partition.log_start(), 0);
    partition.delete_records(200).unwrap();
    partition.maintain(1_000_000).unwrap();
    assert_eq!((partition.log_start(), partition.size()), (200, 0));
}

#[test]
fn a_topic_that_is_to_be_compacted_takes_no_records_without_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open_with(folder.path(), |settings| settings.compact = true);
    let keyless = sample(1, 10, None, 0);
    assert!(matches!(partition.append(&keyless, 0), Err(AppendError::Keyless)));
    let mut keyed = keyless;
    let key = keyed.len() - 13; // In front of the value and the count of headers: length 0 in place of -1.
    assert_eq!(keyed[key], 1);
    keyed[key] = 0;
    seal(&mut keyed);
    partition.append(&keyed, 0).unwrap();
}

#[test]
fn a_topics_own_flush_settings_reach_the_disk_whatever_the_broker_does() {
    let folder = tempfile::tempdir().unwrap();
    let partition = open_with(folder.path(), |settings| settings.flush_messages = 4);
    let disk = Faults::below(folder.path());
    let log = folder.path().join("00000000000000000000.log");
    let flushed = || disk.count(&log, Operation::Sync);
    partition.append(&sample(2, 10, None, 0), 0).unwrap();
    assert_eq!(flushed(), 0);
    partition.append(&sample(2, 10, None, 0), 0).unwrap();
    assert_eq!(flushed(), 1, "four records");
    assert!(
        disk.count(folder.path(), Operation::SyncFolder) > 0,
        "their file has a name"
    );
    partition.append(&sample(2, 10, None, 0), 0).unwrap();
    assert_eq!(flushed(), 1);

    partition.configure(Arc::new(LogSettings {
        flush_ms: 1000,
        retention_ms: -1,
        ..(*settings(5000)).clone()
    }));
    partition.maintain(5000).unwrap();
    assert_eq!(flushed(), 2);
    partition.append(&sample(2, 10, None, 0), 0).unwrap();
    partition.maintain(5999).unwrap();
    assert_eq!(flushed(), 2);
    partition.maintain(6000).unwrap();
    assert_eq!(flushed(), 3);
}
