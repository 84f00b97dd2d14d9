//! The signals that end a command in order: Ctrl-C (SIGINT), SIGTERM and SIGHUP, and the exit codes that shells have for
//! them. Windows has Ctrl-C, Ctrl-Break and the end of the console instead.

mod caught;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::time::{Duration, Instant};

pub use caught::Caught;
#[cfg(unix)]
pub use unix::{Interrupts, Signals};
#[cfg(windows)]
pub use windows::{Interrupts, Signals};

impl Interrupts {
    /// Waits for one that comes after `grace` from now: a stop is often told twice at once, such as by systemd to all processes of
    /// a unit and by a person to their terminal's group.
    pub async fn insisted(&mut self, grace: Duration) {
        let first = Instant::now();
        while first.elapsed() < grace {
            self.next().await;
        }
    }
}
