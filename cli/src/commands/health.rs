//! `azulejo health`: whether a job would succeed now, for people and for scripts.

use std::process::ExitCode;

use crate::client::Client;
use crate::commands::ServerArgument;
use crate::output;

/// Say whether a job would succeed now; the exit code says it, too.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// As JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    server: ServerArgument,
}

/// Runs the command: 0 when Kafka is connected and a worker is live, 1 otherwise.
///
/// # Errors
/// When the server cannot be reached.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let health = Client::new(arguments.server.server)?.health().await?;
    if arguments.json {
        output::line(&serde_json::to_string_pretty(&health)?);
    } else {
        let kafka = if health.kafka_connected {
            "connected"
        } else {
            "away"
        };
        let rows: Vec<Vec<String>> = [
            ("status", health.status.clone()),
            ("kafka", format!("{kafka} ({})", health.kafka_broker)),
            (
                "workers",
                format!("{} with {} slots", health.workers, health.slots),
            ),
            (
                "jobs",
                format!(
                    "{} under way, {} tiles in flight",
                    health.jobs_processing, health.tiles_in_flight
                ),
            ),
            (
                "speed",
                format!(
                    "{:.1} tiles/s, oldest tile {:.1} s",
                    health.tiles_per_second, health.lag_seconds
                ),
            ),
            (
                "server",
                format!("version {}, up for {:.0} s", health.version, health.uptime),
            ),
        ]
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect();
        output::table(&rows, &[]);
    }
    let well = health.kafka_connected && health.workers > 0;
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
