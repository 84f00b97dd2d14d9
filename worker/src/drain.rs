//! The worker's life as a small state machine: starting, running, draining, stopped; and never backwards.
//!
//! Everything that must react to the end of the worker watches one [`Lifecycle`]: the consumer stops taking tiles
//! when it says draining, heartbeats and status page tell others, and `main` waits for `stopped`.

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

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// When the handlers cannot be installed.
pub async fn signal() -> std::io::Result<&'static str> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => Ok("SIGTERM"),
            result = tokio::signal::ctrl_c() => result.map(|()| "SIGINT"),
        }
    }
    #[cfg(not(unix))]
    {
        tokio::signal::ctrl_c().await.map(|()| "Ctrl-C")
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
