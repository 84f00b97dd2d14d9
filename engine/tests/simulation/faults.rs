//! Which faults a seed has, and how large everything is: swarm testing. Each seed switches kinds of fault on and off, so that
//! rare mixes occur, and seeds without any occur, too.

use azulejo_engine::Time;

use crate::random::Random;

/// One in so many; 0 is never.
type Odds = u64;

/// The sessions of a group: with the classic protocol, and with the one of KIP-848.
const CLASSIC: Time = Time::from_secs(6);
const CONSUMER: Time = Time::from_secs(45);

#[derive(Debug, Clone)]
pub struct Faults {
    pub workers: u64,
    pub task_partitions: i32,
    pub result_partitions: i32,
    pub jobs: u64,
    /// Tiles of a job: the fewest, and the most.
    pub smallest_job: u64,
    pub largest_job: u64,
    /// A member of the workers' group that says nothing holds its partitions for so long.
    pub session: Time,
    /// Faults occur before this time and not after it.
    pub until: Time,
    /// Way of a record, microseconds.
    pub way: u64,
    /// Work on a tile, microseconds.
    pub work: u64,
    /// The server dies between two effects.
    pub crash: Odds,
    /// The store does not commit, for now.
    pub store_busy: Odds,
    /// The store refuses a transaction for good.
    pub store_refuses: Odds,
    /// A send fails, for now.
    pub send_fails: Odds,
    /// A send is acknowledged and its record is lost.
    pub send_lost: Odds,
    /// A record is appended twice.
    pub doubled: Odds,
    /// A result is lost.
    pub result_lost: Odds,
    /// A result cannot be used.
    pub result_unusable: Odds,
    /// A worker answers with an error.
    pub tile_fails: Odds,
    /// A worker dies in the middle of a tile.
    pub worker_dies: Odds,
    /// A worker stands still for a while.
    pub worker_freezes: Odds,
    /// A heartbeat is late.
    pub late: Odds,
    /// A worker is slow with a tile.
    pub slow: Odds,
    /// A commit of a worker is lost.
    pub commit_lost: Odds,
    /// Pixels cannot be written, for now.
    pub write_fails: Odds,
    /// The cluster goes away for a while: one in so many seconds.
    pub away: Odds,
    /// A topic is deleted and made anew: one in so many seconds.
    pub topic_lost: Odds,
    /// Old records are deleted before they are read: one in so many seconds.
    pub retention: Odds,
    /// Nobody may produce for a while: one in so many seconds.
    pub forbidden: Odds,
    /// A job whose records are too large for the topic: one in so many jobs.
    pub too_large: Odds,
    /// A job with a tile that kills its worker: one in so many jobs.
    pub poison: Odds,
    /// A job with a tile that cannot be rendered: one in so many jobs.
    pub impossible: Odds,
    /// A job with a tile whose answers can never be used: one in so many jobs.
    pub unusable: Odds,
    /// A job with a tile that every worker takes and nobody answers: one in so many jobs.
    pub unanswered: Odds,
    /// A job with a tile of which the store refuses every row: one in so many jobs.
    pub unstorable: Odds,
    /// A job is cancelled: one in so many.
    pub cancel: Odds,
    /// An ended job is retried: one in so many.
    pub retry: Odds,
    /// A worker of another version is among them.
    pub old_worker: bool,
    /// Two processes have the same id.
    pub same_id: bool,
}

impl Faults {
    /// Nothing ever goes wrong: one job of `tiles` tiles, two workers, and so many microseconds on the way of a record in both
    /// directions together and at work on a tile.
    pub fn none(tiles: u64, way: u64, work: u64) -> Self {
        let mut random = Random::new(0);
        let mut none = Self::of(&mut random);
        for odds in none.odds() {
            *odds = 0;
        }
        Self {
            workers: 2,
            task_partitions: 8,
            result_partitions: 4,
            session: CLASSIC,
            jobs: 1,
            smallest_job: tiles,
            largest_job: tiles,
            until: Time::ZERO,
            way,
            work,
            old_worker: false,
            same_id: false,
            ..none
        }
    }

    fn odds(&mut self) -> [&mut Odds; 27] {
        [
            &mut self.crash,
            &mut self.store_busy,
            &mut self.store_refuses,
            &mut self.send_fails,
            &mut self.send_lost,
            &mut self.doubled,
            &mut self.result_lost,
            &mut self.result_unusable,
            &mut self.tile_fails,
            &mut self.worker_dies,
            &mut self.worker_freezes,
            &mut self.late,
            &mut self.slow,
            &mut self.commit_lost,
            &mut self.write_fails,
            &mut self.away,
            &mut self.topic_lost,
            &mut self.retention,
            &mut self.forbidden,
            &mut self.too_large,
            &mut self.poison,
            &mut self.impossible,
            &mut self.unusable,
            &mut self.unanswered,
            &mut self.unstorable,
            &mut self.cancel,
            &mut self.retry,
        ]
    }

    pub fn of(random: &mut Random) -> Self {
        let mut odds = |likely: u64, of: &[Odds]| if random.one_in(likely) { random.pick(of) } else { 0 };
        let faults = [
            odds(2, &[40, 200, 1000]), // crash
            odds(3, &[5, 50]),         // store_busy
            odds(8, &[100]),           // store_refuses
            odds(3, &[4, 20, 100]),    // send_fails
            odds(3, &[10, 50]),        // send_lost
            odds(3, &[3, 20]),         // doubled
            odds(3, &[10, 50]),        // result_lost
            odds(4, &[20, 100]),       // result_unusable
            odds(3, &[10, 50]),        // tile_fails
            odds(3, &[30, 200]),       // worker_dies
            odds(3, &[30, 200]),       // worker_freezes
            odds(3, &[10, 50]),        // slow
            odds(4, &[5]),             // commit_lost
            odds(5, &[20]),            // write_fails
            odds(3, &[20, 60]),        // away
            odds(5, &[60]),            // topic_lost
            odds(5, &[30]),            // retention
            odds(6, &[60]),            // forbidden
            odds(6, &[4]),             // too_large
            odds(4, &[3]),             // poison
            odds(4, &[3]),             // impossible
            odds(5, &[3]),             // unusable
            odds(8, &[4]),             // unanswered
            odds(8, &[4]),             // unstorable
            odds(3, &[4]),             // cancel
            odds(3, &[2]),             // retry
        ];
        Self {
            workers: random.between(1, 5),
            task_partitions: random.between(1, 8) as i32,
            result_partitions: random.between(1, 4) as i32,
            jobs: random.between(1, 6),
            smallest_job: 1,
            largest_job: random.pick(&[1, 4, 20, 60]),
            until: Time::from_secs(random.between(5, 90)),
            way: random.pick(&[200, 2_000, 20_000, 100_000]),
            work: random.pick(&[300, 3_000, 50_000, 400_000]),
            crash: faults[0],
            store_busy: faults[1],
            store_refuses: faults[2],
            send_fails: faults[3],
            send_lost: faults[4],
            doubled: faults[5],
            result_lost: faults[6],
            result_unusable: faults[7],
            tile_fails: faults[8],
            worker_dies: faults[9],
            worker_freezes: faults[10],
            slow: faults[11],
            commit_lost: faults[12],
            write_fails: faults[13],
            away: faults[14],
            topic_lost: faults[15],
            retention: faults[16],
            forbidden: faults[17],
            too_large: faults[18],
            poison: faults[19],
            impossible: faults[20],
            unusable: faults[21],
            unanswered: faults[22],
            unstorable: faults[23],
            cancel: faults[24],
            retry: faults[25],
            old_worker: random.one_in(6),
            same_id: random.one_in(6),
            session: random.pick(&[CLASSIC, CONSUMER]),
            late: if random.one_in(4) {
                random.pick(&[5, 50])
            } else {
                0
            },
        }
    }
}
