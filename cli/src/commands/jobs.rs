//! `azulejo jobs`: the jobs of a server, newest first.

use std::process::ExitCode;

use azulejo_protocol::JobStatus;

use crate::commands::ServerArgument;
use crate::output;

/// List jobs, newest first.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only those in this state: processing, completed, failed, cancelled.
    #[arg(long)]
    status: Option<JobStatus>,

    /// Only those whose file name, recipe or id contains this.
    #[arg(long)]
    search: Option<String>,

    /// At most so many.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,

    /// As JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    server: ServerArgument,
}

/// Runs the command.
///
/// # Errors
/// When the server cannot be reached.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut query = vec![("limit", arguments.limit.to_string())];
    query.extend(arguments.status.map(|status| ("status", status.to_string())));
    query.extend(arguments.search.map(|search| ("search", search)));
    let jobs = arguments.server.client()?.jobs(&query).await?;
    if arguments.json {
        output::json(&jobs)?;
        return Ok(ExitCode::SUCCESS);
    }
    let heading = [
        "JOB", "STATUS", "TILES", "SIZE", "UNTIL", "RECIPE", "FILE", "REASON",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(jobs.into_iter().map(|job| {
        vec![
            job.job_id.to_string(),
            // Whose result it is says `--json`.
            job.cached_from
                .map_or_else(|| job.status.to_string(), |_| format!("{}, cached", job.status)),
            format!("{}/{}", job.progress.completed, job.progress.total),
            job.input_size.to_string(),
            job.expires_at
                .map(|time| time.date().to_string())
                .unwrap_or_default(),
            job.transformation,
            job.original_filename,
            job.error.unwrap_or_default(),
        ]
    }));
    output::table(&rows, &[2]);
    Ok(ExitCode::SUCCESS)
}
