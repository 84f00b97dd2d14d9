//! Jobs that have ended go: by age, by count, by bytes, and the oldest first where the disk runs full.
//!
//! A pass looks at a bounded number of jobs at a time and deletes each as `DELETE /job/ID` does: its turn is waited for, its files
//! go before its row. So a process that dies in the middle leaves nothing that the next pass does not find again. A job that is
//! retried meanwhile is no longer the one that was found, and stays.
//!
//! The order is that of the reasons' certainty: age first, which needs nothing but a clock; then count, bytes and the disk, which
//! spare what ended only a while ago ([`Retention::grace_minutes`]), because nobody may have fetched it yet.

mod size;

use std::time::Duration;

use azulejo_protocol::{ApiError, JobId, Retention, Timestamp};
use tokio_util::sync::CancellationToken;

use super::Engine;
use super::api::work::{blocking, unavailable};
use super::files::disk;
use super::files::job::JobFolder;
use super::store::retention::{self, Ended, Which};

/// How often the disk is looked at.
const LOOK: Duration = Duration::from_secs(10);
/// Looks until a whole pass is made.
const LOOKS: u32 = 6;
/// Jobs that are read from the database at a time.
const PART: u32 = 100;

/// What a pass deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expired {
    /// Jobs.
    pub jobs: u64,
    /// Uploaded files of jobs that stay.
    pub originals: u64,
}

impl Engine {
    /// Deletes what its settings say is not kept, again and again until `shutdown`.
    pub async fn expire_until(self, shutdown: CancellationToken) {
        let mut looks = LOOKS;
        loop {
            let pass = async {
                tokio::time::sleep(LOOK).await;
                looks += 1;
                if looks < LOOKS && !self.is_short().await {
                    return;
                }
                looks = 0;
                if let Err(error) = self.expire(Timestamp::now_utc()).await {
                    tracing::warn!(
                        error = error.detail,
                        "cannot delete jobs that are not kept any longer"
                    );
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = pass => {}
            }
        }
    }

    /// One pass at the time `now`.
    ///
    /// # Errors
    /// 503 or 507 when the database does not answer or does not take a deletion. What was deleted stays deleted.
    pub async fn expire(&self, now: Timestamp) -> Result<Expired, ApiError> {
        let settings = self.config.retention;
        let mut expired = Expired::default();
        self.by_age(now, &settings, &mut expired).await?;
        let spared = now - time::Duration::minutes(i64::from(settings.grace_minutes));
        self.by_count(spared, &settings, &mut expired).await?;
        self.by_bytes((now, spared), &settings, &mut expired).await?;
        let missing = self.missing_bytes().await?;
        self.make_room(spared, missing, "room on the disk", &mut expired)
            .await?;
        if expired != Expired::default() {
            tracing::info!(
                jobs = expired.jobs,
                originals = expired.originals,
                "deleted what is not kept any longer"
            );
        }
        Ok(expired)
    }

    async fn by_age(
        &self,
        now: Timestamp,
        settings: &Retention,
        expired: &mut Expired,
    ) -> Result<(), ApiError> {
        let kinds = [
            (Which::Completed, settings.results_days),
            (Which::Failed, settings.failed_days),
        ];
        for (which, days) in kinds {
            if let Some(until) = days_before(now, days) {
                let mut jobs = Part::of(which, until);
                while let Some(job) = jobs.next(self).await? {
                    expired.jobs += u64::from(self.delete_expired(job, "its age").await?);
                }
            }
        }
        if let Some(until) = days_before(now, settings.originals_days) {
            let mut jobs = Part::of(Which::WithOriginal, until);
            while let Some(job) = jobs.next(self).await? {
                let dropped = settle(self.drop_original(job.id, job.at).await)?;
                expired.originals += u64::from(dropped);
            }
        }
        Ok(())
    }

    async fn by_count(
        &self,
        spared: Timestamp,
        settings: &Retention,
        expired: &mut Expired,
    ) -> Result<(), ApiError> {
        let Some(most) = settings.jobs else { return Ok(()) };
        let store = &self.driver.drivers().store;
        let count = store
            .scan(retention::count)
            .await
            .map_err(|error| unavailable(&error))?;
        let mut excess = count.saturating_sub(most);
        let mut jobs = Part::of(Which::All, spared);
        while excess > 0
            && let Some(job) = jobs.next(self).await?
        {
            if self.delete_expired(job, "the number of jobs").await? {
                excess -= 1;
                expired.jobs += 1;
            }
        }
        Ok(())
    }

    async fn by_bytes(
        &self,
        (now, spared): (Timestamp, Timestamp),
        settings: &Retention,
        expired: &mut Expired,
    ) -> Result<(), ApiError> {
        let Some(most) = settings.bytes else {
            return Ok(());
        };
        let mut bytes = 0;
        // All of them count, also those that are spared.
        let mut jobs = Part::of(Which::All, now);
        while let Some(job) = jobs.next(self).await? {
            bytes += self.bytes_of(job.id).await?;
        }
        let excess = bytes.saturating_sub(most);
        self.make_room(spared, excess, "the bytes of all jobs", expired)
            .await
    }

    /// Deletes as many of the oldest jobs as take up `bytes` together. What they take up is counted, and not what is free
    /// afterwards: file systems free some of it later.
    async fn make_room(
        &self,
        spared: Timestamp,
        mut bytes: u64,
        reason: &str,
        expired: &mut Expired,
    ) -> Result<(), ApiError> {
        let mut jobs = Part::of(Which::All, spared);
        while bytes > 0
            && let Some(job) = jobs.next(self).await?
        {
            let freed = self.bytes_of(job.id).await?;
            if freed > 0 && self.delete_expired(job, reason).await? {
                bytes = bytes.saturating_sub(freed);
                expired.jobs += 1;
            }
        }
        Ok(())
    }

    /// Deletes a job because of `reason`; false when it is not the one any more that was found.
    async fn delete_expired(&self, job: Ended, reason: &str) -> Result<bool, ApiError> {
        let deleted = settle(self.delete_ended(job.id, job.at).await)?;
        if deleted {
            tracing::info!(job = %job.id, ended = %job.at, reason, "a job is not kept any longer");
        }
        Ok(deleted)
    }

    async fn bytes_of(&self, id: JobId) -> Result<u64, ApiError> {
        let folder = JobFolder::new(&self.jobs_dir, id);
        blocking(move || size::of_folder(folder.path())).await
    }

    /// Bytes that have to become free on the disk.
    async fn missing_bytes(&self) -> Result<u64, ApiError> {
        let Some(wanted) = self.config.retention.free_bytes else {
            return Ok(0);
        };
        let data_dir = self.config.data_dir.clone();
        blocking(move || disk::missing_bytes(&data_dir, wanted)).await
    }

    async fn is_short(&self) -> bool {
        self.missing_bytes().await.is_ok_and(|bytes| bytes > 0)
    }
}

fn days_before(now: Timestamp, days: Option<u32>) -> Option<Timestamp> {
    now.checked_sub(time::Duration::days(i64::from(days?)))
}

/// Whether a deletion happened. A job that was retried or is gone already is no trouble; any other refusal would meet the next
/// one as well.
fn settle(result: Result<(), ApiError>) -> Result<bool, ApiError> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.status, 404 | 409) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Jobs that have ended, read in parts.
struct Part {
    which: Which,
    until: Timestamp,
    behind: Option<Ended>,
    jobs: std::vec::IntoIter<Ended>,
}

impl Part {
    fn of(which: Which, until: Timestamp) -> Self {
        Self {
            which,
            until,
            behind: None,
            jobs: Vec::new().into_iter(),
        }
    }

    async fn next(&mut self, engine: &Engine) -> Result<Option<Ended>, ApiError> {
        if let Some(job) = self.jobs.next() {
            return Ok(Some(job));
        }
        let (which, until, behind) = (self.which, self.until, self.behind);
        let store = &engine.driver.drivers().store;
        let part = store
            .scan(move |db| retention::ended(db, which, until, behind, PART))
            .await
            .map_err(|error| unavailable(&error))?;
        self.behind = part.last().copied();
        self.jobs = part.into_iter();
        Ok(self.jobs.next())
    }
}
