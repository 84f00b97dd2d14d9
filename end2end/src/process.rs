//! One program of Azulejo as a child process: started, waited for, signalled, killed.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// How long a program may take to say that it is ready. Generous: the machine may be busy compiling.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running program. Dropping it kills it.
pub struct Program {
    name: String,
    child: Child,
    ready: String,
    lines: Receiver<String>,
    log: PathBuf,
}

/// The folder of the programs.
pub fn bin_dir() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("AZULEJO_BIN_DIR") {
        return Ok(dir.into());
    }
    // target/checks/deps/test-1234 or target/release/chaos -> target/checks or target/release
    let program = std::env::current_exe()?;
    let dir = program.parent().context("this program lies in no folder")?;
    let dir = if dir.ends_with("deps") {
        dir.parent().context("the test lies in a target folder")?
    } else {
        dir
    };
    Ok(dir.to_owned())
}

/// The folder of what the tests need beside Debian's packages; `cargo xtask test` fills it.
pub fn tools_dir() -> Result<PathBuf> {
    match std::env::var_os("AZULEJO_TOOLS") {
        Some(dir) => Ok(dir.into()),
        None => Ok(bin_dir()?.join("../tools")),
    }
}

/// The folder of the built site.
pub fn site_dir() -> Result<PathBuf> {
    match std::env::var_os("AZULEJO_SITE") {
        Some(dir) => Ok(dir.into()),
        None => Ok(bin_dir()?.join("../site")),
    }
}

/// A command for the program `name` of the version that is tested, or for the one at the path `name`, without any of the
/// environment's own settings of Azulejo.
pub fn command(name: &str) -> Result<Command> {
    let program = bin_dir()?.join(name);
    if !program.is_file() {
        bail!(
            "{} is not built: run the tests by `cargo xtask test`, which builds it",
            program.display()
        );
    }
    let mut command = Command::new(program);
    for (variable, _) in std::env::vars_os() {
        let text = variable.to_string_lossy();
        let ours = [
            "KAFKA_",
            "AZULEJO_",
            "MASTER_",
            "WORKER_",
            "TILE_",
            "MIN_IMAGE_",
            "HEARTBEAT_",
        ];
        if ours.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&variable);
        }
    }
    // Tests send the same few pictures again and again, and want them rendered.
    command.env("AZULEJO_RESULT_CACHE", "off");
    Ok(command)
}

/// The command `azulejo` with `arguments` against the server at `url`, without standard input, its output to be read.
///
/// # Errors
/// When it is not built.
pub fn azulejo(url: &str, arguments: &[&str]) -> Result<Command> {
    let mut command = command("azulejo")?;
    command.args(arguments).env("AZULEJO_SERVER", url);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}

/// Runs [`azulejo`] to its end.
///
/// # Errors
/// When it does not start.
pub async fn azulejo_says(url: &str, arguments: &[&str]) -> Result<Output> {
    let mut command = azulejo(url, arguments)?;
    tokio::task::spawn_blocking(move || command.output())
        .await?
        .context("azulejo does not start")
}

/// Runs `command` to its end and gives its standard output. What it complains of is the error.
///
/// # Errors
/// When it does not start, or fails.
pub fn must_succeed(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?}: {} {text}{errors}",
        output.status
    );
    Ok(text)
}

impl Program {
    /// Starts `name` with `arguments` and waits for its ready line on stdout; its log goes to `log_dir`.
    ///
    /// # Errors
    /// When it ends or is silent instead; the error has the end of its log.
    pub fn start(name: &str, arguments: &[&str], log_dir: &Path) -> Result<Self> {
        Self::start_with(name, arguments, &[], log_dir)
    }

    /// The same with variables in its environment.
    ///
    /// # Errors
    /// As [`Program::start`].
    pub fn start_with(
        name: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
        log_dir: &Path,
    ) -> Result<Self> {
        let started = Instant::now();
        let mut program = Self::spawn(name, arguments, environment, log_dir)?;
        loop {
            let left = READY_WITHIN.saturating_sub(started.elapsed());
            match program.lines.recv_timeout(left) {
                Ok(line) if line.contains(" is ready: ") => {
                    program.ready = line;
                    return Ok(program);
                }
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    bail!(
                        "{name} is not ready after {READY_WITHIN:?}\n{}",
                        program.log_tail()
                    )
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = program.child.wait()?;
                    bail!(
                        "{name} ended before it was ready ({status})\n{}",
                        program.log_tail()
                    )
                }
            }
        }
    }

    /// Starts it and does not wait until it is ready.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(
        name: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
        log_dir: &Path,
    ) -> Result<Self> {
        std::fs::create_dir_all(log_dir)?;
        let number = std::fs::read_dir(log_dir)?.count();
        let path = Path::new(name);
        let plain = path.file_name().context("a program has a name")?;
        let log = log_dir.join(format!("{number:03}-{}.log", plain.display()));
        let mut child = command(name)?
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            name: name.to_owned(),
            child,
            ready: String::new(),
            lines,
            log,
        })
    }

    /// What followed `is ready: ` in its ready line.
    pub fn ready(&self) -> &str {
        self.ready.split_once(" is ready: ").map_or("", |(_, rest)| rest)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Lines that it wrote on stdout after the ready line.
    pub fn stdout_lines(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill_9(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends it `signal` (`TERM`, `INT`, ...).
    ///
    /// # Errors
    /// When it is gone.
    pub fn signal(&self, signal: &str) -> Result<()> {
        let status = Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(self.child.id().to_string())
            .status()?;
        if !status.success() {
            bail!("{} could not be sent {signal}", self.name);
        }
        Ok(())
    }

    /// Asks it to end and waits; gives its exit code.
    ///
    /// # Errors
    /// When it does not end within `limit`; it is killed then.
    pub fn terminate(&mut self, limit: Duration) -> Result<i32> {
        self.signal("TERM")?;
        self.wait(limit)
    }

    /// Waits for its end; gives its exit code, -1 when a signal ended it.
    ///
    /// # Errors
    /// When it does not end within `limit`; it is killed then.
    pub fn wait(&mut self, limit: Duration) -> Result<i32> {
        let start = Instant::now();
        while start.elapsed() < limit {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code().unwrap_or(-1));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kill_9()?;
        bail!("{} did not end within {limit:?}\n{}", self.name, self.log_tail())
    }

    /// Its whole log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let text = self.log();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.len().saturating_sub(40);
        format!("--- {}\n{}", self.log.display(), lines[last..].join("\n"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.is_running() {
            let _ = self.kill_9();
        }
        if std::thread::panicking() {
            eprintln!("{}", self.log_tail());
        }
    }
}
