use azulejo_protocol::Timestamp;

use super::*;

fn beat(worker: &str, instance: &str, partitions: &[i32]) -> Heartbeat {
    Heartbeat {
        worker_id: worker.to_owned(),
        instance: instance.to_owned(),
        status: WorkerState::Idle,
        tasks_processed: 0,
        current_task: None,
        timestamp: Timestamp::UNIX_EPOCH,
        uptime: 1.0,
        avg_processing_time: 0.0,
        tasks_per_minute: 0.0,
        slots: 2,
        busy: 0,
        tasks_failed: 0,
        partitions: partitions.to_vec(),
        memory_bytes: 0,
        interval: 5.0,
        host: String::new(),
        version: String::new(),
        versions: vec![1, 2],
        alone: None,
        trouble: None,
    }
}

const NONE: Time = Time::ZERO;

fn at(seconds: u64) -> Time {
    Time::from_secs(seconds)
}

#[test]
fn a_silent_worker_is_lost_then_forgotten_and_a_sign_of_life_brings_it_back() {
    let mut workers = Workers::default();
    assert_eq!(workers.hear(beat("a", "1", &[0, 1]), NONE, at(0)), []);
    assert_eq!(workers.count(at(14)), (1, 2));
    assert_eq!(workers.sweep(NONE, at(14)).0, []);
    assert_eq!(workers.count(at(16)), (0, 0));
    assert!(workers.holders(at(16)).is_empty());
    assert_eq!(workers.sweep(NONE, at(16)).0, [Fate::Died(1)]);
    assert_eq!(workers.sweep(NONE, at(17)).0, []);
    assert_eq!(
        workers.list(at(16), Timestamp::UNIX_EPOCH)[0].status,
        WorkerState::Lost
    );
    assert_eq!(
        workers.hear(beat("a", "1", &[0]), NONE, at(20)),
        [Fate::Returned(1)]
    );
    assert_eq!(workers.holders(at(20)).len(), 1);
    workers.sweep(NONE, at(321));
    assert!(workers.list(at(321), Timestamp::UNIX_EPOCH).is_empty());
}

#[test]
fn nobody_is_lost_while_the_cluster_is_away() {
    let mut workers = Workers::default();
    workers.hear(beat("a", "1", &[0]), NONE, at(0));
    assert_eq!(workers.sweep(at(100), at(110)).0, []);
    assert_eq!(workers.sweep(at(100), at(116)).0, [Fate::Died(1)]);
}

#[test]
fn a_worker_whose_heartbeats_come_unevenly_is_lost_later_and_is_shown_so() {
    let mut workers = Workers::default();
    let brisk = Heartbeat {
        interval: 1.0,
        ..beat("a", "1", &[0])
    };
    for second in [0, 1, 5, 6] {
        workers.sweep(NONE, at(second));
        workers.hear(brisk.clone(), NONE, at(second));
    }
    let shown = |workers: &Workers, now| workers.list(now, Timestamp::UNIX_EPOCH)[0].status;
    // Once it was three seconds late.
    assert_eq!(workers.sweep(NONE, at(13)).0, []);
    assert_eq!(shown(&workers, at(13)), WorkerState::Idle);
    assert_eq!(workers.holders(at(13)).len(), 1);
    assert_eq!(workers.sweep(NONE, at(14)).0, [Fate::Died(1)]);
    assert_eq!(shown(&workers, at(14)), WorkerState::Lost);
    assert!(workers.holders(at(14)).is_empty());
}

#[test]
fn neither_the_backlog_nor_an_interruption_makes_a_worker_s_heartbeats_uneven() {
    let mut workers = Workers::default();
    let brisk = Heartbeat {
        interval: 1.0,
        ..beat("a", "1", &[0])
    };
    for age in [50, 30, 10] {
        workers.hear(brisk.clone(), at(age), at(60));
    }
    workers.hear(brisk.clone(), NONE, at(60));
    workers.interrupted();
    workers.hear(brisk, NONE, at(80));
    assert_eq!(workers.sweep(NONE, at(83)).0, []);
    assert_eq!(workers.sweep(NONE, at(84)).0, [Fate::Died(1)]);
}

#[test]
fn a_partition_is_an_orphan_when_nobody_claims_it_but_the_dead() {
    let mut workers = Workers::default();
    workers.hear(beat("a", "1", &[0, 1, 2]), NONE, at(0));
    workers.hear(beat("b", "1", &[1]), NONE, at(1));
    assert!(workers.orphans().is_empty());
    workers.hear(beat("a", "2", &[]), NONE, at(2));
    assert_eq!(workers.orphans(), BTreeMap::from([(0, 1), (2, 1)]));
    workers.hear(beat("c", "1", &[2]), NONE, at(3));
    assert_eq!(workers.orphans(), BTreeMap::from([(0, 1)]));
    // It comes back, and is lost with what it holds by then.
    workers.hear(beat("a", "1", &[0]), NONE, at(4));
    assert!(workers.orphans().is_empty());
}

#[test]
fn a_worker_that_said_goodbye_goes_within_seconds_and_did_not_die() {
    let mut workers = Workers::default();
    workers.hear(beat("a", "1", &[0]), NONE, at(0));
    let goodbye = Heartbeat {
        status: WorkerState::Stopped,
        ..beat("a", "1", &[])
    };
    workers.hear(goodbye, NONE, at(0));
    assert_eq!(workers.count(at(0)), (0, 0));
    assert_eq!(workers.sweep(NONE, at(11)), (vec![], true));
}

#[test]
fn a_new_instance_is_the_death_of_the_earlier_one() {
    let mut workers = Workers::default();
    workers.hear(beat("a", "1", &[0]), NONE, at(0));
    assert_eq!(workers.hear(beat("a", "2", &[0]), NONE, at(1)), [Fate::Died(1)]);
    assert_eq!(workers.list(at(1), Timestamp::UNIX_EPOCH).len(), 1);
    assert_eq!(workers.owners(at(1))[&0], (at(1), 2));
    // Without an instance, a process that is younger than it was is a new one.
    workers.hear(
        Heartbeat {
            uptime: 50.0,
            ..beat("b", "", &[1])
        },
        NONE,
        at(2),
    );
    let young = Heartbeat {
        uptime: 1.0,
        ..beat("b", "", &[1])
    };
    assert_eq!(workers.hear(young, NONE, at(3)), [Fate::Died(3)]);
}

#[test]
fn two_processes_with_one_id_are_told_apart_and_said() {
    let mut workers = Workers::default();
    workers.hear(beat("a", "one", &[0]), NONE, at(0));
    workers.hear(beat("a", "two", &[1]), NONE, at(1));
    assert_eq!(
        workers.hear(beat("a", "one", &[0]), NONE, at(2)),
        [Fate::Returned(1)]
    );
    workers.hear(beat("a", "two", &[1]), NONE, at(3));
    assert_eq!(workers.holders(at(3)).len(), 2);
    let list = workers.list(at(3), Timestamp::UNIX_EPOCH);
    assert_eq!(list.len(), 2);
    assert_ne!(list[0].worker_id, list[1].worker_id);
    for info in list {
        assert!(info.note.is_some_and(|note| note.contains("WORKER_ID")));
    }
}

#[test]
fn a_partition_claimed_twice_belongs_to_the_later_claim() {
    let mut workers = Workers::default();
    workers.hear(beat("a", "1", &[0, 1]), NONE, at(0));
    workers.hear(beat("b", "1", &[1]), NONE, at(2));
    workers.hear(beat("a", "1", &[0, 1]), NONE, at(3));
    let holders = workers.holders(at(3));
    assert_eq!(holders[0].partitions, [0]);
    assert_eq!(holders[1].partitions, [1]);
}

#[test]
fn a_worker_that_cannot_read_our_records_gets_no_tiles_and_is_named() {
    let mut workers = Workers::default();
    let old = Heartbeat {
        versions: vec![],
        ..beat("old", "", &[0, 1])
    };
    workers.hear(old, NONE, at(0));
    assert!(workers.holders(at(0)).is_empty());
    assert_eq!(workers.count(at(0)), (0, 0));
    let problems = workers.problems(at(0));
    assert!(
        problems[0].0.contains("old") && problems[0].1.contains("too old"),
        "{problems:?}"
    );
}

#[test]
fn the_history_has_one_rate_a_heartbeat() {
    let mut workers = Workers::default();
    for step in 0..100u64 {
        let beat = Heartbeat {
            tasks_processed: step * 10,
            uptime: step as f64,
            ..beat("a", "1", &[])
        };
        workers.hear(beat, NONE, at(step * 5));
    }
    let list = workers.list(at(500), Timestamp::UNIX_EPOCH);
    assert_eq!(list[0].rate_history.len(), HISTORY);
    assert!(list[0].rate_history.iter().all(|rate| (*rate - 2.0).abs() < 0.01));
}

#[test]
fn what_a_lost_worker_answered_after_its_last_heartbeat_is_not_forgotten() {
    let mut workers = Workers::default();
    let busy = Heartbeat {
        status: WorkerState::Busy,
        ..beat("a", "1", &[0])
    };
    workers.hear(busy, NONE, at(0));
    for _ in 0..3 {
        workers.answered("a", 500_000);
    }
    let shown = |workers: &Workers, now| {
        let info = workers.list(now, Timestamp::UNIX_EPOCH).remove(0);
        (info.status, info.tasks_processed, info.avg_processing_time)
    };
    assert_eq!(shown(&workers, at(16)), (WorkerState::Lost, 3, 0.5));
    // What it says itself counts as long as it says it: another server may have given it tiles, too.
    let more = Heartbeat {
        tasks_processed: 9,
        avg_processing_time: 0.25,
        ..beat("a", "1", &[0])
    };
    workers.hear(more, NONE, at(17));
    assert_eq!(shown(&workers, at(18)), (WorkerState::Idle, 9, 0.25));
    // It was twelve seconds late once.
    assert_eq!(shown(&workers, at(47)), (WorkerState::Lost, 9, 0.25));
    // A new process of that id has done nothing yet.
    workers.hear(beat("a", "2", &[0]), NONE, at(48));
    assert_eq!(shown(&workers, at(80)), (WorkerState::Lost, 0, 0.0));
}
