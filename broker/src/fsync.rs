//! When records are given to the disk.

use std::time::Duration;

/// When records are given to the disk. In every case an acknowledged record survives the end of the broker's process,
/// however sudden: it is in the operating system's hands before it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FsyncPolicy {
    /// The operating system decides. A power failure can cost what was acknowledged in the last half minute or so.
    System,
    /// At this interval. A power failure can cost what was acknowledged within it and while the disk was flushed.
    Interval(Duration),
    /// Before each acknowledgement. A power failure costs nothing that was acknowledged, if the disk tells the truth;
    /// producing is as slow as the disk's flushes.
    Always,
}

impl FsyncPolicy {
    /// Whether anything is promised for a power failure. Then the names of new files are given to the disk as well.
    pub fn outlasts_power(self) -> bool {
        self != Self::System
    }
}

impl std::str::FromStr for FsyncPolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "system" => Ok(Self::System),
            "always" => Ok(Self::Always),
            other => {
                let milliseconds = other.parse().ok().filter(|ms| *ms > 0);
                milliseconds
                    .map(|ms| Self::Interval(Duration::from_millis(ms)))
                    .ok_or_else(|| {
                        format!(
                            "'{other}' is not an fsync policy: system, always, or a number of milliseconds"
                        )
                    })
            }
        }
    }
}
