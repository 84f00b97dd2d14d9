//! Screenshots of a whole installation, by the crate `azulejo-end2end`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::{chaos, debian, shell};

/// What is taken, and where it goes.
#[derive(Args)]
pub struct Options {
    /// The folder [default: target/screenshots].
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Beginnings of the names of states: `studio`, `job-failed` [default: all].
    states: Vec<String>,
}

/// Takes them; fails when a page scrolls sideways.
pub fn run(options: &Options) -> Result<()> {
    debian::ensure(true)?;
    let folder = match &options.to {
        Some(folder) => folder.clone(),
        None => shell::target_dir().join("screenshots"),
    };
    let folder = folder.to_str().context("the folder's name is no text")?;
    let mut arguments = vec![folder.to_owned()];
    arguments.extend(options.states.iter().cloned());
    chaos::program("screenshots", &arguments, None)
}
