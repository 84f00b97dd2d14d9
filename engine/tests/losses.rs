//! A worker is lost, and the core is told of nothing else: where its tiles go, what they cost, what becomes of them.

use std::collections::BTreeMap;

use azulejo_engine::ledger::Ledger;
use azulejo_engine::{
    Accepted, Answer, Body, Core, Effect, Event, Plan, Send, Settings, Time, TryId, Written,
};
use azulejo_imaging::{PixelFormat, Size, TileGrid};
use azulejo_protocol::{Heartbeat, JobId, Timestamp, WorkerState};

const JOB: JobId = JobId(uuid::Uuid::from_u128(1));
const TILES: u32 = 4;

/// A core with one job, and the broker, the store and the disk of a world in which all of these are quick.
struct World {
    core: Core,
    now: Time,
    sent: Vec<Send>,
    /// Whether the broker takes tasks at once; otherwise the test says when it does.
    delivers: bool,
    batches: u64,
}

impl World {
    /// A job of four tiles that wait.
    fn new() -> Self {
        Self::of(PixelFormat::GRAY8)
    }

    /// The same of pixels of `format`.
    fn of(format: PixelFormat) -> Self {
        let size = Size::new(8 * TILES, 8);
        let plan = Plan {
            kind: "png".to_owned(),
            job: JOB,
            recipe: "rotate_180".parse().unwrap(),
            grid: TileGrid::new(size, 8),
            measure: None,
            stored_size: size,
            input_format: format,
            output_format: format,
        };
        let mut world = Self {
            core: Core::new(Settings::default()),
            now: Time::ZERO,
            sent: Vec::new(),
            delivers: true,
            batches: 0,
        };
        world.tell(Event::Connected(true));
        world.tell(Event::CaughtUp);
        world.tell(Event::Accepted(Box::new(Accepted {
            plan,
            run: 1,
            decoded: true,
            check: false,
            resume: false,
        })));
        world
    }

    fn tell(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            self.core.handle(self.now, event);
            while let Some(effect) = self.core.poll_effect() {
                match effect {
                    Effect::Send(send) => {
                        if self.delivers {
                            events.push(Event::Delivered(send.id));
                        }
                        self.sent.push(send);
                    }
                    Effect::Store { transaction, .. } => events.push(Event::Stored(transaction)),
                    Effect::Judge { batch, verdicts } => {
                        let written = verdicts
                            .iter()
                            .filter(|verdict| matches!(verdict, azulejo_engine::Verdict::Write { .. }))
                            .map(|_| Written::Yes(7))
                            .collect();
                        events.push(Event::Written { batch, written });
                    }
                    _ => {}
                }
            }
        }
    }

    /// Time passes until `at`, in which these workers say every second how they are; gives what was sent.
    fn until(&mut self, at: f64, beats: &[&Heartbeat]) -> Vec<Send> {
        let before = self.sent.len();
        let end = Time::from_secs_f64(at);
        while self.now < end {
            self.now += Time::from_millis(250);
            if self.now.subsec_millis() == 0 {
                beats.iter().for_each(|beat| self.hear(beat));
            }
            self.tell(Event::Tick);
        }
        self.sent.split_off(before)
    }

    fn hear(&mut self, beat: &Heartbeat) {
        self.tell(Event::Heard {
            beat: Box::new(beat.clone()),
            age: Time::ZERO,
        });
    }

    /// `worker` answers a try with pixels.
    fn answer(&mut self, send: &Send, worker: &str) {
        self.batches += 1;
        let output = self.core.job(JOB).unwrap().plan.grid.region(send.tile).unwrap();
        self.tell(Event::Read {
            batch: self.batches,
            positions: Vec::new(),
            answers: vec![Answer {
                job: JOB,
                tile: send.tile,
                attempt: send.attempt,
                measure: None,
                worker: worker.to_owned(),
                micros: 1000,
                body: Body::Pixels {
                    output,
                    format: PixelFormat::GRAY8,
                    statistic: None,
                },
            }],
        });
    }

    fn ledger(&self, tile: u32) -> &Ledger {
        self.core.job(JOB).unwrap().tiles.ledger(tile).unwrap()
    }

    fn completed(&self) -> u32 {
        self.core.job(JOB).unwrap().tiles.progress().completed
    }
}

/// What `worker` says: one slot, and so a window of four tiles.
fn beat(worker: &str, partitions: &[i32]) -> Heartbeat {
    Heartbeat {
        worker_id: worker.to_owned(),
        instance: format!("{worker}-1"),
        status: WorkerState::Idle,
        tasks_processed: 0,
        current_task: None,
        timestamp: Timestamp::UNIX_EPOCH,
        uptime: 1.0,
        avg_processing_time: 0.0,
        tasks_per_minute: 0.0,
        slots: 1,
        busy: 0,
        tasks_failed: 0,
        partitions: partitions.to_vec(),
        memory_bytes: 0,
        interval: 1.0,
        host: String::new(),
        version: String::new(),
        versions: vec![1, 2],
        alone: None,
        trouble: None,
    }
}

/// Where tiles went, and which process their tasks name.
fn roads(sent: &[Send]) -> Vec<(u32, i32, &str)> {
    sent.iter()
        .map(|send| (send.tile, send.partition, send.holder.as_str()))
        .collect()
}

/// Four tiles are with worker a, which was heard once, three seconds ago; worker b is there since.
fn four_tiles_with_a() -> (World, Heartbeat) {
    let mut world = World::new();
    world.hear(&beat("a", &[0]));
    assert_eq!(roads(&world.sent).len(), 4, "the window of one slot");
    let b = beat("b", &[1]);
    assert_eq!(world.until(3.0, &[&b]), []);
    (world, b)
}

#[test]
fn a_measurement_waits_with_a_word_until_every_live_worker_reads_its_records() {
    let mut world = World::of("gray-f32le".parse().unwrap());
    let new = |worker, partitions: &[i32]| Heartbeat {
        versions: vec![1, 2, 3],
        ..beat(worker, partitions)
    };
    let (a, old) = (new("a", &[0]), beat("old", &[1]));
    assert_eq!(world.until(2.0, &[&old, &a]), []);
    let problems = world.core.problems();
    let (subject, sentence) = &problems[0];
    assert!(
        subject.starts_with("job ") && sentence.contains("worker old"),
        "{problems:?}"
    );
    // A partition of the old one may come to the new one at any time, and the other way round.
    let sent = world.until(6.0, &[&a]);
    assert_eq!(sent.len(), 4, "the old one is lost");
    assert!(sent.iter().all(|send| send.holder == "a-1"));
    assert_eq!(world.core.problems(), []);
}

#[test]
fn intensities_go_to_a_worker_that_does_not_know_measurements() {
    let mut world = World::new();
    assert_eq!(world.until(1.0, &[&beat("old", &[0])]).len(), 4);
    assert_eq!(world.core.problems(), []);
}

#[test]
fn what_a_lost_worker_held_is_sent_to_another_one_as_what_it_was_lost_with() {
    let (mut world, b) = four_tiles_with_a();
    let again = world.until(3.25, &[&b]);
    let with_a = |tile| (tile, 1, "a-1");
    assert_eq!(roads(&again), (0..4).map(with_a).collect::<Vec<_>>());
    assert!(again.iter().all(|send| send.attempt == 2));
    assert_eq!(world.ledger(0).spent(), 4, "the death, and nothing more");
    assert_eq!(world.until(60.0, &[&b]).len(), 4, "nothing but what is overdue");
}

#[test]
fn where_nobody_has_room_the_tiles_wait_and_go_one_by_one() {
    let mut world = World::new();
    let (a, b) = (
        beat("a", &[0]),
        Heartbeat {
            slots: 3,
            ..beat("b", &[1])
        },
    );
    world.hear(&a);
    world.sent.clear();
    // Worker b has the tiles of another job, as many as it may have.
    let size = Size::new(8 * 20, 8);
    let other = Plan {
        job: JobId(uuid::Uuid::from_u128(2)),
        grid: TileGrid::new(size, 8),
        stored_size: size,
        ..world.core.job(JOB).unwrap().plan.clone()
    };
    world.tell(Event::Accepted(Box::new(Accepted {
        plan: other,
        run: 2,
        decoded: true,
        check: false,
        resume: false,
    })));
    world.hear(&b);
    let with_b = std::mem::take(&mut world.sent);
    assert_eq!(with_b.len(), 8, "the window of three slots");
    assert_eq!(world.until(5.0, &[&b]), [], "there is no room");
    world.batches += 1;
    let output = world
        .core
        .job(with_b[0].job)
        .unwrap()
        .plan
        .grid
        .region(with_b[0].tile);
    world.tell(Event::Read {
        batch: world.batches,
        positions: Vec::new(),
        answers: vec![Answer {
            job: with_b[0].job,
            tile: with_b[0].tile,
            attempt: 1,
            measure: None,
            worker: "b".to_owned(),
            micros: 1000,
            body: Body::Pixels {
                output: output.unwrap(),
                format: PixelFormat::GRAY8,
                statistic: None,
            },
        }],
    });
    assert_eq!(
        roads(&world.sent),
        [(0, 1, "a-1")],
        "before the other job's tiles"
    );
}

#[test]
fn with_no_other_worker_the_tiles_stay_where_they_are() {
    let mut world = World::new();
    world.hear(&beat("a", &[0]));
    world.sent.clear();
    assert_eq!(world.until(30.0, &[]), []);
    let b = beat("b", &[1]);
    world.hear(&b);
    assert_eq!(world.sent.len(), 4, "a worker has come, with another partition");
    assert!(
        world
            .sent
            .iter()
            .all(|send| (send.partition, send.holder.as_str()) == (1, "a-1"))
    );
}

#[test]
fn what_kafka_has_given_to_another_worker_is_not_sent_again() {
    let (mut world, _) = four_tiles_with_a();
    let b = beat("b", &[0, 1]);
    world.hear(&b);
    assert_eq!(world.until(20.0, &[&b]), []);
    assert_eq!(world.ledger(0).spent(), 4, "the death is noted all the same");
}

#[test]
fn a_worker_whose_next_process_is_heard_is_lost_at_once() {
    let mut world = World::new();
    world.hear(&beat("a", &[0]));
    world.hear(&beat("b", &[1]));
    world.sent.clear();
    world.hear(&Heartbeat {
        instance: "a-2".to_owned(),
        ..beat("a", &[])
    });
    assert_eq!(roads(&world.sent)[0], (0, 1, "a-1"));
    assert_eq!(world.sent.len(), 4);
}

#[test]
fn what_the_broker_takes_after_the_loss_is_sent_again_too() {
    let mut world = World::new();
    world.delivers = false;
    world.hear(&beat("a", &[0]));
    let first: Vec<TryId> = world.sent.drain(..).map(|send| send.id).collect();
    let b = beat("b", &[1]);
    assert_eq!(world.until(10.0, &[&b]), [], "perhaps the broker never has them");
    first.into_iter().for_each(|id| world.tell(Event::Delivered(id)));
    let again = world.until(10.25, &[&b]);
    assert_eq!(again.len(), 4);
    assert_eq!(world.ledger(0).spent(), 0, "the lost worker did not hold them");
}

#[test]
fn a_worker_that_returns_clears_tiles_that_were_sent_again_and_its_answers_count() {
    let (mut world, b) = four_tiles_with_a();
    let again = world.until(4.0, &[&b]);
    assert_eq!(
        (world.ledger(2).spent(), world.ledger(2).lost_with()),
        (4, Some("a-1"))
    );
    world.hear(&beat("a", &[0]));
    assert_eq!((world.ledger(2).spent(), world.ledger(2).lost_with()), (0, None));
    let late = Send {
        attempt: 1,
        ..again[2].clone()
    };
    world.answer(&late, "a");
    assert_eq!(world.completed(), 1);
    world.answer(&again[2], "b");
    assert_eq!(world.completed(), 1, "each tile counts once");
}

#[test]
fn the_tile_that_a_worker_was_alone_with_is_to_blame_and_no_other() {
    let (mut world, mut b) = four_tiles_with_a();
    world.until(4.0, &[&b]);
    b.alone = Some(format!("{JOB}/1/2"));
    world.hear(&b);
    // Two more take it over, and die of it.
    for (number, worker) in ["c", "d"].into_iter().enumerate() {
        let mut next = beat(worker, &[2 + number as i32]);
        let from = world.now.as_secs_f64();
        let again = world.until(from + 4.0, &[&next]);
        assert_eq!(again.len(), 4, "all that {worker} can take over: {again:?}");
        assert!(again.iter().all(|send| send.partition == next.partitions[0]));
        next.alone = Some(format!("{JOB}/1/{}", again[1].attempt));
        world.hear(&next);
    }
    let spent: BTreeMap<u32, u32> = (0..TILES)
        .map(|tile| (tile, world.ledger(tile).spent()))
        .collect();
    assert_eq!(spent, BTreeMap::from([(0, 4), (1, 36), (2, 4), (3, 4)]));
    let from = world.now.as_secs_f64();
    world.until(from + 4.0, &[]);
    let job = world.core.job(JOB).unwrap();
    assert!(
        job.phase.is_ending(),
        "the third worker was lost with nothing else in hand"
    );
}

#[test]
fn a_process_that_stood_still_takes_nobody_for_lost() {
    let mut world = World::new();
    let (a, b) = (beat("a", &[0]), beat("b", &[1]));
    world.hear(&a);
    world.until(2.0, &[&a, &b]);
    world.now += Time::from_secs(20);
    world.sent.clear();
    world.tell(Event::Tick);
    world.hear(&b);
    world.tell(Event::Tick);
    world.hear(&a);
    assert_eq!((world.sent.len(), world.ledger(0).spent()), (0, 0));
}

#[test]
fn a_tile_is_sent_again_a_bounded_number_of_times() {
    let mut world = World::new();
    // Whoever has the tiles is alone with one of another server, and dies of that: none of ours is to blame.
    let foreign = Some(format!("{}/0/1", JobId(uuid::Uuid::from_u128(9))));
    for number in 0..40 {
        let worker = Heartbeat {
            alone: foreign.clone(),
            ..beat(&format!("w{number}"), &[number])
        };
        world.hear(&worker);
        let from = world.now.as_secs_f64();
        world.until(from + 4.0, &[]);
    }
    let ledger = world.ledger(0);
    assert_eq!(
        (ledger.spent(), ledger.resends()),
        (0, azulejo_engine::ledger::MAX_RESENDS)
    );
}
