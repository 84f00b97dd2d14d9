//! `azulejo again`: another recipe on the image of an earlier job, which the server still has.

use std::path::PathBuf;
use std::process::ExitCode;

use azulejo_imaging::Recipe;
use azulejo_imaging::file::FileKind;
use azulejo_protocol::JobId;

use crate::client::Client;
use crate::commands::submit::{Place, see_through};
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

    /// Kind of file for the result: png, jpeg, tiff, webp [default: what --output says, else the kind of the image].
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    format: Option<FileKind>,

    /// File for the result, whose extension says its format, or a folder [default: the server's name for it, in the current folder].
    #[arg(long, short, value_name = "PATH")]
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
/// When the server refuses, or the result cannot be saved. A job that failed is told by the exit code.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let place = Place {
        output: arguments.output.as_deref(),
        force: arguments.force,
    };
    place.check()?;
    let client = Client::new(arguments.server.server.clone())?;
    let kind = arguments.format.or(place.kind());
    let accepted = client
        .again(arguments.job, &arguments.recipe.to_string(), kind)
        .await?;
    let outcome = see_through(&client, &accepted, place).await?;
    Ok(outcome.tell(&arguments.job).unwrap_or(ExitCode::SUCCESS))
}

fn format(text: &str) -> Result<FileKind, String> {
    FileKind::from_name(text).ok_or_else(|| "there are png, jpeg, tiff and webp".to_owned())
}
