//! `cargo xtask compare`: Azulejo beside OpenCV, libvips and GraphicsMagick, see `scripts/compare`.

use std::process::Command;

use anyhow::Result;

use crate::{shell, tools};

/// What it runs beside Azulejo, from PyPI.
const PEERS: [&str; 3] = [
    "numpy==2.4.6",
    "opencv-python-headless==5.0.0.93",
    "pyvips[binary]==3.2.0",
];

/// Builds `imaging/examples/measure.rs`, fetches the others, and runs the script with `arguments`.
///
/// # Errors
/// Something cannot be built or fetched, or the script fails.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut build = shell::cargo();
    build.args(["build", "--locked", "--release", "--package", "azulejo-imaging"]);
    shell::run(build.args(["--features", "files", "--example", "measure"]))?;
    let python = tools::python_with("peers", &PEERS, "the comparison")?;
    let mut script = Command::new(python);
    script.arg("scripts/compare");
    script
        .arg("--measure")
        .arg(shell::target_dir().join("release/examples/measure"));
    shell::run(script.args(arguments))
}
