//! The subcommands, a file each.

pub mod again;
pub mod apply;
pub mod bench;
pub mod completions;
pub mod health;
pub mod job;
pub mod jobs;
pub mod keys;
pub mod man;
pub mod once;
pub mod place;
pub mod recipes;
pub mod report;
pub mod submit;
pub mod tile_report;
pub mod tiles;
pub mod top;
pub mod up;
pub mod workers;

use azulejo_imaging::Recipe;

use crate::client::{Access, Client, Server};
use crate::key::Credentials;

/// Arguments that do not fit together, or not to where the program runs: the program ends with 2, as for those that clap
/// refuses.
#[derive(Debug)]
pub struct WrongArgument(pub String);

impl std::fmt::Display for WrongArgument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongArgument {}

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

    #[command(flatten)]
    pub credentials: Credentials,
}

impl ServerArgument {
    /// A client for the server.
    ///
    /// # Errors
    /// When the key or the certificates cannot be used.
    pub fn client(&self) -> anyhow::Result<Client> {
        client(&self.server, &self.credentials)
    }
}

/// A client for `server` that has these credentials.
///
/// # Errors
/// When the key or the certificates cannot be used.
pub fn client(server: &Server, credentials: &Credentials) -> anyhow::Result<Client> {
    let access = Access {
        key: credentials.key(server).map_err(WrongArgument)?,
        roots: credentials.roots().map_err(WrongArgument)?,
    };
    Client::new(server.clone(), &access)
}
