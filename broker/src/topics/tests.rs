//! Topics that go and come back under the same name, and disks that fail meanwhile.

use std::path::Path;
use std::sync::Arc;

use super::settings::TopicSettings;
use super::{Registry, TopicError};
use crate::files::Operation;
use crate::files::faults::{FULL, Faults};
use crate::fsync::FsyncPolicy;
use crate::log::batch::tests::sample;
use crate::log::partition::{Partition, ReadError};

fn registry(folder: &Path, fsync: FsyncPolicy) -> Registry {
    let defaults = TopicSettings {
        segment_bytes: 5000,
        retention_ms: -1,
        ..TopicSettings::default()
    };
    Registry::open(folder, defaults, fsync).unwrap()
}

fn made(registry: &Registry, name: &str) -> Arc<Partition> {
    let topic = registry.create(name, 1, Default::default()).unwrap();
    topic.partition(0).unwrap()
}

fn fill(partition: &Partition) {
    for n in 0..100 {
        partition.append(&sample(1, 200, None, n), n).unwrap();
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn whoever_still_holds_a_deleted_topic_leaves_the_next_of_its_name_alone() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path(), FsyncPolicy::System);
    let old = made(&registry, "t");
    fill(&old);
    registry.delete("t").unwrap();
    let new = made(&registry, "t");
    fill(&new);
    let files = folder.path().join("topics/t/0");
    let checkpoint = std::fs::read_to_string(files.join("checkpoint.json")).unwrap();
    let there = names(&files);

    assert!(matches!(old.delete_records(90), Err(ReadError::Deleted)));
    let everything_goes = TopicSettings {
        retention_bytes: 0,
        ..TopicSettings::default()
    };
    old.configure(Arc::new(everything_goes));
    old.maintain(1000).unwrap();
    old.close().unwrap();
    assert!(old.append(&sample(1, 200, None, 0), 0).is_err());
    assert_eq!(names(&files), there);
    assert_eq!(
        std::fs::read_to_string(files.join("checkpoint.json")).unwrap(),
        checkpoint
    );
    assert_eq!((new.log_start(), new.log_end()), (0, 100));
}

#[test]
fn deleting_and_making_a_topic_again_while_it_is_maintained_costs_the_new_one_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let registry = &registry(folder.path(), FsyncPolicy::System);
    for _ in 0..30 {
        let old = made(registry, "t");
        fill(&old);
        let new = std::thread::scope(|scope| {
            let maintaining = scope.spawn(|| {
                let _ = old.delete_records(90);
                for now in 0..5 {
                    // What it cannot do any more is its own affair.
                    let _ = old.maintain(now);
                }
            });
            registry.delete("t").unwrap();
            let new = made(registry, "t");
            fill(&new);
            maintaining.join().unwrap();
            new
        });
        drop(old);
        assert_eq!((new.log_start(), new.log_end()), (0, 100));
        let reopened = Partition::open(
            &folder.path().join("topics/t/0"),
            new.settings(),
            FsyncPolicy::System,
        );
        assert_eq!(reopened.unwrap().log_start(), 0);
        registry.delete("t").unwrap();
    }
}

#[test]
fn a_topic_that_a_full_disk_does_not_take_leaves_nothing_and_can_be_made_later() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path(), FsyncPolicy::System);
    let disk = Faults::below(folder.path());
    disk.fail(".index", Operation::Create, FULL);
    let refused = registry.create("t", 3, Default::default());
    assert!(matches!(refused, Err(TopicError::Storage(_))));
    assert!(names(&folder.path().join("topics")).is_empty());
    disk.repair();
    fill(&made(&registry, "t"));
}

#[test]
fn the_names_of_a_topic_are_on_disk_before_it_is_there_if_power_failures_count() {
    for (fsync, expected) in [(FsyncPolicy::Always, true), (FsyncPolicy::System, false)] {
        let folder = tempfile::tempdir().unwrap();
        let registry = registry(folder.path(), fsync);
        let disk = Faults::below(folder.path());
        made(&registry, "t");
        for name in ["topics", "topics/t", "topics/t/0"] {
            let synced = disk.count(&folder.path().join(name), Operation::SyncFolder) > 0;
            assert_eq!(synced, expected, "{name} with {fsync:?}");
        }
        let before = disk.count(&folder.path().join("topics"), Operation::SyncFolder);
        registry.delete("t").unwrap();
        let after = disk.count(&folder.path().join("topics"), Operation::SyncFolder);
        assert_eq!(after > before, expected, "the deletion");
    }
}
