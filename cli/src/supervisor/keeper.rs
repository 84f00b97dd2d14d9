//! Keeps one program running: when it dies it is started anew, after a pause that grows while it keeps dying.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::output;
use crate::supervisor::child::{Child, NotReady, Program};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A child that lived for so long is taken to be well: the next pause is short again.
const WELL_AFTER: Duration = Duration::from_secs(60);

/// How long a start may take. A broker with a long log checks its tail first.
pub const START_PATIENCE: Duration = Duration::from_secs(60);

/// A program that is kept running.
pub struct Keeper {
    name: String,
    address: String,
    stop: watch::Sender<Option<Duration>>,
    task: JoinHandle<bool>,
}

impl Keeper {
    /// Starts `program` and waits until it is ready; from then on keeps it running. With `pin`, later starts listen on the
    /// port that the first one got.
    ///
    /// # Errors
    /// When the first start fails: that is for a person to look at, not for trying again.
    pub async fn start(mut program: Program, pin: bool) -> anyhow::Result<Self> {
        let mut child = program.start()?;
        let address = child.ready(START_PATIENCE).await?;
        if pin {
            set_listen(&mut program.arguments, &address);
        }
        let (stop, stopped) = watch::channel(None);
        let name = program.name.clone();
        Ok(Self {
            name,
            address,
            stop,
            task: tokio::spawn(keep(program, child, stopped, START_PATIENCE)),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Ends it; kills it after `patience`. Returns whether it ended by itself and well. When this is not waited for to its end,
    /// it is killed at once.
    pub async fn stop(mut self, patience: Duration) -> bool {
        let _ = self.stop.send(Some(patience));
        (&mut self.task).await.unwrap_or_else(|error| {
            output::say(&format!("azulejo: {} could not be stopped: {error}", self.name));
            false
        })
    }
}

impl Drop for Keeper {
    /// A child that nobody keeps is killed: it ends with the task that holds it.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Replaces the value after `--listen`.
fn set_listen(arguments: &mut Vec<String>, address: &str) {
    match arguments.iter().position(|argument| argument == "--listen") {
        Some(index) if index + 1 < arguments.len() => arguments[index + 1] = address.to_owned(),
        _ => arguments.extend(["--listen".to_owned(), address.to_owned()]),
    }
}

/// Longer and longer, up to a bound.
fn next_pause(pause: Duration) -> Duration {
    (pause * 2).min(LONGEST_PAUSE)
}

async fn keep(
    program: Program,
    mut child: Child,
    mut stop: watch::Receiver<Option<Duration>>,
    start_patience: Duration,
) -> bool {
    let mut pause = FIRST_PAUSE;
    loop {
        let started = Instant::now();
        let patience = tokio::select! {
            patience = asked(&mut stop) => Some(patience),
            status = child.ended() => {
                let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                output::say(&format!("azulejo: {} died ({status}) and is started anew", program.name));
                None
            }
        };
        if let Some(patience) = patience {
            return child.stop(patience).await;
        }
        if started.elapsed() > WELL_AFTER {
            pause = FIRST_PAUSE;
        }
        child = loop {
            tokio::select! {
                _ = asked(&mut stop) => return true,
                () = tokio::time::sleep(pause) => {}
            }
            pause = next_pause(pause);
            let mut next = match program.start() {
                Ok(next) => next,
                Err(error) => {
                    output::say_lines(&format!(
                        "azulejo: {error:#}; trying again in {:.1} s",
                        pause.as_secs_f32()
                    ));
                    continue;
                }
            };
            let restarted = Instant::now();
            let ready = tokio::select! {
                patience = asked(&mut stop) => return next.stop(patience).await,
                ready = ready_at_last(&mut next, start_patience) => ready,
            };
            match ready {
                Ok(address) => {
                    output::say(&format!("azulejo: {} is ready again at {address}", program.name));
                    break next;
                }
                Err(error) => {
                    if restarted.elapsed() > WELL_AFTER {
                        pause = FIRST_PAUSE;
                    }
                    output::say_lines(&format!(
                        "azulejo: {error:#}; trying again in {:.1} s",
                        pause.as_secs_f32()
                    ));
                }
            }
            next.stop(Duration::from_secs(5)).await;
        };
    }
}

/// Waits for a restarted child, however long it takes while it runs. The server says that it is ready only once Kafka answers,
/// yet serves pages and takes uploads before: to stop it for being late would take them away for as long as Kafka is.
async fn ready_at_last(child: &mut Child, patience: Duration) -> anyhow::Result<String> {
    let mut is_said = false;
    loop {
        match child.ready(patience).await {
            Ok(address) => return Ok(address),
            Err(NotReady::Failed(error)) => return Err(error),
            Err(NotReady::Silent(error)) if !is_said => {
                output::say_lines(&format!(
                    "azulejo: {error:#}\nazulejo: it runs and is left to; it is started anew only if it ends"
                ));
                is_said = true;
            }
            Err(NotReady::Silent(_)) => {}
        }
    }
}

/// Waits until the keeper is asked to stop. A keeper that was dropped stops at once.
async fn asked(stop: &mut watch::Receiver<Option<Duration>>) -> Duration {
    match stop.wait_for(Option::is_some).await {
        Ok(patience) => patience.unwrap_or_default(),
        Err(_) => Duration::ZERO,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_and_is_bounded() {
        let mut pause = FIRST_PAUSE;
        for _ in 0..20 {
            assert!(next_pause(pause) >= pause);
            pause = next_pause(pause);
        }
        assert_eq!(pause, LONGEST_PAUSE);
    }

    #[test]
    fn a_restart_listens_where_the_first_start_did() {
        let mut arguments = vec!["--listen".to_owned(), "127.0.0.1:0".to_owned(), "--x".to_owned()];
        set_listen(&mut arguments, "127.0.0.1:7");
        assert_eq!(arguments, ["--listen", "127.0.0.1:7", "--x"]);
    }

    #[tokio::test]
    async fn a_child_that_dies_comes_back_and_stops_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let starts = folder.path().join("starts");
        let script = format!(
            "trap 'exit 0' INT; echo x >> {0}; echo 'child is ready: a:1'; [ $(wc -l < {0}) -gt 1 ] || exit 1; \
             while :; do sleep 0.05; done",
            starts.display()
        );
        let keeper = Keeper::start(shell(script), false).await.unwrap();
        assert_eq!(keeper.address(), "a:1");
        until("it was started anew", || lines(&starts) == 2).await;
        assert!(keeper.stop(Duration::from_secs(20)).await);
    }

    #[tokio::test]
    async fn a_restarted_child_that_runs_but_is_not_ready_is_left_running() {
        let folder = tempfile::tempdir().unwrap();
        let (starts, beats) = (folder.path().join("starts"), folder.path().join("beats"));
        // Ready at once and then gone; the second time alive and silent.
        let script = format!(
            "trap 'exit 0' INT; echo x >> {0}; [ $(wc -l < {0}) -gt 1 ] || {{ echo 'child is ready: a:1'; exit 1; }}; \
             while :; do echo $$ >> {1}; sleep 0.05; done",
            starts.display(),
            beats.display()
        );
        let program = shell(script);
        let mut child = program.start().unwrap();
        child.ready(Duration::from_secs(20)).await.unwrap();
        let (stop, stopped) = watch::channel(None);
        let keeping = tokio::spawn(keep(program, child, stopped, Duration::from_millis(50)));
        // It lives for many times the patience, and is the only one after the first.
        until("it lived on", || lines(&beats) > 30).await;
        assert_eq!(lines(&starts), 2, "it was started anew for being late");
        stop.send(Some(Duration::from_secs(20))).unwrap();
        assert!(keeping.await.unwrap());
    }

    #[tokio::test]
    async fn a_stop_that_is_not_waited_for_kills_the_child() {
        let folder = tempfile::tempdir().unwrap();
        let beats = folder.path().join("beats");
        let script = format!(
            "trap '' INT; echo 'child is ready: a:1'; while :; do echo x >> {}; sleep 0.05; done",
            beats.display()
        );
        let keeper = Keeper::start(shell(script), false).await.unwrap();
        until("it runs", || lines(&beats) > 0).await;
        let stopping =
            tokio::time::timeout(Duration::from_millis(200), keeper.stop(Duration::from_secs(600)));
        stopping.await.unwrap_err();
        tokio::time::sleep(Duration::from_millis(200)).await;
        let then = lines(&beats);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(lines(&beats), then, "it runs on");
    }

    fn shell(script: String) -> Program {
        Program {
            name: "child".into(),
            path: "/bin/sh".into(),
            arguments: vec!["-c".into(), script],
            show_log: false,
        }
    }

    fn lines(file: &std::path::Path) -> usize {
        std::fs::read_to_string(file).map_or(0, |text| text.lines().count())
    }

    async fn until(what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_so() {
            assert!(Instant::now() < deadline, "waited in vain until {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
