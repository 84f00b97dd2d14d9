//! How long jobs are kept after they have ended.

use serde::{Deserialize, Serialize};

use crate::{JobStatus, Timestamp};

/// How long, and how much of it, a server keeps of jobs that have ended. `None` sets no bound; the default keeps everything for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Retention {
    /// Days after which a completed job goes with its result.
    pub results_days: Option<u32>,
    /// Days after which the uploaded file of a job that has ended goes. The job stays.
    pub originals_days: Option<u32>,
    /// Days after which a failed or cancelled job goes.
    pub failed_days: Option<u32>,
    /// Most jobs that have ended; beyond it the oldest go.
    pub jobs: Option<u64>,
    /// Most bytes of all jobs that have ended; beyond it the oldest go.
    pub bytes: Option<u64>,
    /// While fewer bytes than this are free on the disk, or than a tenth of it where that is less, the oldest jobs that have ended go.
    pub free_bytes: Option<u64>,
    /// Minutes after its end in which a job goes for none of the last three reasons.
    pub grace_minutes: u32,
}

impl Retention {
    /// When a job in the state `status` that ended at `ended` goes because of its age; `None` when it does not.
    pub fn expires_at(&self, status: JobStatus, ended: Option<Timestamp>) -> Option<Timestamp> {
        let days = match status {
            JobStatus::Processing => None,
            JobStatus::Completed => self.results_days,
            JobStatus::Failed | JobStatus::Cancelled => self.failed_days,
        };
        ended?.checked_add(time::Duration::days(i64::from(days?)))
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_age_that_counts_is_that_of_the_state() {
        let ended = datetime!(2026-11-29 12:00 UTC);
        let retention = Retention {
            results_days: Some(30),
            failed_days: Some(7),
            ..Retention::default()
        };
        let of = |status| retention.expires_at(status, Some(ended));
        assert_eq!(of(JobStatus::Completed), Some(datetime!(2026-12-29 12:00 UTC)));
        assert_eq!(of(JobStatus::Failed), Some(datetime!(2026-12-06 12:00 UTC)));
        assert_eq!(of(JobStatus::Cancelled), of(JobStatus::Failed));
        assert_eq!(of(JobStatus::Processing), None);
        assert_eq!(retention.expires_at(JobStatus::Completed, None), None);
        assert_eq!(
            Retention::default().expires_at(JobStatus::Completed, Some(ended)),
            None
        );
    }
}
