use azulejo_protocol::Heartbeat;

use super::*;
use crate::engine::testing;
use crate::engine::workers::tests::beat;

const SECOND: Duration = Duration::from_secs(1);

fn core(workers: &[Heartbeat], now: Instant) -> Core {
    let mut core = Core {
        open: true,
        connected: true,
        verified: true,
        ..Core::default()
    };
    for worker in workers {
        assert!(core.workers.hear(worker.clone(), Duration::ZERO, now));
    }
    core.refresh_holders(now);
    core
}

fn add(core: &mut Core, tiles: u32) -> JobId {
    let job = testing::job(tiles);
    let id = job.run.spec.id();
    core.add(job);
    core.activate();
    id
}

fn all(core: &mut Core, now: Instant) -> Vec<Grant> {
    std::iter::from_fn(|| core.next_grant(now)).collect()
}

fn finish(core: &mut Core, grant: &Grant, now: Instant) {
    let id = grant.run.spec.id();
    core.settle(&grant.run, grant.tile);
    if let Some(job) = core.job_mut(id) {
        job.stored(grant.tile, "w", 1000, now);
    }
}

#[test]
fn the_window_is_two_slots_and_two_for_each_live_worker() {
    let now = Instant::now();
    let mut core = core(&[beat("a", 2, &[0, 1]), beat("b", 4, &[2, 3])], now);
    add(&mut core, 100);
    let grants = all(&mut core, now);
    assert_eq!(grants.len(), 6 + 10);
    let to_a = grants.iter().filter(|grant| grant.partition < 2).count();
    assert_eq!(to_a, 6);
    finish(&mut core, &grants[0], now);
    assert_eq!(all(&mut core, now).len(), 1);
}

#[test]
fn tiles_spread_over_a_worker_s_partitions() {
    let now = Instant::now();
    let mut core = core(&[beat("a", 5, &[0, 1, 2])], now);
    add(&mut core, 100);
    let grants = all(&mut core, now);
    for partition in 0..3 {
        assert_eq!(
            grants.iter().filter(|grant| grant.partition == partition).count(),
            4
        );
    }
}

#[test]
fn jobs_take_turns() {
    let now = Instant::now();
    let mut core = core(&[beat("a", 4, &[0])], now);
    let (large, small) = (add(&mut core, 1000), add(&mut core, 3));
    let order: Vec<JobId> = all(&mut core, now)
        .iter()
        .map(|grant| grant.run.spec.id())
        .collect();
    assert_eq!(order[..6], [large, small, large, small, large, small]);
    assert!(order[6..].iter().all(|id| *id == large));
}

#[test]
fn without_a_live_worker_or_partition_tiles_wait() {
    let now = Instant::now();
    let mut core = core(&[beat("a", 2, &[])], now);
    add(&mut core, 4);
    assert!(all(&mut core, now).is_empty());
    core.workers.hear(beat("a", 2, &[5]), Duration::ZERO, now);
    core.refresh_holders(now);
    assert_eq!(core.next_grant(now).map(|grant| grant.partition), Some(5));
    core.refresh_holders(now + 60 * SECOND);
    assert!(all(&mut core, now + 60 * SECOND).is_empty());
}

#[test]
fn nothing_is_sent_before_old_results_are_read_or_while_the_broker_is_away() {
    let now = Instant::now();
    let mut core = core(&[beat("a", 2, &[0])], now);
    add(&mut core, 4);
    core.open = false;
    assert!(core.next_grant(now).is_none());
    (core.open, core.connected) = (true, false);
    assert!(core.next_grant(now).is_none());
}

#[test]
fn a_tile_waits_until_its_input_is_decoded() {
    let now = Instant::now();
    let mut core = core(&[beat("a", 50, &[0])], now);
    let run = Arc::new(Run::new(
        testing::plan(std::path::Path::new("/nowhere"), 2, 3),
        None,
    ));
    core.add(LiveJob::new(run.clone(), &[]));
    core.activate();
    assert!(all(&mut core, now).is_empty());
    // Sharpening needs one row below the tile.
    core.job_of(&run).unwrap().decoded_rows = 16;
    assert!(all(&mut core, now).is_empty());
    core.job_of(&run).unwrap().decoded_rows = 17;
    assert_eq!(all(&mut core, now).len(), 2);
    core.job_of(&run).unwrap().decoded_rows = 48;
    assert_eq!(all(&mut core, now).len(), 4);
}

#[test]
fn an_overdue_tile_is_sent_again_later_and_later_and_is_no_failure() {
    let start = Instant::now();
    let mut core = core(&[beat("a", 1, &[0])], start);
    let id = add(&mut core, 1);
    let mut now = start;
    for (attempt, wait) in [(1, 10), (2, 20), (3, 40)] {
        core.workers.hear(beat("a", 1, &[0]), Duration::ZERO, now);
        core.refresh_holders(now);
        let grant = core.next_grant(now).expect("a tile");
        assert_eq!(grant.attempt, attempt);
        // Before the broker has it, it cannot be overdue.
        assert_eq!(core.requeue_overdue(10 * SECOND, now + 1000 * SECOND).len(), 0);
        core.acknowledged(id, 0, grant.ticket, now);
        now += wait * SECOND;
        core.workers.hear(beat("a", 1, &[0]), Duration::ZERO, now);
        assert_eq!(core.requeue_overdue(10 * SECOND, now).len(), 0);
        now += SECOND;
        assert_eq!(core.requeue_overdue(10 * SECOND, now).len(), 1);
        // Workers get a moment to hear that the job goes on.
        assert!(core.next_grant(now).is_none());
        now += SECOND;
        assert_eq!(core.job(id).unwrap().cell(0).unwrap().failures, 0);
    }
    assert_eq!(core.lag(now).0, 0);
}

#[test]
fn time_without_a_live_holder_does_not_count_as_overdue() {
    let start = Instant::now();
    let mut core = core(&[beat("a", 1, &[0])], start);
    let id = add(&mut core, 1);
    let grant = core.next_grant(start).unwrap();
    core.acknowledged(id, 0, grant.ticket, start);
    let later = start + 100 * SECOND;
    assert_eq!(core.requeue_overdue(10 * SECOND, later).len(), 0);
    // Kafka hands the tile to the next holder, who gets the same time for it.
    core.workers.hear(beat("b", 1, &[0]), Duration::ZERO, later);
    assert_eq!(core.requeue_overdue(10 * SECOND, later + 9 * SECOND).len(), 0);
    core.workers
        .hear(beat("b", 1, &[0]), Duration::ZERO, later + 9 * SECOND);
    assert_eq!(core.requeue_overdue(10 * SECOND, later + 11 * SECOND).len(), 1);
}

#[test]
fn a_task_that_never_reached_the_broker_does_not_count_as_a_try() {
    let now = Instant::now();
    let mut core = core(&[beat("a", 1, &[0])], now);
    let id = add(&mut core, 1);
    let first = core.next_grant(now).unwrap();
    core.not_sent(id, 0, first.ticket);
    let second = core.next_grant(now).unwrap();
    assert_eq!(second.attempt, 1);
    // A late word about the first try does not touch the second.
    core.not_sent(id, 0, first.ticket);
    assert_eq!(core.lag(now).0, 1);
}

#[test]
fn only_the_latest_try_can_fail_a_tile() {
    let now = Instant::now();
    let mut core = core(&[beat("a", 1, &[0])], now);
    let id = add(&mut core, 1);
    for attempt in 1..=3 {
        let grant = core.next_grant(now).unwrap();
        assert_eq!(grant.attempt, attempt);
        let job = core.job_mut(id).unwrap();
        assert_eq!(job.judge_error(0, attempt), crate::engine::live::Verdict::Wanted);
        assert_eq!(
            job.judge_error(0, attempt - 1),
            crate::engine::live::Verdict::Duplicate
        );
        assert_eq!(job.failed(0, 3), attempt == 3);
        core.settle(&grant.run, 0);
    }
    assert_eq!(core.job(id).unwrap().progress().failed, 1);
    assert!(core.next_grant(now).is_none());
}

#[test]
fn a_result_counts_once_whatever_try_it_answers() {
    let now = Instant::now();
    let mut core = core(&[beat("a", 1, &[0])], now);
    let id = add(&mut core, 2);
    let grant = core.next_grant(now).unwrap();
    finish(&mut core, &grant, now);
    finish(&mut core, &grant, now);
    let progress = core.job(id).unwrap().progress();
    assert_eq!((progress.completed, progress.pending), (1, 1));
    assert_eq!(core.job(id).unwrap().in_flight(), 0);
}

#[test]
fn an_answer_to_an_earlier_run_leaves_the_tile_that_is_out() {
    let now = Instant::now();
    let mut core = core(&[beat("a", 1, &[0])], now);
    let first = testing::job(1);
    let again = LiveJob::new(Arc::new(Run::new(first.run.spec.clone(), None)), &[]);
    let old = first.run.clone();
    core.add(first);
    core.activate();
    assert_eq!(all(&mut core, now).len(), 1);
    core.add(again);
    core.activate();
    let id = old.spec.id();
    core.job_mut(id).unwrap().decoded_rows = 16;
    let grant = core.next_grant(now).unwrap();
    core.settle(&old, 0);
    assert_eq!(core.lag(now).0, 1);
    core.settle(&grant.run, 0);
    assert_eq!(core.lag(now).0, 0);
}

#[test]
fn removing_a_job_frees_its_credits_and_activates_the_next() {
    let now = Instant::now();
    let mut core = core(&[beat("a", 1, &[0])], now);
    let ids: Vec<JobId> = (0..MAX_ACTIVE + 1).map(|_| add(&mut core, 10)).collect();
    assert_eq!(all(&mut core, now).len(), 4);
    assert!(core.activate().is_empty());
    for id in &ids[..4] {
        let job = core.remove(*id).unwrap();
        assert!(job.run.is_stopped());
    }
    assert_eq!(core.lag(now).0, 0);
    let started = core.activate();
    assert_eq!(started[0].spec.id(), ids[MAX_ACTIVE]);
    assert_eq!(all(&mut core, now).len(), 4);
}

/// Lets workers hold the partition one after the other, each until it is lost or says goodbye; gives the tiles given up.
fn hand_around(core: &mut Core, goodbye: bool, workers: &[&str], now: &mut Instant) -> Vec<u32> {
    let mut given_up = Vec::new();
    for worker in workers {
        core.workers.hear(beat(worker, 1, &[0]), Duration::ZERO, *now);
        given_up.extend(core.killer(3, *now).map(|(_, killer)| killer.tile));
        if goodbye {
            let stopped = Heartbeat {
                status: azulejo_protocol::WorkerState::Stopped,
                ..beat(worker, 1, &[])
            };
            core.workers.hear(stopped, Duration::ZERO, *now);
        }
        *now += 16 * SECOND;
    }
    core.workers
        .hear(beat("bystander", 1, &[9]), Duration::ZERO, *now);
    given_up.extend(core.killer(3, *now).map(|(_, killer)| killer.tile));
    given_up
}

fn two_tiles_out(now: Instant) -> (Core, Vec<Grant>) {
    let mut core = core(&[beat("a", 1, &[0])], now);
    let id = add(&mut core, 2);
    let grants: Vec<Grant> = [now, now + SECOND]
        .into_iter()
        .filter_map(|at| core.next_grant(at))
        .collect();
    for grant in &grants {
        core.acknowledged(id, grant.tile, grant.ticket, now);
    }
    (core, grants)
}

#[test]
fn a_tile_that_three_workers_were_lost_with_is_given_up_and_one_at_a_time() {
    let mut now = Instant::now();
    let (mut core, _) = two_tiles_out(now);
    assert!(hand_around(&mut core, false, &["a", "b"], &mut now).is_empty());
    // The one that was sent first; the other needs another death.
    assert_eq!(hand_around(&mut core, false, &["c"], &mut now), [0]);
    assert!(core.killer(3, now).is_none());
    assert_eq!(hand_around(&mut core, false, &["d"], &mut now), [1]);
}

#[test]
fn a_worker_that_comes_back_young_without_goodbye_was_lost() {
    let mut now = Instant::now();
    let (mut core, grants) = two_tiles_out(now);
    core.settle(&grants[1].run, 1);
    let mut given_up = Vec::new();
    for _ in 0..4 {
        for uptime in [1.0, 5.0] {
            now += SECOND;
            let beat = Heartbeat {
                uptime,
                ..beat("a", 1, &[0])
            };
            core.workers.hear(beat, Duration::ZERO, now);
            given_up.extend(
                core.killer(3, now)
                    .map(|(_, killer)| (killer.tile, killer.deaths)),
            );
        }
    }
    assert_eq!(given_up, [(0, 3)]);
}

#[test]
fn workers_that_say_goodbye_and_tiles_that_are_answered_are_not_suspect() {
    let mut now = Instant::now();
    let (mut core, grants) = two_tiles_out(now);
    let names = ["a", "b", "c", "d", "e"];
    assert!(hand_around(&mut core, true, &names, &mut now).is_empty());
    core.settle(&grants[0].run, 0);
    core.settle(&grants[1].run, 1);
    assert!(hand_around(&mut core, false, &names, &mut now).is_empty());
}

#[test]
fn workers_that_are_only_silent_for_a_while_are_no_deaths() {
    let mut now = Instant::now();
    let (mut core, _) = two_tiles_out(now);
    // The partition goes around while everybody lives, then the broker is away for a while.
    for (old, new) in [("a", "b"), ("b", "c"), ("c", "d")] {
        core.workers.hear(beat(old, 1, &[]), Duration::ZERO, now);
        core.workers.hear(beat(new, 1, &[0]), Duration::ZERO, now);
        assert!(core.killer(3, now).is_none());
        now += SECOND;
    }
    for _ in 0..4 {
        now += 60 * SECOND;
        core.workers.hear(beat("bystander", 1, &[9]), Duration::ZERO, now);
        assert!(core.killer(3, now).is_none());
        core.workers.hear(beat("d", 1, &[0]), Duration::ZERO, now);
        assert!(core.killer(3, now).is_none());
    }
}
