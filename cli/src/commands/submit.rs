//! `azulejo submit`: sends images through a running system and saves the results.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use azulejo_imaging::Recipe;
use azulejo_protocol::{Job, JobId, JobStatus, Progress};
use indicatif::ProgressBar;

use crate::client::{Accepted, Client, Refused};
use crate::commands::place::Place;
use crate::commands::{ServerArgument, recipe};
use crate::{naming, output};

/// Exit code for a job that failed or was cancelled by someone else.
const JOB_ENDED: u8 = 3;
/// Exit code after Ctrl-C, as shells have it.
const INTERRUPTED: u8 = 130;

/// How often the job is looked at.
const LOOK: Duration = Duration::from_millis(150);

/// How long a server may be away (it may be restarting: the job goes on) before the command gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Send images through a running system and save the results.
///
/// Each image goes up in a stream, its tiles are shown as they land, and the result is saved whole or not at all.
/// Ctrl-C cancels the job.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: azulejo submit photo.jpg --recipe 'blur:sigma=2|sharpen' -o out.png")]
pub struct Arguments {
    /// The images.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,

    /// What to do to them: operations joined by '|'; `azulejo recipes` lists them.
    #[arg(long, short, value_name = "RECIPE", value_parser = recipe)]
    recipe: Recipe,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    server: ServerArgument,
}

impl Arguments {
    /// Checks what must fit together.
    ///
    /// # Errors
    /// A sentence that names the argument.
    pub fn check(&self) -> anyhow::Result<()> {
        if let Some(output) = &self.place.output
            && self.images.len() > 1
            && !output.is_dir()
        {
            bail!(
                "--output {} must be a folder when there are several images",
                output.display()
            );
        }
        self.place.check()
    }
}

/// Runs the command.
///
/// # Errors
/// When an image cannot be sent or its result cannot be saved. A job that failed is told by the exit code.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    arguments.check()?;
    let client = Client::new(arguments.server.server.clone())?;
    for image in &arguments.images {
        let outcome = submit(&client, image, &arguments).await?;
        if let Some(code) = outcome.tell(&image.display()) {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How it went with a job.
#[derive(Debug)]
pub enum Outcome {
    /// The result is in this file.
    Saved(PathBuf),
    /// It has ended without a result, for this reason.
    Ended(String),
    /// Ctrl-C.
    Interrupted,
}

impl Outcome {
    /// Says it, of `subject`; gives the exit code of what did not end with a result.
    pub fn tell(self, subject: &dyn std::fmt::Display) -> Option<ExitCode> {
        match self {
            Self::Saved(place) => {
                output::line(&place.display().to_string());
                None
            }
            Self::Ended(reason) => {
                eprintln!("error: {subject}: {reason}");
                Some(ExitCode::from(JOB_ENDED))
            }
            Self::Interrupted => Some(ExitCode::from(INTERRUPTED)),
        }
    }
}

async fn submit(client: &Client, image: &Path, arguments: &Arguments) -> anyhow::Result<Outcome> {
    let recipe = arguments.recipe.to_string();
    let encoding = arguments.place.encoding()?;
    let bar = output::byte_bar("upload", 0);
    let accepted = tokio::select! {
        accepted = client.process(image, &recipe, encoding, &bar) => accepted?,
        _ = tokio::signal::ctrl_c() => {
            bar.abandon();
            eprintln!("interrupted: the upload was not finished, there is no job");
            return Ok(Outcome::Interrupted);
        }
    };
    bar.finish();
    see_through(client, &accepted, &arguments.place).await
}

/// Shows the tiles of an accepted job as they land and saves its result; Ctrl-C cancels it.
///
/// # Errors
/// When the server stays away or the result cannot be saved.
pub async fn see_through(client: &Client, accepted: &Accepted, place: &Place) -> anyhow::Result<Outcome> {
    let bar = output::tile_bar(u64::from(accepted.total_tiles));
    let job = tokio::select! {
        job = follow(client, accepted.job_id, LOOK, |progress| show(&bar, progress)) => job?,
        _ = tokio::signal::ctrl_c() => {
            bar.abandon();
            cancel(client, accepted.job_id).await;
            return Ok(Outcome::Interrupted);
        }
    };
    match job.status {
        JobStatus::Completed => bar.finish(),
        JobStatus::Cancelled => {
            bar.abandon();
            return Ok(Outcome::Ended(format!("job {} was cancelled", job.job_id)));
        }
        JobStatus::Failed | JobStatus::Processing => {
            bar.abandon();
            let reason = job.error.unwrap_or_else(|| "no reason was given".into());
            return Ok(Outcome::Ended(format!("job {} failed: {reason}", job.job_id)));
        }
    }
    let force = place.force;
    let place = naming::place(place.output.as_deref(), &job.result_filename);
    naming::check(&place, force)?;
    let draft = naming::draft(&place)?;
    let bar = output::byte_bar("download", job.output_bytes.unwrap_or(0));
    client.download(job.job_id, draft.reopen()?, &bar).await?;
    naming::publish(draft, &place, force)?;
    bar.finish();
    Ok(Outcome::Saved(place))
}

fn show(bar: &ProgressBar, progress: &Progress) {
    bar.set_length(u64::from(progress.total));
    bar.set_position(u64::from(progress.completed));
}

/// The tiles by state, and the whole job once it has ended.
async fn look(client: &Client, id: JobId) -> anyhow::Result<(Progress, Option<Job>)> {
    let (status, progress) = client.progress(id).await?;
    if status.is_some_and(|status| !status.is_final()) {
        return Ok((progress, None));
    }
    let job = client.job(id).await?;
    Ok((job.progress, job.status.is_final().then_some(job)))
}

async fn cancel(client: &Client, job: JobId) {
    match client.cancel(job).await {
        Ok(()) => eprintln!("interrupted: job {job} is cancelled"),
        Err(error) => eprintln!("interrupted, but job {job} could not be cancelled: {error:#}"),
    }
}

/// Looks at a job every `pause` until it has ended. A server that is away for a while is waited for.
///
/// # Errors
/// When the server refuses to tell or stays away.
pub async fn follow(
    client: &Client,
    id: JobId,
    pause: Duration,
    mut seen: impl FnMut(&Progress),
) -> anyhow::Result<Job> {
    let mut away: Option<Instant> = None;
    loop {
        match look(client, id).await {
            Ok((progress, ended)) => {
                away = None;
                seen(&progress);
                if let Some(job) = ended {
                    return Ok(job);
                }
            }
            Err(error)
                if error
                    .downcast_ref::<Refused>()
                    .is_some_and(|refused| refused.status < 500) =>
            {
                return Err(error);
            }
            Err(error) => {
                if away.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                    return Err(error.context(format!("job {id} may still be running")));
                }
            }
        }
        tokio::time::sleep(pause).await;
    }
}
