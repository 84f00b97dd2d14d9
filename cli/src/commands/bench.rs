//! `azulejo bench`: how fast the whole system is, file in to file out.

mod here;
mod measure;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use azulejo_imaging::Recipe;
use tempfile::TempDir;

use self::measure::{AtHand, Measurement, System};
use crate::client::{Client, Server};
use crate::commands::up::slots_per_worker;
use crate::commands::{WrongArgument, client, recipe};
use crate::figures::{Figure, compare, table};
use crate::key::Credentials;
use crate::output;
use crate::signals::{Caught, Signals};
use crate::supervisor::stack::{Plan, Stack};

/// Worker processes of a system of its own.
const WORKERS: u16 = 2;

/// The word for the embedded broker among several.
const EMBEDDED: &str = "embedded";

/// Measure the whole system: images in, results out, in tiles per second.
///
/// Without --server it starts a system of its own in a temporary folder, one after the other where --workers or --kafka name
/// several, and compares them. A time is that from sending the file to the result being ready, as a client sees it; the best of
/// --repeat runs counts. A signal, or a system that fails, ends the work, and what was measured until then is printed. TIMES APPLY says how many times as fast that is as `azulejo apply`, one process without Kafka.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: azulejo bench --workers 1,2,4 --recipe blur:sigma=8 --sizes 4096")]
pub struct Arguments {
    /// Measure this server instead of a system of its own.
    #[arg(long, env = "AZULEJO_SERVER", value_name = "URL")]
    server: Option<Server>,

    #[command(flatten)]
    credentials: Credentials,

    /// Worker processes of its own system, 1 to 64; several numbers are compared [default: 2].
    #[arg(long, value_delimiter = ',', value_name = "N,...",
        value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: Vec<u16>,

    /// Tiles that each worker renders at a time [default: cores divided by the largest number of workers, at least 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    slots: Option<u16>,

    /// Kafka for its own system; `embedded` is the embedded broker. Given several times, they are compared [default: embedded].
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Vec<String>,

    /// Sides of the square images, pixels.
    #[arg(long, value_delimiter = ',', default_value = "1024,2048,4096", value_parser = clap::value_parser!(u32).range(1..=65535))]
    sizes: Vec<u32>,

    /// A recipe to measure; can be given several times [default: the five classic operations].
    #[arg(long = "recipe", value_name = "RECIPE", value_parser = recipe,
        default_values = ["grayscale", "blur", "edge_detection", "sharpen", "rotate_90"], hide_default_value = true)]
    recipes: Vec<Recipe>,

    /// Runs of each, 1 to 100.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,

    /// Also download each result and compare its pixels with those of `azulejo apply`.
    #[arg(long)]
    verify: bool,

    /// Write the figures to a file, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Arguments {
    /// Checks what must fit together.
    ///
    /// # Errors
    /// A sentence that names the arguments.
    fn check(&self) -> Result<(), WrongArgument> {
        let of_its_own = [
            ("--workers", !self.workers.is_empty()),
            ("--kafka", !self.kafka.is_empty()),
            ("--slots", self.slots.is_some()),
        ];
        match (&self.server, of_its_own.iter().find(|(_, is_given)| *is_given)) {
            (Some(server), Some((flag, _))) => Err(WrongArgument(format!(
                "{flag} is for a system of its own, and --server (or AZULEJO_SERVER) says to measure {server}: \
                 leave one out"
            ))),
            _ => Ok(()),
        }
    }

    /// The systems of its own, in the order in which they are measured.
    fn systems(&self) -> Vec<System> {
        let workers = if self.workers.is_empty() {
            &[WORKERS]
        } else {
            self.workers.as_slice()
        };
        let embedded = [EMBEDDED.to_owned()];
        let brokers = if self.kafka.is_empty() {
            &embedded
        } else {
            self.kafka.as_slice()
        };
        // The same for all, so that only the number of workers differs.
        let most = workers.iter().copied().max().unwrap_or(WORKERS);
        let slots = self.slots.unwrap_or_else(|| slots_per_worker(most));
        let of = |broker: &String| {
            let broker = broker.clone();
            workers.iter().map(move |&workers| System {
                broker: broker.clone(),
                workers,
                slots,
            })
        };
        brokers.iter().flat_map(of).collect()
    }
}

/// Runs the command.
///
/// # Errors
/// When arguments do not fit together, the file for the figures cannot be written, the system cannot start, a job fails, or a
/// result is wrong; what was measured before that is printed all the same.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    arguments.check()?;
    // Before the work, so that it is not done in vain.
    let json = arguments.json.as_deref().map(Json::open).transpose()?;
    let mut signals = Signals::install()?;
    let folder = tempfile::Builder::new()
        .prefix("azulejo-bench-")
        .tempdir()
        .context("cannot make a folder")?;
    let mut measurement = Measurement::new(
        folder.path(),
        &arguments.sizes,
        &arguments.recipes,
        arguments.repeat,
        arguments.verify,
    );
    let mut figures = Vec::new();
    let ended = match &arguments.server {
        Some(server) => {
            let client = client(server, &arguments.credentials)?.patient();
            there(&client, &mut measurement, &mut signals, &mut figures).await
        }
        None => systems(&arguments, &mut measurement, &mut signals, &mut figures).await,
    };
    discard(folder).await;
    compare(&mut figures);
    if !figures.is_empty() {
        let (rows, numbers) = table(&figures);
        output::table(&rows, &numbers);
    }
    let written = json.map_or(Ok(()), |json| json.write(&figures));
    let caught = ended?;
    written?;
    Ok(caught.map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// Measures a server that is there. A signal cancels the job at hand; the next one does not wait for that.
async fn there(
    client: &Client,
    measurement: &mut Measurement<'_>,
    signals: &mut Signals,
    figures: &mut Vec<Figure>,
) -> anyhow::Result<Option<Caught>> {
    let at_hand = AtHand::default();
    let system = System::default();
    let measuring = measurement.measure(client, &system, &at_hand, figures);
    tokio::pin!(measuring);
    let caught = tokio::select! {
        measured = &mut measuring => return measured.map(|()| None),
        caught = signals.next() => caught,
    };
    let job = tokio::select! {
        job = at_hand.cancel(client, measuring) => job,
        _ = signals.next() => Some("the server's answer was not waited for: `azulejo jobs` says what it has".into()),
    };
    so_far(caught, job.as_deref());
    Ok(Some(caught))
}

/// Measures one system of its own after the other, until a signal comes. The next signal ends them at once.
async fn systems(
    arguments: &Arguments,
    measurement: &mut Measurement<'_>,
    signals: &mut Signals,
    figures: &mut Vec<Figure>,
) -> anyhow::Result<Option<Caught>> {
    for system in arguments.systems() {
        let data = tempfile::Builder::new()
            .prefix("data-")
            .tempdir_in(measurement.folder())
            .context("cannot make a folder")?;
        let measured = one(&system, data.path(), measurement, signals, figures).await;
        discard(data).await;
        if let Some(caught) = measured? {
            return Ok(Some(caught));
        }
    }
    Ok(None)
}

/// Starts a system, measures and stops it. It ends with what keeps it, so that whatever is not waited for is killed.
async fn one(
    system: &System,
    data: &Path,
    measurement: &mut Measurement<'_>,
    signals: &mut Signals,
    figures: &mut Vec<Figure>,
) -> anyhow::Result<Option<Caught>> {
    let stack = tokio::select! {
        stack = start(system, data.to_owned()) => stack?,
        caught = signals.next() => {
            so_far(caught, None);
            return Ok(Some(caught));
        }
    };
    let client = stack.client()?;
    let at_hand = AtHand::default();
    let measured = tokio::select! {
        measured = measurement.measure(&client, system, &at_hand, figures) => measured.map(|()| None),
        caught = signals.next() => {
            so_far(caught, None);
            Ok(Some(caught))
        }
    };
    let mut ended = measured;
    let stopping = stack.stop();
    tokio::pin!(stopping);
    loop {
        let caught = tokio::select! {
            _ = &mut stopping => return ended,
            caught = signals.next() => caught,
        };
        if !matches!(ended, Ok(None)) {
            output::say(&format!("{}: ended at once", caught.word()));
            return ended;
        }
        so_far(caught, None);
        ended = Ok(Some(caught));
    }
}

async fn start(system: &System, data_dir: PathBuf) -> anyhow::Result<Stack> {
    let System {
        broker,
        workers,
        slots,
    } = system;
    output::say(&format!(
        "starting a system of {workers} workers with {slots} slots each, broker {broker}"
    ));
    let plan = Plan {
        listen: ([127, 0, 0, 1], 0).into(),
        workers: *workers,
        slots: *slots,
        data_dir,
        kafka: (broker != EMBEDDED).then(|| broker.clone()),
        site_root: None,
        allow_remote: false,
        auth: false,
        public_hosts: Vec::new(),
        show_logs: false,
        any_kafka_port: true,
    };
    plan.start().await
}

fn so_far(caught: Caught, job: Option<&str>) {
    let job = job.map_or_else(String::new, |job| format!("{job}; "));
    output::say(&format!("{}: {job}what was measured so far:", caught.word()));
}

/// Removes a folder. Children that were killed a moment ago may still be writing in it, so it is tried for a while; what is left
/// then is among temporary files.
async fn discard(folder: TempDir) {
    let folder = folder.keep();
    // What was dropped is killed when the runtime gets to it.
    tokio::task::yield_now().await;
    for _ in 0..20 {
        if std::fs::remove_dir_all(&folder).is_ok() || !folder.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    output::say(&format!("note: {} could not be removed", folder.display()));
}

/// The file for the figures. What it held stays until there are some.
struct Json<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> Json<'a> {
    fn open(path: &'a Path) -> anyhow::Result<Self> {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .with_context(|| unwritable(path))?;
        Ok(Self { path, file })
    }

    fn write(mut self, figures: &[Figure]) -> anyhow::Result<()> {
        let json = serde_json::to_vec_pretty(figures)?;
        let written = self.file.metadata().and_then(|metadata| {
            // A pipe or a device has no length.
            if metadata.is_file() {
                self.file.set_len(0)?;
            }
            self.file.write_all(&json)
        });
        written.with_context(|| unwritable(self.path))
    }
}

fn unwritable(path: &Path) -> String {
    format!("cannot write {}", path.display())
}
