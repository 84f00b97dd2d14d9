//! `cargo xtask screenshots`: every page in every state, theme and window.
#![expect(clippy::print_stdout, reason = "what was taken is what this program is for")]

use std::path::PathBuf;

use anyhow::{Context, Result};
use azulejo_end2end::screenshots::{Camera, states};

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().context("arguments are DIR [STATE...]")?);
    let mut camera = Camera::new(&folder, arguments.collect())?;
    states::tour(&mut camera).await?;
    println!("{} states and themes in {}", camera.finish()?, folder.display());
    Ok(())
}
