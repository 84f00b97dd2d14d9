//! The processes of one browser: driver, browser, virtual display. None of them outlives it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// How long a process may take to end before it is killed.
const END_WITHIN: Duration = Duration::from_secs(5);

/// How an engine's driver is started and what it is asked for.
pub(super) struct Driver {
    pub(super) command: Command,
    pub(super) capabilities: Value,
}

/// Processes in the order in which they were started. Dropping them ends them and all that they started.
#[derive(Default)]
pub(super) struct Processes(Vec<Child>);

impl Processes {
    /// Starts `command` with its output in the file `log`.
    pub(super) fn start(&mut self, mut command: Command, log: &Path) -> Result<()> {
        let name = command.get_program().to_string_lossy().into_owned();
        let log = File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{name} does not start: `cargo xtask test` says what to install"))?;
        self.0.push(child);
        Ok(())
    }

    /// Starts a virtual display of `width` by `height`; gives its name.
    pub(super) fn start_display(&mut self, width: u32, height: u32) -> Result<String> {
        let screen = format!("{width}x{height}x24");
        let mut child = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", &screen, "-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("Xvfb does not start: install Debian's xvfb")?;
        let output = child.stdout.take().context("stdout is piped")?;
        self.0.push(child);
        // It chooses a free number, which it says once it is ready.
        let mut number = String::new();
        BufReader::new(output).read_line(&mut number)?;
        ensure!(!number.trim().is_empty(), "Xvfb ended before it was ready");
        Ok(format!(":{}", number.trim()))
    }

    /// Ends them, the last one first, and all that they started.
    pub(super) fn end(&mut self) {
        while let Some(mut child) = self.0.pop() {
            let started = descendants(child.id());
            // SIGTERM, not SIGKILL: chromedriver then takes Chromium with it.
            signal("TERM", &[child.id()]);
            let ended = within(END_WITHIN, || !matches!(child.try_wait(), Ok(None)));
            if !ended {
                let _ = child.kill();
                let _ = child.wait();
            }
            // Other drivers leave their browser behind.
            signal("TERM", &running(&started));
            if !within(END_WITHIN, || running(&started).is_empty()) {
                signal("KILL", &running(&started));
            }
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.end();
    }
}

fn within(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

fn signal(name: &str, ids: &[u32]) {
    if !ids.is_empty() {
        let _ = Command::new("kill")
            .arg(format!("-{name}"))
            .args(ids.iter().map(u32::to_string))
            .stderr(Stdio::null())
            .status();
    }
}

/// Id, parent and state of every process.
fn all() -> Vec<(u32, u32, String)> {
    let output = Command::new("ps").args(["-e", "-o", "pid=,ppid=,stat="]).output();
    let text = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (id, parent) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some((id, parent, words.next()?.to_owned()))
        })
        .collect()
}

/// What process `id` started, and what that started.
fn descendants(id: u32) -> Vec<u32> {
    let all = all();
    let mut found = vec![id];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(all.iter().filter(|(_, p, _)| *p == parent).map(|(id, ..)| *id));
        next += 1;
    }
    found.split_off(1)
}

/// Those of `ids` that have not ended.
fn running(ids: &[u32]) -> Vec<u32> {
    if ids.is_empty() {
        return Vec::new();
    }
    all()
        .into_iter()
        .filter(|(id, _, state)| ids.contains(id) && !state.starts_with('Z'))
        .map(|(id, ..)| id)
        .collect()
}
