//! A process that outlives its starter: its id is in a file, so that another program finds it again.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The process that is described by the files in a folder: `pid`, and `log` for what it says.
#[derive(Debug)]
pub struct Process {
    folder: PathBuf,
    /// Where this program started it: to be waited for, so that it does not stay as a zombie.
    child: Option<Child>,
}

impl Process {
    /// The one of `folder`, running or not.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            child: None,
        }
    }

    /// The file with what it says.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Starts `command` in a process group of its own: Ctrl-C in a terminal does not reach it.
    pub(crate) fn start(&mut self, mut command: Command) -> Result<()> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
        fs::write(self.folder.join("pid"), child.id().to_string())?;
        self.child = Some(child);
        Ok(())
    }

    /// Its id, while it runs. An id that meanwhile belongs to another program is not taken for it: the folder has to be in
    /// its command line.
    pub fn id(&mut self) -> Option<i32> {
        if let Some(child) = &mut self.child {
            if let Ok(None) = child.try_wait() {
                return i32::try_from(child.id()).ok();
            }
            // It has ended. Another program may have started it again since.
            self.child = None;
        }
        let id: i32 = fs::read_to_string(self.folder.join("pid")).ok()?.parse().ok()?;
        let line = fs::read(format!("/proc/{id}/cmdline")).ok()?;
        let folder = self.folder.to_string_lossy();
        String::from_utf8_lossy(&line)
            .contains(folder.as_ref())
            .then_some(id)
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.id().is_some()
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        let id = self.id().context("it is not running")?;
        kill(Pid::from_raw(id), signal).with_context(|| format!("cannot send {signal} to {id}"))
    }

    /// Lets it stand still.
    ///
    /// # Errors
    /// It is not running.
    pub fn pause(&mut self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It is not running.
    pub fn resume(&mut self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Errors
    /// It is not running.
    pub fn kill_9(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.ended(Duration::from_secs(10))
    }

    /// Asks it to end and waits; kills it after `patience`. Nothing to do when it is not running.
    ///
    /// # Errors
    /// It does not even end when it is killed.
    pub fn stop(&mut self, patience: Duration) -> Result<()> {
        if !self.is_running() {
            return Ok(());
        }
        // One that stands still hears nothing else.
        let _ = self.resume();
        self.signal(Signal::SIGTERM)?;
        if self.ended(patience).is_ok() {
            return Ok(());
        }
        self.kill_9()
    }

    fn ended(&mut self, patience: Duration) -> Result<()> {
        let start = Instant::now();
        while self.is_running() {
            if start.elapsed() > patience {
                bail!(
                    "the process in {} did not end within {patience:?}",
                    self.folder.display()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child = None;
        Ok(())
    }

    /// The last lines of what it said.
    pub fn log_tail(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.len().saturating_sub(30);
        format!("--- {}\n{}", self.log().display(), lines[last..].join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that begins or ends has no command line for a moment.
    fn wait_for(mut what: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !what() {
            assert!(begun.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn what_another_program_has_started_again_is_still_the_one_of_the_folder() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let start = |process: &mut Process| {
            let mut command = Command::new("tail");
            command.arg("-f").arg(process.log());
            process.start(command)
        };
        let [mut owner, mut other] = [(); 2].map(|()| Process::in_folder(folder.path()));
        start(&mut owner)?;
        let first = owner.id();
        wait_for(|| other.is_running());
        other.kill_9()?;
        wait_for(|| !owner.is_running());
        start(&mut other)?;
        wait_for(|| owner.is_running());
        assert!(owner.id() == other.id() && owner.id() != first);
        owner.kill_9()?;
        wait_for(|| !other.is_running());
        Ok(())
    }
}
