//! The signals of Unix.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::caught::Caught;

/// The signals, taken over from their default, which is to end the program at once. One that the program was started with as
/// ignored stays ignored: `nohup` and shells without job control rely on that.
#[derive(Debug)]
pub struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hang_up: Option<Signal>,
}

impl Signals {
    /// Takes them over.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn install() -> anyhow::Result<Self> {
        let ignored = ignored();
        let install = |kind: SignalKind| {
            if is_in(ignored, kind) {
                return Ok(None);
            }
            signal(kind).map(Some).context("cannot wait for signals")
        };
        Ok(Self {
            interrupt: install(SignalKind::interrupt())?,
            terminate: install(SignalKind::terminate())?,
            hang_up: install(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Caught {
        tokio::select! {
            () = arrives(&mut self.interrupt) => Caught::Interrupt,
            () = arrives(&mut self.terminate) => Caught::Terminate,
            () = arrives(&mut self.hang_up) => Caught::HangUp,
        }
    }
}

async fn arrives(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            if signal.recv().await.is_none() {
                std::future::pending().await
            }
        }
        None => std::future::pending().await,
    }
}

/// The signals that this process ignores, a bit each; none where the system does not tell (it is not Linux).
fn ignored() -> u64 {
    std::fs::read_to_string("/proc/self/status").map_or(0, |status| mask(&status))
}

fn mask(status: &str) -> u64 {
    let digits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    digits
        .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .unwrap_or(0)
}

fn is_in(mask: u64, kind: SignalKind) -> bool {
    let bit = u32::try_from(kind.as_raw_value() - 1).unwrap_or(u32::MAX);
    mask.checked_shr(bit).is_some_and(|mask| mask & 1 == 1)
}

/// SIGINT and SIGTERM, whatever this program was started with: `azulejo up` has no other end in order.
#[derive(Debug)]
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Takes the signals over from their default, which is to end this program at once.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn install() -> anyhow::Result<Self> {
        let install = |kind| signal(kind).context("cannot wait for signals");
        Ok(Self {
            interrupt: install(SignalKind::interrupt())?,
            terminate: install(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn signals_that_are_ignored_are_known_by_their_numbers() {
        let mask = mask("Name:\tazulejo\nSigIgn:\t0000000000001001\nSigCgt:\t0000000100004002\n");
        assert!(is_in(mask, SignalKind::hangup()), "1");
        assert!(
            is_in(mask, SignalKind::pipe()),
            "13, which every program of Rust ignores"
        );
        assert!(!is_in(mask, SignalKind::interrupt()) && !is_in(mask, SignalKind::terminate()));
        assert!(is_in(ignored(), SignalKind::pipe()), "as the kernel tells it");
    }
}
