//! Opening a log whose files hold anything. Shared by the seeded tests and the fuzz targets.

use std::os::unix::fs::FileExt;
use std::sync::Arc;

use azulejo_broker::FsyncPolicy;
use azulejo_broker::log::partition::Partition;
use azulejo_broker::topics::settings::TopicSettings;

/// Puts `bytes` where `which` says, opens the log, reads all of it, appends nothing, and opens it again.
pub fn recover(which: u8, bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let base = "00000000000000000000";
    let name = match which % 8 {
        5 => "checkpoint.json".to_owned(),
        6 => "producers.json".to_owned(),
        7 => format!("{base}.index"),
        4 => format!("{base}.timeindex"),
        _ => format!("{base}.log"),
    };
    std::fs::write(folder.path().join(name), bytes).expect("written");
    let mut ends = Vec::new();
    for _ in 0..2 {
        let settings = Arc::new(TopicSettings::default());
        let partition = Partition::open(folder.path(), settings, FsyncPolicy::System).expect("opened");
        ends.push((partition.log_start(), partition.log_end()));
        let mut offset = partition.log_start();
        let mut first = [0; 1];
        while let Some(range) = partition.read(offset, 1, true).expect("readable") {
            range
                .segment
                .file()
                .read_exact_at(&mut first, range.position)
                .expect("there");
            let next = range
                .segment
                .whole_batches(range.position, range.position + range.length as u64);
            let next = next
                .expect("readable")
                .map_or(partition.log_end(), |(_, next)| next);
            assert!(next > offset, "reading goes forward");
            offset = next;
        }
        let _ = partition.offset_for_timestamp(1000);
        let _ = partition.latest_timestamp();
        if which.is_multiple_of(2) {
            partition.close().expect("closed");
        }
    }
    assert_eq!(ends[0], ends[1], "a second recovery finds what the first left");
}
