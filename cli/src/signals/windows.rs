//! What a console of Windows has in place of signals.

use anyhow::Context as _;
use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

use super::caught::Caught;

/// Ctrl-C, Ctrl-Break and the end of the console, taken over from their default, which is to end the program at once.
#[derive(Debug)]
pub struct Signals {
    interrupt: CtrlC,
    terminate: CtrlBreak,
    hang_up: CtrlClose,
}

impl Signals {
    /// Takes them over.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn install() -> anyhow::Result<Self> {
        let problem = "cannot wait for Ctrl-C";
        Ok(Self {
            interrupt: ctrl_c().context(problem)?,
            terminate: ctrl_break().context(problem)?,
            hang_up: ctrl_close().context(problem)?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Caught {
        tokio::select! {
            Some(()) = self.interrupt.recv() => Caught::Interrupt,
            Some(()) = self.terminate.recv() => Caught::Terminate,
            Some(()) = self.hang_up.recv() => Caught::HangUp,
            else => std::future::pending().await,
        }
    }
}

/// The same for `azulejo up`.
#[derive(Debug)]
pub struct Interrupts(Signals);

impl Interrupts {
    /// Takes them over.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn install() -> anyhow::Result<Self> {
        Signals::install().map(Self)
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        self.0.next().await;
    }
}
