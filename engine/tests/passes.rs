//! A job whose recipe measures the image in two passes before it renders: which answers count in which.

use azulejo_engine::{
    Accepted, Answer, Body, Core, Effect, Event, Measure, Plan, RunId, Send, Settings, Time, Verdict, Written,
};
use azulejo_imaging::{PixelFormat, Size, Statistic, TileGrid};
use azulejo_protocol::{Heartbeat, JobId, Timestamp, WorkerState};

const JOB: JobId = JobId(uuid::Uuid::from_u128(1));
const SIZE: Size = Size::new(16, 8);

/// The plan of a pass over two tiles, which measures for the step, or renders.
fn plan(step: Option<u32>) -> Plan {
    Plan {
        kind: "png".to_owned(),
        job: JOB,
        recipe: "rotate_180".parse().unwrap(),
        grid: TileGrid::new(SIZE, 8),
        measure: step.map(|step| Measure {
            step,
            statistic: Statistic::Luma,
            result_tiles: 2,
            result_bytes: 128,
        }),
        stored_size: SIZE,
        input_format: PixelFormat::GRAY8,
        output_format: PixelFormat::GRAY8,
    }
}

fn accepted(step: Option<u32>, run: RunId) -> Accepted {
    Accepted {
        plan: plan(step),
        run,
        decoded: true,
        check: false,
        resume: false,
    }
}

/// A core whose broker, store and disk are quick.
struct World {
    core: Core,
    sent: Vec<Send>,
    verdicts: Vec<Verdict>,
    /// The run whose tiles are all there, as the core says.
    complete: Option<RunId>,
    batches: u64,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            core: Core::new(Settings::default()),
            sent: Vec::new(),
            verdicts: Vec::new(),
            complete: None,
            batches: 0,
        };
        world.tell(Event::Connected(true));
        world.tell(Event::CaughtUp);
        world.tell(Event::Heard {
            beat: Box::new(beat()),
            age: Time::ZERO,
        });
        world.tell(Event::Accepted(Box::new(accepted(Some(0), 1))));
        world
    }

    fn tell(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            self.core.handle(Time::ZERO, event);
            while let Some(effect) = self.core.poll_effect() {
                match effect {
                    Effect::Send(send) => {
                        events.push(Event::Delivered(send.id));
                        self.sent.push(send);
                    }
                    Effect::Store { transaction, .. } => events.push(Event::Stored(transaction)),
                    Effect::Assemble { run, .. } => self.complete = Some(run),
                    Effect::Judge { batch, verdicts } => {
                        let written = verdicts
                            .iter()
                            .filter(|verdict| matches!(verdict, Verdict::Write { .. }))
                            .map(|_| Written::Yes(7));
                        let written = written.collect();
                        events.push(Event::Written { batch, written });
                        self.verdicts = verdicts;
                    }
                    _ => {}
                }
            }
        }
    }

    /// An answer to a task of the pass that measures for `measure`; what the core says of it.
    fn answer(&mut self, tile: u32, measure: Option<u32>, statistic: Option<Statistic>) -> Verdict {
        self.batches += 1;
        let body = Body::Pixels {
            output: TileGrid::new(SIZE, 8).region(tile).unwrap(),
            format: PixelFormat::GRAY8,
            statistic,
        };
        self.answer_with(tile, measure, body)
    }

    fn answer_with(&mut self, tile: u32, measure: Option<u32>, body: Body) -> Verdict {
        self.tell(Event::Read {
            batch: self.batches,
            positions: Vec::new(),
            answers: vec![Answer {
                job: JOB,
                tile,
                attempt: 1,
                measure,
                worker: "a".to_owned(),
                micros: 1000,
                body,
            }],
        });
        self.verdicts.pop().unwrap()
    }

    fn measured(&mut self, run: RunId, next: Accepted) {
        let next = Box::new(next);
        self.tell(Event::Measured { job: JOB, run, next });
    }
}

fn beat() -> Heartbeat {
    Heartbeat {
        worker_id: "a".to_owned(),
        instance: "a-1".to_owned(),
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
        partitions: vec![0],
        memory_bytes: 0,
        interval: 1.0,
        host: String::new(),
        version: String::new(),
        versions: vec![1, 2, 3],
        alone: None,
        trouble: None,
    }
}

#[test]
fn an_answer_to_one_pass_is_none_to_another() {
    let luma = Some(Statistic::Luma);
    let mut world = World::new();
    assert_eq!(world.sent.len(), 2);
    assert_eq!(
        world.answer(0, None, None),
        Verdict::Ignore,
        "nothing is rendered yet"
    );
    assert_eq!(world.answer(0, Some(1), luma), Verdict::Ignore);
    for tile in 0..2 {
        assert_eq!(world.complete, None);
        assert_eq!(world.answer(tile, Some(0), luma), Verdict::Write { run: 1 });
    }
    assert_eq!(world.complete, Some(1));

    world.measured(1, accepted(Some(1), 2));
    assert_eq!(world.sent.len(), 4, "both tiles are measured again");
    // Kafka may deliver a task or an answer twice: the same statistic of the same tiles, but of other pixels.
    assert_eq!(world.answer(0, Some(0), luma), Verdict::Ignore);
    let error = Body::Error("a late word".to_owned());
    assert_eq!(world.answer_with(0, Some(0), error), Verdict::Ignore);
    let job = world.core.job(JOB).unwrap();
    assert_eq!((job.tiles.progress().completed, job.tiles.attempt(0)), (0, 1));
    for tile in 0..2 {
        assert_eq!(world.answer(tile, Some(1), luma), Verdict::Write { run: 2 });
    }
    assert_eq!(world.complete, Some(2));

    world.measured(2, accepted(None, 3));
    assert_eq!(world.answer(0, Some(1), luma), Verdict::Ignore);
    for tile in 0..2 {
        assert_eq!(world.answer(tile, None, None), Verdict::Write { run: 3 });
    }
    assert_eq!(world.complete, Some(3));
}

#[test]
fn another_statistic_than_the_wanted_one_is_refused() {
    let mut world = World::new();
    let refused = world.answer(0, Some(0), Some(Statistic::Bands));
    assert!(
        matches!(&refused, Verdict::Refuse(reason) if reason.contains("measures something else")),
        "{refused:?}"
    );
    assert_eq!(
        world.answer(1, Some(0), Some(Statistic::Luma)),
        Verdict::Write { run: 1 }
    );
}

#[test]
fn a_pass_that_is_not_complete_is_not_over() {
    let mut world = World::new();
    world.answer(0, Some(0), Some(Statistic::Luma));
    world.measured(1, accepted(None, 2));
    assert_eq!(world.core.job(JOB).unwrap().run, 1);
}
