//! Image files of any folder, read here and by libvips, Pillow, OpenCV and tifffile: what is right, what is wrong, what is refused.
//!
//! The work is done by a test of the crate imaging, `imaging/tests/corpus`; this runs it over a folder and shows what it says.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;

use crate::shell;

/// What to read, and whom to ask.
#[derive(Args)]
pub struct Options {
    /// Folder with image files, in folders inside of it, too.
    #[arg(value_parser = absolute)]
    folder: PathBuf,
    /// Ask this judge, and others that are named so [default: all].
    #[arg(long = "judge", value_parser = ["libvips", "Pillow", "OpenCV", "tifffile"])]
    judges: Vec<String>,
    /// Where a line of JSON for each file goes [default: target/corpus.jsonl].
    #[arg(long, value_parser = absolute)]
    results: Option<PathBuf>,
}

/// From the folder in which the command was called, which is left later.
fn absolute(path: &str) -> std::io::Result<PathBuf> {
    std::path::absolute(path)
}

/// Reads everything and prints the table; fails when a file is wrong, does not end or panics, or too many are refused.
///
/// # Errors
/// Then, and when the judges cannot be installed.
pub fn run(options: &Options) -> Result<()> {
    ensure!(
        options.folder.is_dir(),
        "{} is no folder; name one with image files",
        options.folder.display()
    );
    let results = match &options.results {
        Some(results) => results.clone(),
        None => std::path::absolute(shell::target_dir().join("corpus.jsonl"))?,
    };
    if results.exists() {
        // What an earlier run left is not taken for what this one says.
        std::fs::remove_file(&results)?;
    }
    let mut cargo = shell::cargo();
    cargo.args([
        "test",
        "--locked",
        "--package",
        "azulejo-imaging",
        "--features",
        "files",
        "--test",
        "corpus",
        "--",
        "--nocapture",
        "--exact",
        "files_of_others_are_right_or_refused_in_words",
    ]);
    cargo.env("AZULEJO_TEST_CORPUS", &options.folder);
    cargo.env("AZULEJO_TEST_CORPUS_RESULTS", &results);
    if !options.judges.is_empty() {
        cargo.env("AZULEJO_TEST_CORPUS_JUDGES", options.judges.join(","));
    }
    let outcome = shell::run(&mut cargo);
    if results.is_file() {
        shell::say(&format!("a line for each file: {}", results.display()));
    }
    outcome
}
