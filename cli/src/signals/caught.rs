//! Which signal came, what it is called, and the exit code that shells have for it.

use std::process::ExitCode;

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
