//! kcat, as Debian packages it: another client, with an older librdkafka of its own, and one that can be killed.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Runs kcat with `arguments` and `input`; gives its output.
///
/// # Errors
/// When it is not installed or fails; the error has what it said.
pub fn kcat(address: &str, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    let mut child = command(address, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start kcat: install it with `apt-get install kcat`")?;
    let mut stdin = child.stdin.take().context("stdin is piped")?;
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output()?;
    writer
        .join()
        .map_err(|_| anyhow::anyhow!("the writer panicked"))??;
    if !output.status.success() {
        bail!("kcat {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}

/// Starts kcat as a member of `group` that reads `topics`, to be killed by the caller.
///
/// # Errors
/// When it is not installed.
pub fn member(address: &str, group: &str, topic: &str, settings: &[&str]) -> Result<Child> {
    let mut arguments = Vec::new();
    for setting in settings {
        arguments.extend(["-X", setting]);
    }
    arguments.extend(["-q", "-G", group, topic]);
    command(address, &arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start kcat: install it with `apt-get install kcat`")
}

fn command(address: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("kcat");
    // cargo's runner points it at the librdkafka of this build, which kcat would load in place of its own.
    command.env_remove("LD_LIBRARY_PATH");
    command.args(["-b", address]).args(arguments);
    command
}
