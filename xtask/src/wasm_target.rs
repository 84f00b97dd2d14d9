//! The target `wasm32-unknown-unknown`, which a fresh toolchain may lack.

use std::process::Command;

use anyhow::Result;

use crate::shell;

/// Makes sure that the target compiles; returns at once when it does.
pub fn ensure() -> Result<()> {
    shell::run(Command::new("bash").arg("scripts/ensure-wasm-target.sh"))
}
