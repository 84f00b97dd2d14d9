//! `azulejo workers`: who renders.

use std::process::ExitCode;

use crate::commands::ServerArgument;
use crate::output;

/// List the workers that the server knows of.
#[derive(Debug, clap::Args)]
pub struct Arguments {
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
    let workers = arguments.server.client()?.workers().await?;
    if arguments.json {
        output::json(&workers)?;
        return Ok(ExitCode::SUCCESS);
    }
    let heading = [
        "WORKER",
        "STATUS",
        "BUSY",
        "TILES",
        "FAILED",
        "PER MINUTE",
        "MS PER TILE",
        "PARTITIONS",
        "MEMORY",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(workers.into_iter().map(|worker| {
        vec![
            worker.worker_id,
            worker.status.name().to_owned(),
            format!("{}/{}", worker.busy, worker.slots),
            worker.tasks_processed.to_string(),
            worker.tasks_failed.to_string(),
            format!("{:.0}", worker.tasks_per_minute),
            format!("{:.1}", worker.avg_processing_time * 1000.0),
            worker.partitions.len().to_string(),
            output::memory(worker.memory_bytes),
        ]
    }));
    output::table(&rows, &[2, 3, 4, 5, 6, 7, 8]);
    Ok(ExitCode::SUCCESS)
}
