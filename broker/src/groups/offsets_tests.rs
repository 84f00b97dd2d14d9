//! Committed offsets: what survives, what expires, what a disk that fails costs.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use super::offsets::{Committed, Offsets, locked};
use crate::files::Operation;
use crate::files::faults::{BROKEN, FULL, Faults};
use crate::fsync::FsyncPolicy;

fn at(offset: i64) -> Committed {
    Committed {
        offset,
        leader_epoch: -1,
        metadata: String::new(),
    }
}

fn one(topic: &str, offset: i64) -> Vec<(String, i32, Committed)> {
    vec![(topic.to_owned(), 0, at(offset))]
}

fn open(folder: &Path) -> Offsets {
    Offsets::open(folder, FsyncPolicy::System, 0).unwrap()
}

#[test]
fn positions_survive_and_the_journal_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let offsets = open(folder.path());
    for n in 0..50_000 {
        let position = vec![("t".to_owned(), (n % 3) as i32, at(n))];
        offsets.commit("g", position, 1).unwrap();
    }
    offsets.commit("h", one("u", 5), 1).unwrap();
    offsets.commit("gone", one("u", 5), 1).unwrap();
    offsets.delete_group("gone").unwrap();
    let journal = folder.path().join("offsets.journal");
    let size = std::fs::metadata(journal).unwrap().len();
    assert!(size < 4_000_000, "{size} bytes");
    drop(offsets);

    let offsets = open(folder.path());
    assert_eq!(offsets.get("g", "t", 1), Some(at(49_999)));
    assert_eq!(offsets.all("h").len(), 1);
    assert!(!offsets.has_group("gone"));
    offsets.delete_topic("t");
    assert_eq!(offsets.groups(), ["h"]);
}

#[test]
fn a_commit_is_kept_even_if_the_journal_cannot_be_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let offsets = open(folder.path());
    let disk = Faults::below(folder.path());
    disk.fail(".new", Operation::Create, FULL);
    for n in 0..20_100 {
        offsets.commit("g", one("t", n), 1).unwrap();
    }
    let writer = locked(&offsets.writer);
    assert!(writer.rewrite_at > 40_000, "not tried again at every commit");
    drop(writer);
    assert_eq!(open(folder.path()).get("g", "t", 0), Some(at(20_099)));
}

#[test]
fn a_commit_of_many_partitions_is_kept_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let offsets = open(folder.path());
    let many = |offset| (0..500).map(|p| ("t".to_owned(), p, at(offset))).collect();
    offsets.commit("g", many(1), 1).unwrap();
    let journal = folder.path().join("offsets.journal");
    let before = std::fs::metadata(&journal).unwrap().len();
    offsets.commit("g", many(2), 1).unwrap();
    drop(offsets);
    let whole = std::fs::read(&journal).unwrap();
    for length in [before as usize + 1, before as usize + 9_000, whole.len() - 1] {
        std::fs::write(&journal, &whole[..length]).unwrap();
        let positions = open(folder.path()).all("g");
        assert!(
            positions.values().all(|position| position.offset == 1),
            "{length}"
        );
    }
}

#[test]
fn positions_in_a_topic_that_is_gone_do_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let offsets = open(folder.path());
    offsets.commit("g", one("gone", 7), 1).unwrap();
    offsets.commit("g", one("here", 8), 1).unwrap();
    drop(offsets);
    // The broker ended after the topic had gone, before its positions had.
    let offsets = open(folder.path());
    offsets.forget_topics_unless(|topic| topic == "here");
    assert_eq!(offsets.get("g", "gone", 0), None);
    drop(offsets);
    assert_eq!(open(folder.path()).all("g").len(), 1);
}

#[test]
fn a_full_disk_does_not_bring_positions_of_a_deleted_topic_back() {
    let folder = tempfile::tempdir().unwrap();
    let offsets = open(folder.path());
    offsets.commit("g", one("t", 7), 1).unwrap();
    let disk = Faults::below(folder.path());
    disk.fail("offsets.journal", Operation::Write, FULL);
    offsets.delete_topic("t");
    assert_eq!(offsets.get("g", "t", 0), None);
    assert!(offsets.commit("g", one("u", 1), 1).is_err());
    disk.repair();
    offsets.commit("g", one("u", 1), 1).unwrap();
    let reopened = open(folder.path());
    assert_eq!(
        (reopened.get("g", "t", 0), reopened.get("g", "u", 0)),
        (None, Some(at(1)))
    );
}

#[test]
fn after_a_failed_flush_the_journal_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let offsets = Offsets::open(folder.path(), FsyncPolicy::Always, 0).unwrap();
    let disk = Faults::below(folder.path());
    offsets.commit("g", one("t", 1), 1).unwrap();
    disk.fail("offsets.journal", Operation::Sync, BROKEN);
    assert!(offsets.commit("g", one("t", 2), 1).is_err());
    assert!(offsets.sync().is_err(), "trying again would write nothing");
    disk.repair();
    let journal = std::fs::metadata(folder.path().join("offsets.journal")).unwrap();
    offsets.commit("g", one("t", 3), 1).unwrap();
    let again = std::fs::metadata(folder.path().join("offsets.journal")).unwrap();
    use std::os::unix::fs::MetadataExt as _;
    assert_ne!(journal.ino(), again.ino(), "another file");
    assert_eq!(open(folder.path()).get("g", "t", 0), Some(at(3)));
}

#[test]
fn groups_that_are_not_used_expire_and_those_with_members_do_not() {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let week = Duration::from_millis(7 * DAY as u64);
    let folder = tempfile::tempdir().unwrap();
    let offsets = open(folder.path());
    for group in ["old", "member", "young"] {
        let at = if group == "young" { 5 * DAY } else { 1 };
        offsets.commit(group, one("t", 1), at).unwrap();
    }
    let members = HashSet::from(["member".to_owned()]);
    offsets.expire(&members, week, 6 * DAY).unwrap();
    assert_eq!(offsets.len(), 3);
    offsets.expire(&members, week, 8 * DAY).unwrap();
    assert_eq!((offsets.len(), offsets.has_group("old")), (2, false));
    offsets.expire(&HashSet::new(), week, 14 * DAY).unwrap();
    assert_eq!(offsets.groups(), ["member"], "used until the eighth day");
    drop(offsets);
    let offsets = Offsets::open(folder.path(), FsyncPolicy::System, 30 * DAY).unwrap();
    offsets.expire(&HashSet::new(), week, 30 * DAY + 1000).unwrap();
    assert!(
        offsets.has_group("member"),
        "after a start its members have time to come back"
    );
}

#[test]
fn asking_for_positions_does_not_wait_for_a_commit_that_waits_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let offsets = open(folder.path());
    offsets.commit("g", one("t", 7), 1).unwrap();
    let _committing = locked(&offsets.writer);
    let _flushing = locked(&offsets.synced);
    assert!(offsets.has_group("g") && !offsets.has_group("h"));
    assert_eq!(offsets.get("g", "t", 0), Some(at(7)));
    assert_eq!(
        (offsets.len(), offsets.groups().len(), offsets.all("g").len()),
        (1, 1, 1)
    );
}

#[test]
fn an_idle_group_that_is_alive_outlasts_a_restart_and_its_time_counts_from_when_it_was_left() {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let week = Duration::from_millis(7 * DAY as u64);
    let folder = tempfile::tempdir().unwrap();
    let at_day = |day: i64| Offsets::open(folder.path(), FsyncPolicy::System, day * DAY).unwrap();
    let nobody = HashSet::new();
    let members = HashSet::from(["g".to_owned()]);

    // It commits once and has members for ten days; then the broker is killed, and they do not come back.
    let offsets = at_day(0);
    offsets.commit("g", one("t", 7), 1).unwrap();
    offsets.expire(&members, week, 2).unwrap();
    let journal = std::fs::metadata(folder.path().join("offsets.journal"))
        .unwrap()
        .len();
    for day in 1..=10 {
        offsets.expire(&members, week, day * DAY).unwrap();
    }
    let after = std::fs::metadata(folder.path().join("offsets.journal"))
        .unwrap()
        .len();
    assert_eq!(
        after, journal,
        "that it is still used is not written again and again"
    );
    drop(offsets);
    let offsets = at_day(10);
    offsets
        .expire(&nobody, week, 10 * DAY + 2 * 60 * 60 * 1000)
        .unwrap();
    assert_eq!(
        offsets.get("g", "t", 0),
        Some(at(7)),
        "used until the broker ended"
    );
    drop(offsets);

    // The next start knows that nobody has come since.
    let offsets = at_day(16);
    offsets.expire(&nobody, week, 16 * DAY + DAY / 2).unwrap();
    assert!(offsets.has_group("g"));
    offsets.expire(&nobody, week, 17 * DAY + DAY / 2).unwrap();
    assert!(!offsets.has_group("g"), "a week after the members went");
}

#[test]
fn a_journal_that_is_written_anew_still_knows_who_has_members() {
    let folder = tempfile::tempdir().unwrap();
    let offsets = open(folder.path());
    offsets.commit("g", one("t", 7), 1).unwrap();
    offsets
        .expire(&HashSet::from(["g".to_owned()]), Duration::from_secs(1), 2)
        .unwrap();
    for n in 0..20_100 {
        offsets.commit("h", one("t", n), 1).unwrap();
    }
    drop(offsets);
    let offsets = Offsets::open(folder.path(), FsyncPolicy::System, 50_000).unwrap();
    offsets
        .expire(&HashSet::new(), Duration::from_secs(1), 50_900)
        .unwrap();
    offsets
        .expire(&HashSet::new(), Duration::from_secs(1), 51_000)
        .unwrap();
    assert!(offsets.has_group("g") && !offsets.has_group("h"));
}

#[test]
fn positions_that_are_given_up_do_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let offsets = open(folder.path());
    for topic in ["t", "u"] {
        offsets.commit("g", one(topic, 7), 1).unwrap();
    }
    offsets
        .delete_positions("g", vec![("t".to_owned(), 0), ("t".to_owned(), 5)])
        .unwrap();
    assert_eq!(open(folder.path()).all("g").len(), 1);
    offsets.delete_positions("g", vec![("u".to_owned(), 0)]).unwrap();
    assert!(!offsets.has_group("g") && !open(folder.path()).has_group("g"));
}
