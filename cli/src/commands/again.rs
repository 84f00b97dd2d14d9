//! `azulejo again`: another recipe on the image of an earlier job, which the server still has.

use std::process::ExitCode;

use azulejo_imaging::Recipe;
use azulejo_protocol::JobId;

use crate::client::Client;
use crate::commands::place::Place;
use crate::commands::submit::see_through;
use crate::commands::{ServerArgument, recipe};

/// Run another recipe on the image of an earlier job and save the result; nothing is sent.
///
/// The earlier job stays as it is. Ctrl-C cancels the new one.
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

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    server: ServerArgument,
}

/// Runs the command.
///
/// # Errors
/// When the server refuses, or the result cannot be saved. A job that failed is told by the exit code.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let place = &arguments.place;
    place.check()?;
    let client = Client::new(arguments.server.server.clone())?;
    let encoding = place.encoding()?;
    let accepted = client
        .again(arguments.job, &arguments.recipe.to_string(), encoding)
        .await?;
    let outcome = see_through(&client, &accepted, place).await?;
    Ok(outcome.tell(&arguments.job).unwrap_or(ExitCode::SUCCESS))
}
