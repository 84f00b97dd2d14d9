//! How much one owner may ask for.

use azulejo_protocol::ApiError;
use time::Duration;

/// How much one owner may ask for; `None` is no bound. Jobs that belong to nobody are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Jobs under way at a time.
    pub jobs: Option<u32>,
    /// Bytes of uploads, and of images that jobs are started on without one, within [`DAY`].
    pub bytes_per_day: Option<u64>,
}

/// The time over which bytes are counted, in steps of an hour.
pub const DAY: Duration = Duration::hours(24);

/// What would be too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// Jobs under way.
    Jobs {
        /// There are so many.
        running: u32,
        /// The quota.
        most: u32,
    },
    /// Bytes of images within a day.
    Bytes {
        /// So many were sent.
        sent: u64,
        /// The quota.
        most: u64,
        /// When the first of them count no more.
        wait: Duration,
    },
}

impl Excess {
    /// What the client hears.
    pub fn error(self) -> ApiError {
        match self {
            Self::Jobs { running, most } => {
                let detail = format!(
                    "{running} of your jobs are under way, and {most} may be (AZULEJO_QUOTA_JOBS): wait until one has ended, or \
                     cancel one"
                );
                ApiError::new(429, "quota_exceeded", detail)
            }
            Self::Bytes { sent, most, wait } => {
                let detail = format!(
                    "with this image you would have sent more than {most} bytes within 24 hours (AZULEJO_QUOTA_BYTES_PER_DAY); \
                     {sent} are counted so far"
                );
                let error = ApiError::new(429, "quota_exceeded", detail);
                match wait.try_into() {
                    Ok(wait) => error.after(wait),
                    Err(_) => error,
                }
            }
        }
    }
}
