//! What somebody says, waited for piece by piece.

use std::io::Read;
use std::process::{Child, ChildStdin};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// What somebody says, as it is said. A child that says it ends with this.
pub struct Reader {
    child: Option<Child>,
    said: std::sync::mpsc::Receiver<Vec<u8>>,
    pub text: Vec<u8>,
    at: usize,
}

impl Reader {
    /// What a child says on its standard output.
    ///
    /// # Errors
    /// When that is not a pipe.
    pub fn of(mut child: Child) -> Result<Self> {
        let output = child.stdout.take().context("standard output")?;
        Ok(Self::new(output, Some(child)))
    }

    /// What the child is told.
    pub fn input(&mut self) -> Result<ChildStdin> {
        let child = self.child.as_mut();
        child
            .and_then(|child| child.stdin.take())
            .context("standard input")
    }

    pub fn new(mut output: impl Read + Send + 'static, child: Option<Child>) -> Self {
        let (sender, said) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let text = Vec::new();
        Self {
            child,
            said,
            text,
            at: 0,
        }
    }

    /// Waits until it says `what`, behind what was waited for before.
    pub fn until(&mut self, what: &str, limit: Duration) -> Result<()> {
        let until = Instant::now() + limit;
        loop {
            let rest = &self.text[self.at..];
            if let Some(found) = rest.windows(what.len()).position(|at| at == what.as_bytes()) {
                self.at += found + what.len();
                return Ok(());
            }
            let left = until.saturating_duration_since(Instant::now());
            let more = self.said.recv_timeout(left).with_context(|| {
                let said = String::from_utf8_lossy(rest);
                let end: String = said
                    .chars()
                    .rev()
                    .take(300)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect();
                format!("{what:?} does not come within {limit:?}; the last is: {end}")
            })?;
            self.text.extend(more);
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
