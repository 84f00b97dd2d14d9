//! `azulejo bench`: how fast the whole system is, file in to file out.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use azulejo_imaging::Recipe;
use azulejo_imaging::file::{ApplyOptions, Decoder, Limits, apply_file};
use azulejo_protocol::JobStatus;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::client::{Client, Server};
use crate::commands::apply::read_whole;
use crate::commands::recipe;
use crate::commands::submit::follow;
use crate::commands::up::{Interrupts, slots_per_worker};
use crate::supervisor::stack::{Plan, Stack};
use crate::{output, photo};

/// How often a job is looked at: the resolution of the times.
const LOOK: Duration = Duration::from_millis(10);

/// What the system that Azulejo replaces publishes for an image of that side, seconds (two workers from 2048 on).
const PUBLISHED: [(u32, f64); 3] = [(1024, 12.0), (2048, 23.0), (4096, 90.0)];

/// Measure the whole system: images in, results out, in tiles per second.
///
/// Without --server it starts a system of its own in a temporary folder. A time is that from sending the file to the result
/// being ready, as a client sees it; the best of --repeat runs counts.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Measure this server instead of one of its own.
    #[arg(long, env = "AZULEJO_SERVER", value_name = "URL")]
    server: Option<Server>,

    /// Worker processes of its own system, 1 to 64.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,

    /// Tiles that each worker renders at a time [default: cores divided by workers, at least 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    slots: Option<u16>,

    /// Kafka for its own system, instead of the embedded broker.
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,

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

/// One line of the table.
#[derive(Debug, Serialize)]
struct Figure {
    recipe: String,
    side: u32,
    tiles: u32,
    seconds: f64,
    tiles_per_second: f64,
    megapixels_per_second: f64,
    /// How many times as fast as the published figure; only for sizes that have one.
    times_published: Option<f64>,
    verified: Option<bool>,
}

/// Runs the command.
///
/// # Errors
/// When the system cannot start, a job fails, or a result is wrong.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut interrupts = Interrupts::install()?;
    let folder = tempfile::Builder::new()
        .prefix("azulejo-bench-")
        .tempdir()
        .context("cannot make a folder")?;
    let stack = match &arguments.server {
        Some(_) => None,
        None => Some(start(&arguments, folder.path()).await?),
    };
    let client = match (&stack, &arguments.server) {
        (Some(stack), _) => stack.client()?,
        (None, Some(server)) => Client::new(server.clone())?,
        (None, None) => bail!("there is no server to measure"),
    };
    let result = tokio::select! {
        result = measure(&client, &arguments, folder.path()) => result,
        () = interrupts.next() => Err(anyhow::anyhow!("interrupted")),
    };
    if let Some(stack) = stack {
        stack.stop().await;
    }
    let figures = result?;
    if let Some(file) = &arguments.json {
        let json = serde_json::to_string_pretty(&figures)?;
        std::fs::write(file, json).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn start(arguments: &Arguments, folder: &Path) -> anyhow::Result<Stack> {
    let slots = arguments
        .slots
        .unwrap_or_else(|| slots_per_worker(arguments.workers));
    eprintln!(
        "starting a system of {} workers with {slots} slots each",
        arguments.workers
    );
    let plan = Plan {
        listen: ([127, 0, 0, 1], 0).into(),
        workers: arguments.workers,
        slots,
        data_dir: folder.join("data"),
        kafka: arguments.kafka.clone(),
        site_root: None,
        allow_remote: false,
        show_logs: false,
        any_kafka_port: true,
    };
    plan.start().await
}

async fn measure(client: &Client, arguments: &Arguments, folder: &Path) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for &side in &arguments.sizes {
        let image = folder.join(format!("photo-{side}.png"));
        let path = image.clone();
        tokio::task::spawn_blocking(move || photo::write(&path, side)).await??;
        for recipe in &arguments.recipes {
            let mut best: Option<Figure> = None;
            for _ in 0..arguments.repeat {
                let figure = once(client, recipe, &image, side, arguments.verify).await?;
                if best.as_ref().is_none_or(|best| figure.seconds < best.seconds) {
                    best = Some(figure);
                }
            }
            figures.extend(best);
            eprint!(".");
        }
    }
    eprintln!();
    print(&figures);
    Ok(figures)
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
        recipe: recipe.to_string(),
        side,
        tiles: job.total_tiles,
        seconds,
        tiles_per_second: f64::from(job.total_tiles) / seconds,
        megapixels_per_second: f64::from(side).powi(2) / 1e6 / seconds,
        times_published: PUBLISHED
            .iter()
            .find(|(size, _)| *size == side)
            .map(|(_, published)| published / seconds),
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

fn print(figures: &[Figure]) {
    let heading = [
        "RECIPE",
        "SIZE",
        "TILES",
        "SECONDS",
        "TILES/S",
        "MPIXEL/S",
        "TIMES PUBLISHED",
        "PIXELS",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(figures.iter().map(|figure| {
        vec![
            figure.recipe.clone(),
            format!("{0}x{0}", figure.side),
            figure.tiles.to_string(),
            format!("{:.2}", figure.seconds),
            format!("{:.1}", figure.tiles_per_second),
            format!("{:.1}", figure.megapixels_per_second),
            figure
                .times_published
                .map_or_else(|| "-".into(), |times| format!("{times:.0}")),
            figure.verified.map_or("-", |_| "same as apply").to_owned(),
        ]
    }));
    output::table(&rows, &[2, 3, 4, 5, 6]);
}
