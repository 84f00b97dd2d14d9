//! What the server was heard to say last, and the course of the last minutes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use azulejo_protocol::{Health, Job, WorkerInfo};

use crate::checks::{Check, State, judge};
use crate::client::Client;

/// Rates that are kept for the curve.
const COURSE: usize = 240;

/// Jobs that are asked for.
const JOBS: usize = 100;

/// What one look found.
#[derive(Debug, Clone)]
pub struct Look {
    /// The installation.
    pub health: Health,
    /// Its workers.
    pub workers: Vec<WorkerInfo>,
    /// Its jobs, newest first.
    pub jobs: Vec<Job>,
}

impl Look {
    /// Asks the server.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn at(client: &Client) -> anyhow::Result<Self> {
        let query = [("limit", JOBS.to_string())];
        let (health, workers, jobs) =
            tokio::try_join!(client.health(), client.workers(), client.jobs(&query))?;
        Ok(Self {
            health,
            workers,
            jobs,
        })
    }
}

/// What is shown.
#[derive(Debug)]
pub struct News {
    /// Address of the server.
    pub server: String,
    /// The last look that found something.
    pub look: Option<Look>,
    /// What it comes to.
    pub checks: Vec<Check>,
    /// Why the last look found nothing, and since when that is so.
    pub lost: Option<(String, Instant)>,
    /// Tiles in a second, one for each look, oldest first.
    pub course: VecDeque<u64>,
    /// How many jobs the list is scrolled by.
    pub scrolled: usize,
    /// Whether it stands still.
    pub is_paused: bool,
}

impl News {
    /// Nothing was heard yet.
    pub fn new(server: String) -> Self {
        Self {
            server,
            look: None,
            checks: Vec::new(),
            lost: None,
            course: VecDeque::new(),
            scrolled: 0,
            is_paused: false,
        }
    }

    /// A look has ended.
    pub fn take(&mut self, found: anyhow::Result<Look>) {
        match found {
            Ok(look) => {
                self.checks = judge(&look.health, &look.workers);
                self.course.push_back(look.health.tiles_per_second.round() as u64);
                if self.course.len() > COURSE {
                    self.course.pop_front();
                }
                self.scrolled = self.scrolled.min(look.jobs.len().saturating_sub(1));
                self.look = Some(look);
                self.lost = None;
            }
            Err(error) => {
                let since = self.lost.as_ref().map_or_else(Instant::now, |(_, since)| *since);
                self.lost = Some((format!("{error:#}"), since));
            }
        }
    }

    /// Since when nothing was heard.
    pub fn silence(&self) -> Option<Duration> {
        self.lost.as_ref().map(|(_, since)| since.elapsed())
    }

    /// Moves the list of jobs by `by` lines.
    pub fn scroll(&mut self, by: isize) {
        let jobs = self.look.as_ref().map_or(0, |look| look.jobs.len());
        self.scrolled = self
            .scrolled
            .saturating_add_signed(by)
            .min(jobs.saturating_sub(1));
    }

    /// The checks that are not well, worst first.
    pub fn faults(&self) -> Vec<&Check> {
        let mut faults: Vec<&Check> = self
            .checks
            .iter()
            .filter(|check| check.state > State::Ok)
            .collect();
        faults.sort_by_key(|check| std::cmp::Reverse(check.state));
        faults
    }
}
