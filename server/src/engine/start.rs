//! The start: the data folder is locked and put in order, unfinished jobs are taken up, the threads begin.

use std::fs::File;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use azulejo_engine::{Accepted, Core, Ending, Event, Settings};
use azulejo_protocol::Timestamp;

use super::api::events::Events;
use super::api::revisions::Revisions;
use super::api::turns::Turns;
use super::driver::{Driver, Drivers};
use super::files::disk::Room;
use super::files::job::JobSpec;
use super::files::{Files, check, kind, sweep};
use super::kafka::collector::Collector;
use super::kafka::outbox::Outbox;
use super::kafka::owner::Owner;
use super::kafka::{Line, heartbeats, probe, trim};
use super::problems::Problems;
use super::promises::Promises;
use super::store::jobs::JobRow;
use super::store::{Store, installation, jobs, patterns};
use super::tell::Tell;
use super::threads::{self, Alarm};
use super::{COMMAND_LOCKS, Engine, EngineConfig, Threads};

/// How often it is looked what is free on the disk.
const DISK: Duration = Duration::from_secs(2);

/// Jobs that ended without a result and are said again to the workers.
const MAX_OVER: u32 = 500;

impl Engine {
    /// Opens the data folder, takes up unfinished jobs and starts the threads. Kafka need not be there: jobs wait for it.
    /// Needs the async runtime.
    ///
    /// # Errors
    /// The folder or the database cannot be used, another server uses it, or librdkafka refuses the settings.
    pub fn start(config: EngineConfig) -> anyhow::Result<Self> {
        let jobs_dir = config.data_dir.join("jobs");
        std::fs::create_dir_all(&jobs_dir)
            .with_context(|| format!("cannot make the data folder {}", jobs_dir.display()))?;
        let lock = lock(&config)?;
        let place: Arc<OnceLock<Weak<Driver>>> = Arc::default();
        let (tell, alarm) = (teller(&place), alarm(&place));
        let store = Store::open(&config.data_dir.join("azulejo.sqlite"), &alarm)?;
        sweep::sweep(&store, &config.data_dir)?;
        let id = match &config.server_id {
            Some(id) => id.clone(),
            None => store.write_blocking(installation::server_id)?,
        };
        let epoch = store.write_blocking(installation::next_epoch)?;
        let results = config.topics.results_of(&id);

        let problems = Problems::default();
        let line = Line::new(
            config.kafka.clone(),
            config.topics.clone(),
            results.clone(),
            config.topic_settings.clone(),
            tell.clone(),
            problems.clone(),
        );
        if let Some(bytes) = store.read_blocking(installation::record_bytes)? {
            line.set_record_bytes(bytes.min(config.topic_settings.record_bytes));
        }
        let files = Arc::new(Files::start(
            tell.clone(),
            store.clone(),
            kind::limits(&config.limits),
            &alarm,
        )?);
        let outbox = Outbox::new(line.clone())?;
        let (judged, verdicts) = mpsc::channel();
        let core = Core::new(Settings {
            max_attempts: config.max_attempts,
            tile_timeout: config.tile_timeout,
            ..Settings::default()
        });
        let drivers = Drivers {
            files: files.clone(),
            outbox: outbox.clone(),
            judged,
            store: store.clone(),
            results,
            events: Events::start(),
        };
        let driver = Arc::new(Driver::new(core, drivers, tell, problems));
        drop(place.set(Arc::downgrade(&driver)));
        take_up(&driver, &store, &config)?;

        let owner = Arc::new(Owner::new(epoch));
        let collector = Collector {
            owner: owner.clone(),
            alarm: alarm.clone(),
            line: line.clone(),
            outbox: outbox.clone(),
            files: files.clone(),
            store: store.clone(),
            judged: verdicts,
        };
        let over = |line: &Arc<Line>| {
            let line = line.clone();
            move || line.is_stopping()
        };
        let mut work = outbox.start(&files, &alarm)?;
        let mut look = Vec::new();
        work.push(threads::spawn("collect", &alarm, over(&line), move || {
            collector.run()
        })?);
        let of = line.clone();
        look.push(threads::spawn("heartbeats", &alarm, over(&line), move || {
            heartbeats::run(&of)
        })?);
        let (of, asked, kept) = (line.clone(), driver.clone(), store.clone());
        look.push(threads::spawn("probe", &alarm, over(&line), move || {
            probe::run(&of, &|| asked.heard(), &|bytes| {
                if let Err(error) = kept.write_blocking(move |db| installation::set_record_bytes(db, bytes)) {
                    tracing::warn!(%error, "the bound of records is not kept");
                }
            });
        })?);
        let (of, owning, sending) = (line.clone(), owner.clone(), outbox.clone());
        look.push(threads::spawn("owner", &alarm, over(&line), move || {
            owning.run(&of, &sending);
        })?);
        let of = line.clone();
        look.push(threads::spawn("trim", &alarm, over(&line), move || {
            trim::run(&of, &store, &owner);
        })?);
        let room = Arc::new(Room::of(&config.data_dir));
        let (of, looked, kept) = (line.clone(), room.clone(), driver.drivers().store.clone());
        look.push(threads::spawn("disk", &alarm, over(&line), move || {
            while !of.is_stopping() {
                of.nap(DISK);
                kept.keep_ballast();
                looked.look();
            }
        })?);
        let (of, clock) = (line.clone(), driver.clone());
        work.push(threads::spawn("clock", &alarm, over(&line), move || {
            clock.tick(|most| of.nap(most), || of.is_stopping());
        })?);
        Ok(Self {
            driver,
            line,
            room,
            config: Arc::new(config),
            jobs_dir,
            threads: Arc::new(Mutex::new(Threads { work, look })),
            commands: Arc::new((0..COMMAND_LOCKS).map(|_| tokio::sync::Mutex::new(())).collect()),
            tickets: Arc::new(AtomicU64::new(1)),
            revisions: Revisions::new(epoch),
            promises: Promises::default(),
            turns: Turns::default(),
            started: Instant::now(),
            _lock: Arc::new(lock),
        })
    }
}

/// Ends the process, once the driver is in `place`. Before that the start itself meets the same trouble.
fn alarm(place: &Arc<OnceLock<Weak<Driver>>>) -> Alarm {
    let place = place.clone();
    Arc::new(move |reason| {
        if let Some(driver) = place.get().and_then(Weak::upgrade) {
            driver.end_process(reason);
        }
    })
}

/// Reaches the driver that will be in `place`, for as long as it lives.
fn teller(place: &Arc<OnceLock<Weak<Driver>>>) -> Tell {
    let place = place.clone();
    Arc::new(move |event| {
        if let Some(driver) = place.get().and_then(Weak::upgrade) {
            driver.tell(event);
        }
    })
}

/// Tells the core of every unfinished job, as the database knows it. What is done of each is looked at when its turn comes.
/// Jobs that cannot go on are failed.
fn take_up(driver: &Driver, store: &Store, config: &EngineConfig) -> anyhow::Result<()> {
    let now = Timestamp::now_utc();
    let known = store.write_blocking(move |db| patterns::restore(db, now))?;
    driver.tell(Event::Patterns(known));
    driver.tell(Event::Costs(store.read_blocking(installation::costs)?));
    driver.tell(Event::Over(store.read_blocking(|db| jobs::over(db, MAX_OVER))?));
    for row in store.read_blocking(jobs::unfinished)? {
        let id = row.id;
        match usable(row, config) {
            Ok(spec) => {
                let decoded = check::is_decoded(&spec);
                let run = driver.drivers().files.open(spec);
                tracing::info!(job = %id, "a job goes on");
                driver.tell(Event::Accepted(Box::new(Accepted {
                    plan: run.plan(),
                    run: run.id,
                    decoded,
                    check: true,
                    resume: true,
                })));
            }
            Err(reason) => {
                tracing::warn!(job = %id, reason, "a job cannot go on");
                let ending = Ending::Failed { reason };
                let at = Timestamp::now_utc();
                store.write_blocking(move |db| jobs::end(db, id, &ending, at, 0))?;
            }
        }
    }
    Ok(())
}

fn usable(row: JobRow, config: &EngineConfig) -> Result<JobSpec, String> {
    let spec = JobSpec::from_row(row, &config.data_dir.join("jobs"))?;
    if !check::is_decoded(&spec) && !spec.folder.original().is_file() {
        return Err("the uploaded file is gone from the server's disk: submit the image again".to_owned());
    }
    Ok(spec)
}

/// Keeps a second server off the folder. The lock goes with the process, however it ends.
fn lock(config: &EngineConfig) -> anyhow::Result<File> {
    let path = config.data_dir.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => bail!(
            "another server uses the data folder {}: stop it, or give this one a folder of its own \
             (--data-dir, AZULEJO_DATA_DIR)",
            config.data_dir.display()
        ),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}
