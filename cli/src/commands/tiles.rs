//! `azulejo tiles`: tiles that were given up.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use azulejo_protocol::dead::NotReplayed;
use azulejo_protocol::{JobId, JobStatus};
use clap::Subcommand;

use crate::commands::{ServerArgument, WrongArgument};
use crate::{naming, output};

const AFTER_HELP: &str = "\
Examples:
  azulejo tiles list --error panicked
  azulejo tiles replay 01a20544-b985-730f-82a6-b84d915d4169
  azulejo tiles export 01a20544-b985-730f-82a6-b84d915d4169 17 && azulejo apply --tile-report 915d4169-17.tile";

/// List tiles that were given up, have them rendered again, or save what a worker got of one.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Replay(Replay),
    Export(Export),
}

/// Which tiles are meant.
#[derive(Debug, clap::Args)]
struct Which {
    /// Only those of jobs in this state: failed, cancelled, processing.
    #[arg(long)]
    status: Option<JobStatus>,

    /// Only those whose job's recipe contains this.
    #[arg(long, value_name = "TEXT")]
    recipe: Option<String>,

    /// Only those whose error contains this.
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,

    /// Only those whose error, worker, job's recipe, file name or id contains this.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
}

impl Which {
    fn query(&self) -> Vec<(&'static str, String)> {
        let status = self.status.map(|status| status.to_string());
        let pairs = [
            ("status", status),
            ("recipe", self.recipe.clone()),
            ("error", self.error.clone()),
            ("search", self.search.clone()),
        ];
        let given = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
        given.collect()
    }
}

/// List tiles that were given up, those of the job that ended last first.
#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    which: Which,

    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,

    /// As JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    server: ServerArgument,
}

/// Give dead tiles all their attempts anew, and let their jobs go on.
///
/// What is done of a job stays done. A single tile is replayed when it is the only dead one of its job.
#[derive(Debug, clap::Args)]
struct Replay {
    /// The job; without one, those that the options name.
    #[arg(value_name = "JOB")]
    job: Option<JobId>,

    /// One tile of the job [default: all dead ones].
    #[arg(value_name = "TILE", requires = "job")]
    tile: Option<u32>,

    #[command(flatten)]
    which: Which,

    /// Every dead tile of every job.
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    server: ServerArgument,
}

/// Save what a worker got of a tile, in whatever state, as one file for `azulejo apply --tile-report`.
#[derive(Debug, clap::Args)]
struct Export {
    /// The job.
    #[arg(value_name = "JOB")]
    job: JobId,

    /// Number of the tile.
    #[arg(value_name = "TILE")]
    tile: u32,

    /// The file [default: the end of the job's id, the number of the tile and .tile].
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,

    /// Overwrite a file that is there.
    #[arg(long, short)]
    force: bool,

    #[command(flatten)]
    server: ServerArgument,
}

/// Runs the command.
///
/// # Errors
/// When arguments do not fit together, the server cannot be reached or refuses, or the file cannot be written.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::List(arguments) => list(arguments).await,
        Command::Replay(arguments) => replay(arguments).await,
        Command::Export(arguments) => export(arguments).await,
    }
}

async fn list(arguments: List) -> anyhow::Result<ExitCode> {
    let mut query = arguments.which.query();
    query.push(("limit", arguments.limit.to_string()));
    let tiles = arguments.server.client()?.dead_tiles(&query).await?;
    if arguments.json {
        output::json(&tiles)?;
        return Ok(ExitCode::SUCCESS);
    }
    let heading = [
        "JOB", "TILE", "ATTEMPTS", "STATUS", "RECIPE", "FILE", "WORKER", "ERROR",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(tiles.into_iter().map(|tile| {
        vec![
            tile.job_id.to_string(),
            tile.tile.to_string(),
            tile.attempt.to_string(),
            tile.status.to_string(),
            tile.transformation,
            tile.original_filename,
            tile.worker_id.unwrap_or_default(),
            tile.error.unwrap_or_default(),
        ]
    }));
    output::table(&rows, &[1, 2]);
    Ok(ExitCode::SUCCESS)
}

async fn replay(arguments: Replay) -> anyhow::Result<ExitCode> {
    let query = arguments.which.query();
    let wrong = |sentence: &str| Err(WrongArgument(sentence.to_owned()).into());
    match (arguments.job, query.is_empty(), arguments.all) {
        (Some(_), true, false) | (None, false, false) | (None, true, true) => {}
        (Some(_), ..) => return wrong("JOB does not go with --all, --status, --recipe, --error or --search"),
        (None, true, false) => {
            return wrong("say which: a JOB, or --error, --recipe, --search, --status, or --all");
        }
        (None, false, true) => return wrong("--all means every dead tile: leave the other options out"),
    }
    let client = arguments.server.client()?;
    if let Some(id) = arguments.job {
        let job = client.replay(id, arguments.tile).await?;
        output::line(&job.job_id.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    let mut is_refused = false;
    loop {
        let replayed = client.replay_all(&query).await?;
        for id in &replayed.jobs {
            output::line(&id.to_string());
        }
        for NotReplayed { job_id, detail, .. } in &replayed.refused {
            is_refused = true;
            output::say(&format!("{job_id}: {detail}"));
        }
        // Those that are refused would be in the way of the next ones for ever.
        if !replayed.more || replayed.jobs.is_empty() {
            if replayed.more {
                output::say("there are more: narrow down which tiles are meant");
            }
            break;
        }
    }
    Ok(if is_refused {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn export(arguments: Export) -> anyhow::Result<ExitCode> {
    let place = arguments
        .output
        .unwrap_or_else(|| format!("{}-{}.tile", arguments.job.short(), arguments.tile).into());
    naming::check(&place, arguments.force)?;
    let client = arguments.server.client()?;
    let report = client.tile_report(arguments.job, arguments.tile).await?;
    let mut draft = naming::draft(&place)?;
    draft.write_all(&report)?;
    naming::publish(draft, &place, arguments.force)?;
    output::path(&place);
    Ok(ExitCode::SUCCESS)
}
