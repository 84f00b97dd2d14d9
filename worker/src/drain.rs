//! The worker's life as a small state machine: starting, running, draining, stopped; and never backwards.
//!
//! Everything that must react to the end of the worker watches one [`Lifecycle`]: the consumer stops taking tiles
//! when it says draining, heartbeats and status page tell others, and `main` waits for `stopped`.

use std::time::{Duration, Instant};

use tokio::sync::watch;

/// Where the worker is in its life. Ordered: it only ever moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Connecting; no assignment yet.
    Starting,
    /// In the group, takes tiles.
    Running,
    /// Takes no new tile, finishes those it has.
    Draining,
    /// Everything is finished, committed and said.
    Stopped,
}

/// The one place that knows the [`Stage`].
#[derive(Debug)]
pub struct Lifecycle(watch::Sender<Stage>);

impl Default for Lifecycle {
    fn default() -> Self {
        Self(watch::Sender::new(Stage::Starting))
    }
}

impl Lifecycle {
    /// Moves on to `stage`. Returns whether that changed anything: a drain that was asked for twice, or an assignment
    /// that arrives while draining, changes nothing.
    pub fn advance(&self, stage: Stage) -> bool {
        self.0.send_if_modified(|current| {
            let forward = stage > *current;
            if forward {
                *current = stage;
            }
            forward
        })
    }

    /// Where it is now.
    pub fn stage(&self) -> Stage {
        *self.0.borrow()
    }

    /// Waits until it is at `stage` or beyond.
    pub async fn reached(&self, stage: Stage) {
        let mut changes = self.0.subscribe();
        // The sender is `self`, so it cannot be gone while this waits.
        let _ = changes.wait_for(|current| *current >= stage).await;
    }
}

/// SIGTERM and SIGINT, of which none is missed once this is made.
#[cfg(unix)]
#[derive(Debug)]
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one and returns its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Ctrl-C and Ctrl-Break, of which none is missed once this is made.
#[cfg(windows)]
#[derive(Debug)]
pub struct Signals {
    ctrl_c: tokio::signal::windows::CtrlC,
    ctrl_break: tokio::signal::windows::CtrlBreak,
}

#[cfg(windows)]
impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            ctrl_c: tokio::signal::windows::ctrl_c()?,
            ctrl_break: tokio::signal::windows::ctrl_break()?,
        })
    }

    /// Waits for the next one and returns its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.ctrl_c.recv() => "Ctrl-C",
            _ = self.ctrl_break.recv() => "Ctrl-Break",
        }
    }
}

impl Signals {
    /// Waits for a signal that comes after `grace` from now; those that come sooner repeat the one before.
    pub async fn insisted(&mut self, grace: Duration) {
        let first = Instant::now();
        loop {
            self.next().await;
            if first.elapsed() >= grace {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn life_only_moves_forward() {
        let life = Lifecycle::default();
        assert!(life.advance(Stage::Running));
        assert!(!life.advance(Stage::Running));
        assert!(life.advance(Stage::Draining));
        assert!(
            !life.advance(Stage::Running),
            "an assignment during the drain does not revive the worker"
        );
        assert!(life.advance(Stage::Stopped));
        assert_eq!(life.stage(), Stage::Stopped);
    }

    #[tokio::test]
    async fn whoever_waits_for_a_stage_is_also_woken_by_a_later_one() {
        let life = Lifecycle::default();
        let (_, ()) = tokio::join!(life.reached(Stage::Running), async {
            life.advance(Stage::Draining);
        });
    }
}
