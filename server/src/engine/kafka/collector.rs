//! The collector: one thread that reads the results, asks the core what each means, and writes the pixels that are wanted.
//!
//! The collector belongs to no consumer group. It reads every partition of this server's own topic of results from the position
//! in SQLite, or from the beginning where there is none. Records are held in librdkafka's memory while the core judges them,
//! so pixels are copied once, to where they lie. The core stores the position in the transaction that marks the tiles: see
//! its module `answers`. What a lost position brings again is recognised there.
//!
//! **Catching up.** No tile is sent before the results that lay in the topic at the start have been read: after a restart the
//! tiles that were out are mostly answered there.
//!
//! **Strictness.** A record whose headers or length are not what they must be goes to the dead letters and the position
//! moves on. If it says whose answer it is, the core hears of it, too: it counts as a refusal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use azulejo_engine::{Answer, Body, Event, Verdict, Written};
use azulejo_protocol::ResultHeader;
use azulejo_transport::reader;
use azulejo_transport::{Reader, Start, Trouble, from_message};
use rdkafka::message::{BorrowedMessage, Header, Message, OwnedHeaders};

use super::Line;
use super::outbox::Outbox;
use super::owner::{Finding, Owner};
use crate::engine::files::{Files, disk};
use crate::engine::problems::Aspect;
use crate::engine::store::{Store, tiles};
use crate::engine::threads::Alarm;

/// Most results in one batch.
const BATCH: usize = 64;
/// Longest time that a result waits for its batch while others keep coming.
const BATCH_TIME: Duration = Duration::from_millis(50);
/// How long a batch waits for one more result. Short: a tile's place in the window is free only once it is stored, so whatever
/// waits here keeps a worker idle.
const COMPANY: Duration = Duration::from_millis(2);
const IDLE: Duration = Duration::from_millis(100);
const LOOK: Duration = Duration::from_secs(3);

/// The verdicts on a batch, as the core gives them.
pub type Judged = (u64, Vec<Verdict>);

/// What the collector works with.
pub struct Collector {
    /// The line to Kafka.
    pub line: Arc<Line>,
    /// Where refused records go.
    pub outbox: Outbox,
    /// Where pixels go.
    pub files: Arc<Files>,
    /// Where the positions are.
    pub store: Store,
    /// Who else uses the topic.
    pub owner: Arc<Owner>,
    /// Ends the process when somebody does.
    pub alarm: Alarm,
    /// The core's verdicts.
    pub judged: Receiver<Judged>,
}

/// What is known of a record when it is read.
enum Read {
    /// An answer for the core to judge.
    Answer(Answer),
    /// It does not even say whose answer it is.
    Strange(String),
}

impl Collector {
    /// Reads until the engine ends.
    pub fn run(self) {
        let mut state = State::default();
        let topic = self.line.results.clone();
        self.line.keep_reading(&topic, || self.read(&mut state));
    }

    /// Reads until the topic was made anew or the engine ends.
    fn read(&self, state: &mut State) -> Result<(), Trouble> {
        let made = self.line.made();
        let name = self.line.results.clone();
        let stored = self
            .store
            .read_blocking(move |db| tiles::positions(db, &name))
            .map_err(|error| Trouble {
                class: azulejo_transport::Class::Passing,
                reason: error.to_string(),
            })?;
        let stored = if state.void { Vec::new() } else { stored };
        let start = Start::Positions(stored.into_iter().collect());
        let group = self.line.group();
        let mut reader = Reader::open(
            &self.line.kafka,
            "azulejo-server-results",
            &group,
            &self.line.results,
            &start,
        )?;
        state.void = false;
        state.begin(&reader);
        self.tell_caught_up(state);
        let mut looked = Instant::now();
        while !self.line.is_stopping() && self.line.made() == made {
            self.batch(&reader, state);
            self.tell_caught_up(state);
            if looked.elapsed() > LOOK {
                looked = Instant::now();
                if self.line.is_lost(reader.look(), &self.line.results) {
                    state.void = true;
                    self.owner.begin_anew();
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Does what follows from what a record says of who owns the topic.
    fn follow(&self, finding: Finding) {
        let topic = &self.line.results;
        match finding {
            Finding::Nothing => {}
            Finding::Second(host) => (self.alarm)(&format!(
                "another server, on {host}, uses a copy of this data folder and its topic '{topic}': give this one an empty \
                 data folder of its own"
            )),
            Finding::First(host) => {
                let sentence = format!(
                    "another server, on {host}, was started on a copy of this one's data folder and uses the topic '{topic}': it \
                     has to end, and needs an empty data folder of its own"
                );
                self.line.problems.set(topic, Aspect::Owner, &sentence);
            }
        }
    }

    fn tell_caught_up(&self, state: &mut State) {
        if !state.told && state.is_caught_up() {
            state.told = true;
            (self.line.tell)(Event::CaughtUp);
        }
    }

    /// Reads a batch and sees it through.
    fn batch(&self, reader: &Reader, state: &mut State) {
        let mut records: Vec<BorrowedMessage<'_>> = Vec::new();
        let mut began = Instant::now();
        loop {
            let patience = if records.is_empty() { IDLE } else { COMPANY };
            match reader.poll(patience) {
                Some(reader::Event::Record(record)) => {
                    if records.is_empty() {
                        began = Instant::now();
                    }
                    records.push(record);
                }
                Some(reader::Event::End(partition)) => {
                    self.line.reads(&self.line.results);
                    state.ended(partition);
                }
                Some(reader::Event::Trouble(trouble)) => self.line.cannot_read(&self.line.results, &trouble),
                None => break,
            }
            if records.len() >= BATCH || (!records.is_empty() && began.elapsed() >= BATCH_TIME) {
                break;
            }
        }
        if records.is_empty() {
            return;
        }
        self.line.reads(&self.line.results);
        let mut moved = BTreeMap::new();
        let mut answers = Vec::with_capacity(records.len());
        let mut judged = Vec::with_capacity(records.len());
        for record in &records {
            moved.insert(record.partition(), record.offset() + 1);
            if let Some(finding) = self.owner.read(record) {
                self.follow(finding);
                continue;
            }
            match parse(record) {
                Read::Answer(answer) => {
                    answers.push(answer);
                    judged.push(record);
                }
                Read::Strange(reason) => self.refuse(record, &reason),
            }
        }
        state.positions.extend(&moved);
        state.batches += 1;
        let batch = state.batches;
        let places: Vec<_> = answers.iter().map(|answer| (answer.job, answer.tile)).collect();
        (self.line.tell)(Event::Read {
            batch,
            positions: moved.into_iter().collect(),
            answers,
        });
        // The verdicts of this batch are the only ones that can come; a core that is gone gives none.
        let Ok((_, verdicts)) = self.judged.recv() else {
            return;
        };
        let mut written = Vec::new();
        for (((job, tile), record), verdict) in places.into_iter().zip(judged).zip(verdicts) {
            match verdict {
                Verdict::Write { run } => written.push(self.write(job, run, tile, record)),
                Verdict::Refuse(reason) => self.refuse(record, &reason),
                Verdict::Ignore => {}
            }
        }
        (self.line.tell)(Event::Written { batch, written });
    }

    fn write(
        &self,
        job: azulejo_protocol::JobId,
        run: azulejo_engine::RunId,
        tile: u32,
        record: &BorrowedMessage<'_>,
    ) -> Written {
        let gone = || Written::NotNow("the job has ended".to_owned());
        let Some(run) = self.files.this_run(job, run) else {
            return gone();
        };
        let Some(_working) = run.work() else { return gone() };
        let Some(output) = run.spec.tiles().region(tile) else {
            return gone();
        };
        let pixels = record.payload().unwrap_or_default();
        match run.write_tile(output, pixels) {
            Ok(()) => Written::Yes(crc32fast::hash(pixels)),
            Err(error) if disk::is_shortage(&error) => Written::NotNow(error.to_string()),
            Err(error) => Written::Never(disk::explain("storing a tile", &error)),
        }
    }

    fn refuse(&self, record: &BorrowedMessage<'_>, reason: &str) {
        let place = format!("{}/{}/{}", record.topic(), record.partition(), record.offset());
        tracing::warn!(place, reason, "a result is refused");
        let headers = record
            .headers()
            .map_or_else(OwnedHeaders::new, |headers| headers.detach());
        let headers = headers
            .insert(Header {
                key: "refused",
                value: Some(reason),
            })
            .insert(Header {
                key: "from",
                value: Some(&place),
            });
        self.outbox.dead_letter(
            record.key().unwrap_or_default(),
            record.payload().unwrap_or_default(),
            headers,
        );
    }
}

fn parse(record: &BorrowedMessage<'_>) -> Read {
    let value = record.payload().unwrap_or_default();
    let headers = from_message(record.headers());
    let header =
        ResultHeader::from_headers(&headers).and_then(|header| header.check_value(value).map(|()| header));
    match header {
        Ok(header) => Read::Answer(Answer {
            job: header.job,
            tile: header.tile,
            attempt: header.attempt,
            measure: header.measure,
            worker: header.worker,
            micros: header.micros,
            body: match header.error {
                Some(error) => Body::Error(error),
                None => Body::Pixels {
                    output: header.output,
                    format: header.format,
                    statistic: header.statistic,
                },
            },
        }),
        Err(error) => match headers.origin() {
            Some(origin) => Read::Answer(Answer {
                job: origin.job,
                tile: origin.tile,
                attempt: origin.attempt,
                measure: origin.measure,
                worker: String::new(),
                micros: 0,
                body: Body::Unusable(error.to_string()),
            }),
            None => Read::Strange(error.to_string()),
        },
    }
}

/// How far was read.
#[derive(Default)]
struct State {
    batches: u64,
    /// Next offset of each partition.
    positions: BTreeMap<i32, i64>,
    /// Partitions that were not read up to where they ended at the start, with that end.
    behind: BTreeMap<i32, i64>,
    told: bool,
    /// The topic was lost: positions in the one of the same name that is there now mean nothing.
    void: bool,
}

impl State {
    fn begin(&mut self, reader: &Reader) {
        self.positions = reader.starts().clone();
        self.behind = reader.ends().clone();
    }

    /// The consumer stands at the end of the partition: the last records may be none of ours (control batches of a
    /// transaction), or may have been deleted before they were read.
    fn ended(&mut self, partition: i32) {
        self.behind.remove(&partition);
    }

    fn is_caught_up(&mut self) -> bool {
        let positions = &self.positions;
        self.behind
            .retain(|partition, end| positions.get(partition).is_none_or(|position| position < end));
        self.behind.is_empty()
    }
}
