//! The signals that end a command in order: Ctrl-C (SIGINT), SIGTERM and SIGHUP, and the exit codes that shells have for
//! them. Windows has Ctrl-C, Ctrl-Break and the end of the console instead.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::process::ExitCode;
use std::time::{Duration, Instant};

#[cfg(unix)]
pub use unix::{Interrupts, Signals};
#[cfg(windows)]
pub use windows::{Interrupts, Signals};

/// Exit codes: 128 and the signal's number.
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;
const HUNG_UP: u8 = 129;

/// Which signal came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caught {
    /// SIGINT, as by Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal is gone.
    HangUp,
}

impl Caught {
    /// What the program ends with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Interrupt => INTERRUPTED,
            Self::Terminate => TERMINATED,
            Self::HangUp => HUNG_UP,
        }
    }

    /// For a sentence.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupted",
            Self::Terminate => "terminated",
            Self::HangUp => "hung up",
        }
    }
}

impl From<Caught> for ExitCode {
    fn from(caught: Caught) -> Self {
        caught.code().into()
    }
}

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

#[cfg(all(test, unix))]
mod tests {
    use tokio::signal::unix::SignalKind;

    use super::*;

    #[test]
    fn codes_are_those_of_shells() {
        for (caught, kind) in [
            (Caught::Interrupt, SignalKind::interrupt()),
            (Caught::Terminate, SignalKind::terminate()),
            (Caught::HangUp, SignalKind::hangup()),
        ] {
            assert_eq!(i32::from(caught.code()), 128 + kind.as_raw_value());
        }
    }
}
