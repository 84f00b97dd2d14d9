//! `azulejo bench`: how fast the whole system is, file in to file out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use azulejo_imaging::Recipe;
use azulejo_imaging::file::{ApplyOptions, Decoder, Limits, apply_file};
use azulejo_protocol::JobStatus;
use indicatif::ProgressBar;

use crate::client::{Client, Server};
use crate::commands::apply::read_whole;
use crate::commands::job::follow;
use crate::commands::recipe;
use crate::commands::up::slots_per_worker;
use crate::figures::{Figure, compare, table};
use crate::signals::{Caught, Signals};
use crate::supervisor::stack::{Plan, Stack};
use crate::{output, photo};

/// How often a job is looked at: the resolution of the times.
const LOOK: Duration = Duration::from_millis(10);

/// The word for the embedded broker among several.
const EMBEDDED: &str = "embedded";

/// Measure the whole system: images in, results out, in tiles per second.
///
/// Without --server it starts a system of its own in a temporary folder, one after the other where --workers or --kafka name
/// several, and compares them. A time is that from sending the file to the result being ready, as a client sees it; the best of
/// --repeat runs counts. TIMES APPLY says how many times as fast that is as `azulejo apply`, one process without Kafka.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: azulejo bench --workers 1,2,4 --recipe blur:sigma=8 --sizes 4096")]
pub struct Arguments {
    /// Measure this server instead of one of its own.
    #[arg(long, env = "AZULEJO_SERVER", value_name = "URL")]
    server: Option<Server>,

    /// Worker processes of its own system, 1 to 64; several numbers are compared.
    #[arg(long, default_value = "2", value_delimiter = ',', value_name = "N,...",
        value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: Vec<u16>,

    /// Tiles that each worker renders at a time [default: cores divided by the largest number of workers, at least 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    slots: Option<u16>,

    /// Kafka for its own system; `embedded` is the embedded broker. Given several times, they are compared.
    #[arg(long, value_name = "HOST:PORT", default_value = EMBEDDED)]
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

/// A system of its own.
struct System {
    broker: String,
    workers: u16,
    slots: u16,
}

/// Runs the command.
///
/// # Errors
/// When the system cannot start, a job fails, or a result is wrong.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::install()?;
    let folder = tempfile::Builder::new()
        .prefix("azulejo-bench-")
        .tempdir()
        .context("cannot make a folder")?;
    let mut figures = Vec::new();
    let mut bench = Bench {
        arguments: &arguments,
        folder: folder.path(),
        apply: HashMap::new(),
    };
    let interrupted = match &arguments.server {
        Some(server) => {
            let client = Client::new(server.clone())?;
            let system = System {
                broker: String::new(),
                workers: 0,
                slots: 0,
            };
            bench.until(&mut signals, &client, &system, &mut figures).await?
        }
        None => systems(&mut bench, &mut signals, &mut figures).await?,
    };
    compare(&mut figures);
    let (rows, numbers) = table(&figures);
    output::table(&rows, &numbers);
    if let Some(file) = &arguments.json {
        let json = serde_json::to_string_pretty(&figures)?;
        std::fs::write(file, json).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(interrupted.map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// Measures one system after the other, until a signal comes.
async fn systems(
    bench: &mut Bench<'_>,
    signals: &mut Signals,
    figures: &mut Vec<Figure>,
) -> anyhow::Result<Option<Caught>> {
    let arguments = bench.arguments;
    // The same for all, so that only the number of workers differs.
    let most = arguments.workers.iter().copied().max().unwrap_or(1);
    let slots = arguments.slots.unwrap_or_else(|| slots_per_worker(most));
    for broker in &arguments.kafka {
        for &workers in &arguments.workers {
            let system = System {
                broker: broker.clone(),
                workers,
                slots,
            };
            let data = bench.folder.join(format!("data-{}", figures.len()));
            let stack = start(&system, data).await?;
            let result = match stack.client() {
                Ok(client) => bench.until(signals, &client, &system, figures).await,
                Err(error) => Err(error),
            };
            stack.stop().await;
            if let Some(caught) = result? {
                return Ok(Some(caught));
            }
        }
    }
    Ok(None)
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
        show_logs: false,
        any_kafka_port: true,
    };
    plan.start().await
}

/// What all measurements share.
struct Bench<'a> {
    arguments: &'a Arguments,
    folder: &'a Path,
    /// Seconds that `apply` took, by recipe and side.
    apply: HashMap<(String, u32), f64>,
}

impl Bench<'_> {
    /// Measures one system; gives the signal that ended it early.
    async fn until(
        &mut self,
        signals: &mut Signals,
        client: &Client,
        system: &System,
        figures: &mut Vec<Figure>,
    ) -> anyhow::Result<Option<Caught>> {
        tokio::select! {
            result = self.measure(client, system, figures) => result.map(|()| None),
            caught = signals.next() => {
                output::say(&format!("{}: what was measured so far:", caught.word()));
                Ok(Some(caught))
            }
        }
    }

    async fn measure(
        &mut self,
        client: &Client,
        system: &System,
        figures: &mut Vec<Figure>,
    ) -> anyhow::Result<()> {
        let arguments = self.arguments;
        for &side in &arguments.sizes {
            let image = self.folder.join(format!("photo-{side}.png"));
            if !image.exists() {
                let path = image.clone();
                tokio::task::spawn_blocking(move || photo::write(&path, side)).await??;
            }
            for recipe in &arguments.recipes {
                let apply_seconds = self.apply_seconds(recipe, &image, side).await?;
                let mut best: Option<Figure> = None;
                for _ in 0..arguments.repeat {
                    let figure = once(client, recipe, &image, side, arguments.verify).await?;
                    if best.as_ref().is_none_or(|best| figure.seconds < best.seconds) {
                        best = Some(figure);
                    }
                }
                figures.extend(best.map(|figure| Figure {
                    broker: system.broker.clone(),
                    workers: system.workers,
                    slots: system.slots,
                    apply_seconds: Some(apply_seconds),
                    ..figure
                }));
                output::say(&format!(
                    "{recipe} at {side}: {:.2} s",
                    figures.last().map_or(0.0, |figure| figure.seconds)
                ));
            }
        }
        Ok(())
    }

    /// The best of --repeat runs of `apply`, measured once for each recipe and side.
    async fn apply_seconds(&mut self, recipe: &Recipe, image: &Path, side: u32) -> anyhow::Result<f64> {
        let key = (recipe.to_string(), side);
        if let Some(seconds) = self.apply.get(&key) {
            return Ok(*seconds);
        }
        let mut best = f64::INFINITY;
        for _ in 0..self.arguments.repeat {
            let result = tempfile::NamedTempFile::new_in(self.folder).context("cannot make a file")?;
            let (recipe, image) = (recipe.clone(), image.to_owned());
            let started = Instant::now();
            tokio::task::spawn_blocking(move || {
                apply_file(
                    &recipe,
                    &image,
                    result.path(),
                    &ApplyOptions::default(),
                    &mut |_| true,
                )
            })
            .await??;
            best = best.min(started.elapsed().as_secs_f64());
        }
        self.apply.insert(key, best);
        Ok(best)
    }
}

async fn once(
    client: &Client,
    recipe: &Recipe,
    image: &Path,
    side: u32,
    verify: bool,
) -> anyhow::Result<Figure> {
    let started = Instant::now();
    let accepted = client
        .process(image, &recipe.to_string(), None, &ProgressBar::hidden())
        .await?;
    let job = follow(client, accepted.job_id, LOOK, |_| {}).await?;
    let seconds = started.elapsed().as_secs_f64();
    if job.status != JobStatus::Completed {
        bail!(
            "{recipe} at {side}: {}",
            job.error.unwrap_or_else(|| job.status.to_string())
        );
    }
    let verified = if verify {
        let downloaded = tempfile::NamedTempFile::new().context("cannot make a file")?;
        client
            .download(job.job_id, downloaded.reopen()?, &ProgressBar::hidden())
            .await?;
        let (image, recipe) = (image.to_owned(), recipe.clone());
        let same =
            tokio::task::spawn_blocking(move || same_pixels(&image, &recipe, downloaded.path())).await??;
        if !same {
            bail!(
                "{} at {side}: the result differs from that of `azulejo apply`",
                job.transformation
            );
        }
        Some(true)
    } else {
        None
    };
    Ok(Figure {
        broker: String::new(),
        workers: 0,
        slots: 0,
        recipe: recipe.to_string(),
        side,
        tiles: job.total_tiles,
        seconds,
        tiles_per_second: f64::from(job.total_tiles) / seconds,
        megapixels_per_second: f64::from(side).powi(2) / 1e6 / seconds,
        apply_seconds: None,
        speed_up: None,
        times_first_broker: None,
        verified,
    })
}

fn same_pixels(image: &Path, recipe: &Recipe, result: &Path) -> anyhow::Result<bool> {
    let expected = tempfile::NamedTempFile::new().context("cannot make a file")?;
    apply_file(
        recipe,
        image,
        expected.path(),
        &ApplyOptions::default(),
        &mut |_| true,
    )?;
    let read = |file: &Path| read_whole(&mut Decoder::open(file, &Limits::default())?);
    Ok(read(expected.path())? == read(result)?)
}
