//! `azulejo again`: another recipe on the image of an earlier job, which the server still has.

use std::path::Path;
use std::process::ExitCode;

use azulejo_imaging::{FileKind, Recipe};
use azulejo_protocol::JobId;

use crate::client::{Client, Order};
use crate::commands::job::{Ended, see_through};
use crate::commands::once::OnceArgument;
use crate::commands::place::Place;
use crate::commands::report::{Outcome, Report};
use crate::commands::{ServerArgument, WrongArgument, recipe};
use crate::signals::Signals;
use crate::targets::{Target, Targets};

/// Run another recipe on the image of an earlier job and save the result; nothing is sent.
///
/// The earlier job stays as it is. Ctrl-C, SIGTERM and SIGHUP cancel the new one.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: azulejo again 01a20544-b985-730f-82a6-b84d915d4169 'blur:sigma=2|sharpen' -o out.png"
)]
pub struct Arguments {
    /// The earlier job; `azulejo jobs` lists them.
    #[arg(value_name = "JOB")]
    job: JobId,

    /// What to do to its image: operations joined by '|'; `azulejo recipes` lists them.
    #[arg(value_name = "RECIPE", value_parser = recipe)]
    recipe: Recipe,

    /// A line of JSON on standard output instead of the name of the file saved.
    #[arg(long)]
    json: bool,

    /// Which page of the image, from 1 on: of a TIFF, a picture of an ICO, a frame of a GIF [default: that of the earlier job].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    page: Option<u32>,

    /// Have it rendered even where the server has the result from an earlier job with the same image, recipe and format.
    #[arg(long)]
    fresh: bool,

    #[command(flatten)]
    once: OnceArgument,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    server: ServerArgument,
}

/// Runs the command.
///
/// # Errors
/// When arguments do not fit together. How it went with the job is told by the exit code.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let place = &arguments.place;
    place.check()?;
    if arguments.json && place.is_output() {
        let sentence = "--json and --output - do not fit: both write to standard output";
        return Err(WrongArgument(sentence.into()).into());
    }
    let client = arguments.server.client()?.patient();
    let mut signals = Signals::install()?;
    let mut report = Report::new(arguments.json);
    let mut targets = place.targets();
    let planned = tokio::select! {
        planned = plan(&client, &arguments, &mut targets) => planned.map_err(Outcome::Problem),
        caught = signals.next() => Err(Outcome::Interrupted(caught, "no job was started".into())),
    };
    let ended = match planned {
        Ok(target) => {
            let once = arguments.once.request();
            let order = Order {
                recipe: &arguments.recipe.to_string(),
                encoding: place.encoding()?,
                page: arguments.page,
                fresh: arguments.fresh,
                once: Some(&once),
            };
            let start = client.again(arguments.job, order);
            see_through(
                &client,
                &mut signals,
                start,
                || true,
                arguments.page,
                (&mut targets, &target),
            )
            .await
        }
        Err(outcome) => Ended { job: None, outcome },
    };
    let job = arguments.job.to_string();
    report.tell(&job, &job, ended.job, &ended.outcome)?;
    Ok(report.end())
}

/// Where the result goes, before there is a job.
async fn plan(client: &Client, arguments: &Arguments, targets: &mut Targets) -> anyhow::Result<Target> {
    let earlier = client.job(arguments.job).await?;
    let kind = match arguments.place.encoding()? {
        Some(encoding) => encoding.kind(),
        // The name usually says it; where it does not, the server's name for the result does, afterwards.
        None => FileKind::from_path(Path::new(&earlier.original_filename)).unwrap_or(FileKind::Png),
    };
    targets.plan(&earlier.original_filename, &arguments.recipe.to_string(), kind)
}
