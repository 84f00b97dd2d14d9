//! Opening a sound log one of whose files was made to hold anything. Shared by the seeded tests and the fuzz targets.

use std::path::Path;
use std::sync::Arc;

use azulejo_broker::FsyncPolicy;
use azulejo_broker::log::partition::{LogSettings, Partition};
use azulejo_broker::topics::settings::TopicSettings;

/// Batches of the log, of two records each, in about three segments.
const BATCHES: i64 = 40;
/// Offset after the last of them.
const END: i64 = 2 * BATCHES;

fn open(folder: &Path) -> Partition {
    let settings = LogSettings {
        segment_bytes: 1500,
        retention_ms: -1,
        ..TopicSettings::default()
    };
    Partition::open(folder, Arc::new(settings), FsyncPolicy::System).expect("opened")
}

/// A batch of two records, without its offset.
fn batch() -> Vec<u8> {
    // Length, attributes, two deltas, no key, a value of two bytes, no headers.
    const RECORD: [u8; 9] = [16, 0, 0, 0, 1, 4, b'a', b'b', 0];
    let mut records = [RECORD, RECORD].concat();
    // The second one's offset delta is 1.
    records[RECORD.len() + 3] = 2;
    let mut batch = vec![0; 61];
    batch[8..12].copy_from_slice(&(49 + records.len() as i32).to_be_bytes());
    batch[16] = 2;
    batch[23..27].copy_from_slice(&1_i32.to_be_bytes());
    batch[27..43].copy_from_slice(&[1_000_i64.to_be_bytes(), 1_000_i64.to_be_bytes()].concat());
    batch[43..57].fill(0xff);
    batch[57..61].copy_from_slice(&2_i32.to_be_bytes());
    batch.extend_from_slice(&records);
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

fn files(folder: &Path, extension: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    files
}

/// What is there, with bytes changed as `bytes` say: two for the place, one for the value.
fn mutated(sound: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut content = sound.to_vec();
    for change in bytes.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([change[0], change[1]])) % content.len();
        content[place] = change[2];
    }
    content
}

/// Writes a sound log, closes it in order or not, and damages one of its files: `which` says all of that. Then opens it,
/// reads all of it, appends, and opens it again.
pub fn recover(which: u8, bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let partition = open(path);
    for _ in 0..BATCHES {
        partition.append(&batch(), 1000).expect("appended");
    }
    let closed = which & 0x80 != 0;
    if closed {
        partition.close().expect("closed");
    }
    drop(partition);
    let extension =
        ["log", "log", "log", "timeindex", "json", "json", "index", "index"][usize::from(which & 7)];
    let all = files(path, extension);
    let file = &all[usize::from(which >> 3 & 3) % all.len()];
    let is_log = extension == "log";
    let content = if which & 0x20 == 0 {
        mutated(&std::fs::read(file).expect("read"), bytes)
    } else {
        bytes.to_vec()
    };
    std::fs::write(file, content).expect("written");

    let mut end = None;
    for _ in 0..2 {
        let partition = open(path);
        let (start, log_end) = (partition.log_start(), partition.log_end());
        assert!(start <= log_end);
        // Only the log itself says where it ends, and a second recovery finds what the first left. What was closed in order
        // is not checked again, so damage there shows when it is read, or when it is checked after a kill.
        let is_checked = !(is_log && closed);
        let expected = end.or((!is_log).then_some(END));
        let fits = expected.is_none_or(|end| end == log_end);
        assert!(
            fits || !is_checked,
            "{log_end}, not {expected:?}, with {which:#04x}"
        );
        read_all(&partition, is_checked);
        let _ = partition.offset_for_timestamp(1000);
        let _ = partition.latest_timestamp();
        let appended = partition.append(&batch(), 1000).expect("appending goes on");
        let offset = appended.base_offset;
        assert_eq!(offset, log_end);
        end = Some(partition.log_end());
        if which & 0x40 != 0 {
            partition.close().expect("closed");
        }
    }
}

fn read_all(partition: &Partition, is_sound: bool) {
    let mut offset = partition.log_start();
    loop {
        let range = match partition.read(offset, 1, true) {
            Ok(Some(range)) => range,
            Ok(None) => break,
            Err(error) => {
                assert!(!is_sound, "{error}");
                return;
            }
        };
        let mut content = vec![0; range.length];
        let file = range.segment.file();
        std::os::unix::fs::FileExt::read_exact_at(file, &mut content, range.position).expect("there");
        let sum = u32::from_be_bytes([content[17], content[18], content[19], content[20]]);
        assert!(
            !is_sound || crc32c::crc32c(&content[21..]) == sum,
            "what is served is sound"
        );
        let whole = range.position + range.length as u64;
        let Ok(next) = range.segment.whole_batches(range.position, whole) else {
            assert!(!is_sound);
            return;
        };
        let next = next.map_or(partition.log_end(), |(_, next)| next);
        assert!(next > offset, "reading goes forward");
        offset = next;
    }
    assert!(!is_sound || offset == partition.log_end());
}
