//! The subcommands, a file each.

pub mod again;
pub mod apply;
pub mod bench;
pub mod health;
pub mod jobs;
pub mod place;
pub mod recipes;
pub mod submit;
pub mod up;
pub mod workers;

use azulejo_imaging::Recipe;

use crate::client::Server;

/// A recipe as an argument.
pub fn recipe(text: &str) -> Result<Recipe, String> {
    text.parse::<Recipe>()
        .map_err(|error| format!("{error} (`azulejo recipes` lists what there is)"))
}

/// The server to talk to, for every command that does.
#[derive(Debug, Clone, clap::Args)]
pub struct ServerArgument {
    /// Address of the server.
    #[arg(
        long,
        env = "AZULEJO_SERVER",
        default_value = "http://127.0.0.1:8000",
        value_name = "URL"
    )]
    pub server: Server,
}
