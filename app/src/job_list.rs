//! A list of jobs kept up to date: the rows that were loaded, and what has been heard since.

use std::collections::BTreeMap;

use azulejo_protocol::{Job, JobId, JobStatus};

use crate::live::{JobNews, merge};

/// Which jobs a list shows, as its address says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only jobs in this state.
    pub status: Option<JobStatus>,
    /// Only jobs whose file name, recipe or id has this text in it.
    pub search: Option<String>,
    /// So many newer ones are left out.
    pub offset: u32,
}

impl Filter {
    /// The address of the same list from `offset` on.
    pub fn address(&self, offset: u32) -> String {
        let mut parts = Vec::new();
        if let Some(search) = &self.search {
            let text: String = search
                .bytes()
                .map(|byte| match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                        char::from(byte).to_string()
                    }
                    other => format!("%{other:02X}"),
                })
                .collect();
            parts.push(format!("search={text}"));
        }
        parts.extend(self.status.map(|status| format!("status={status}")));
        if offset > 0 {
            parts.push(format!("offset={offset}"));
        }
        if parts.is_empty() {
            "/jobs".to_owned()
        } else {
            format!("/jobs?{}", parts.join("&"))
        }
    }

    fn admits(&self, job: &Job) -> bool {
        let search = self.search.as_deref().map(str::to_lowercase);
        self.status.is_none_or(|status| status == job.status)
            && search.is_none_or(|text| {
                [
                    job.original_filename.as_str(),
                    job.transformation.as_str(),
                    &job.job_id.to_string(),
                ]
                .into_iter()
                .any(|field| field.to_lowercase().contains(&text))
            })
    }
}

/// `first` with `news` applied: rows changed, deleted ones gone, and, on the first page, new ones at the top. A row
/// that no longer fits the filter stays until the list is loaded again, so that nothing jumps away under the pointer.
pub fn merged(first: &[Job], news: &BTreeMap<JobId, JobNews>, filter: &Filter, limit: usize) -> Vec<Job> {
    let mut jobs: Vec<Job> = first
        .iter()
        .filter_map(|job| match news.get(&job.job_id) {
            Some(JobNews::Changed(told)) => Some(merge(job.clone(), (**told).clone())),
            Some(JobNews::Gone) => None,
            None => Some(job.clone()),
        })
        .collect();
    if filter.offset == 0 {
        let newest = first.first().map(|job| job.created_at);
        let added = news.values().filter_map(|entry| match entry {
            JobNews::Changed(job) => Some(&**job),
            JobNews::Gone => None,
        });
        jobs.extend(
            added
                .filter(|job| newest.is_none_or(|newest| job.created_at > newest) && filter.admits(job))
                .filter(|job| first.iter().all(|known| known.job_id != job.job_id))
                .cloned(),
        );
        jobs.sort_by(|a, b| b.created_at.cmp(&a.created_at).then(b.job_id.cmp(&a.job_id)));
        jobs.truncate(limit.max(first.len()));
    }
    jobs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::job;

    #[test]
    fn news_change_rows_and_new_jobs_come_first() {
        let first = [job(5), job(3)];
        let mut changed = job(3);
        changed.status = JobStatus::Completed;
        let news = BTreeMap::from([
            (changed.job_id, JobNews::Changed(Box::new(changed.clone()))),
            (job(9).job_id, JobNews::Changed(Box::new(job(9)))),
            (job(1).job_id, JobNews::Changed(Box::new(job(1)))),
        ]);
        let ids = |filter: &Filter| -> Vec<_> {
            merged(&first, &news, filter, 10)
                .into_iter()
                .map(|job| (job.job_id, job.status))
                .collect()
        };
        let expected = [
            (job(9).job_id, JobStatus::Processing),
            (job(5).job_id, JobStatus::Processing),
            (changed.job_id, changed.status),
        ];
        assert_eq!(ids(&Filter::default()), expected);
        assert_eq!(
            ids(&Filter {
                offset: 50,
                ..Filter::default()
            }),
            expected[1..]
        );
    }

    #[test]
    fn a_list_that_was_loaded_later_is_not_undone_by_earlier_news() {
        let told = |revision, status| Job {
            revision,
            status,
            ..job(3)
        };
        let first = [told(9, JobStatus::Completed)];
        let earlier = told(8, JobStatus::Processing);
        let news = BTreeMap::from([(earlier.job_id, JobNews::Changed(Box::new(earlier)))]);
        let shown = merged(&first, &news, &Filter::default(), 10);
        assert_eq!(shown[0].status, JobStatus::Completed);
    }

    #[test]
    fn a_deleted_job_leaves_the_list() {
        let news = BTreeMap::from([(job(5).job_id, JobNews::Gone)]);
        assert_eq!(merged(&[job(5)], &news, &Filter::default(), 10), []);
    }

    #[test]
    fn a_new_job_must_fit_the_filter() {
        let news = BTreeMap::from([(job(9).job_id, JobNews::Changed(Box::new(job(9))))]);
        let searching = |text: &str| Filter {
            search: Some(text.to_owned()),
            ..Filter::default()
        };
        assert_eq!(merged(&[], &news, &searching("PICTURE"), 10).len(), 1);
        assert_eq!(merged(&[], &news, &searching("no such"), 10).len(), 0);
    }

    #[test]
    fn the_address_says_the_filter() {
        let filter = Filter {
            status: Some(JobStatus::Failed),
            search: Some("a b&c".to_owned()),
            offset: 0,
        };
        assert_eq!(
            filter.address(50),
            "/jobs?search=a%20b%26c&status=failed&offset=50"
        );
        assert_eq!(Filter::default().address(0), "/jobs");
    }
}
