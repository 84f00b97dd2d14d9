//! What `up` says of a part that dies and cannot be started anew.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};
use azulejo_end2end::process::command;

use crate::said::signalled;

/// A program of that name that is a script.
fn script(folder: &Path, name: &str, text: &str) -> Result<()> {
    let file = folder.join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{text}\n"))?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_lines_of_a_part_that_dies_are_lines() -> Result<()> {
    // Programs are looked for beside this one first, so it gets a folder with parts that behave as the test wants.
    let folder = tempfile::tempdir()?;
    let azulejo = folder.path().join("azulejo");
    std::fs::copy(command("azulejo")?.get_program(), &azulejo)?;
    script(
        folder.path(),
        "azulejo-server",
        "if [ -e started ]; then echo 'the disk is full' >&2; printf 'free \\033[2Jsome\\n' >&2; exit 3; fi
touch started
echo 'azulejo-server is ready: http://127.0.0.1:9'
sleep 1",
    )?;
    script(
        folder.path(),
        "azulejo-worker",
        "echo 'azulejo-worker is ready: kiln http://127.0.0.1:9'
exec sleep 600",
    )?;
    let child = Command::new(&azulejo)
        .args([
            "up",
            "--listen",
            "127.0.0.1:0",
            "--kafka",
            "127.0.0.1:9",
            "--quiet",
        ])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let said = signalled(child, "TERM").await?;
    let lines: Vec<_> = said.stderr.lines().collect();
    let at = lines
        .iter()
        .position(|line| *line == "azulejo: server ended before it was ready (exit status: 3):");
    let Some(at) = at else {
        anyhow::bail!("{said:?}");
    };
    ensure!(
        lines[at + 1] == "  the disk is full"
            && lines[at + 2].starts_with("  free \\u001b[2Jsome; trying again in"),
        "{said:?}"
    );
    Ok(())
}
