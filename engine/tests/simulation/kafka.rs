//! Kafka as a few vectors: partitions of tasks and results, what the group has committed, who holds what.

use std::collections::BTreeMap;

use azulejo_engine::{Answer, Measure, Time};
use azulejo_protocol::JobId;

/// A task as it lies in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    pub job: JobId,
    pub tile: u32,
    pub attempt: u32,
    pub holder: String,
    /// What is to be measured, where the task is of a measuring pass.
    pub measure: Option<Measure>,
}

/// A log whose oldest records may be gone.
#[derive(Debug, Clone)]
pub struct Log<T> {
    first: i64,
    records: std::collections::VecDeque<T>,
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self {
            first: 0,
            records: std::collections::VecDeque::new(),
        }
    }
}

impl<T> Log<T> {
    pub fn append(&mut self, record: T) -> i64 {
        self.records.push_back(record);
        self.end() - 1
    }

    pub fn first(&self) -> i64 {
        self.first
    }

    pub fn end(&self) -> i64 {
        self.first + self.records.len() as i64
    }

    pub fn get(&self, offset: i64) -> Option<&T> {
        self.records.get(usize::try_from(offset - self.first).ok()?)
    }

    /// Deletes everything before `offset`.
    pub fn trim(&mut self, offset: i64) {
        while self.first < offset && self.records.pop_front().is_some() {
            self.first += 1;
        }
    }
}

/// A member of the workers' group: a worker, and which of its lives.
pub type Member = (usize, u64);

#[derive(Debug, Default)]
pub struct Kafka {
    pub tasks: Vec<Log<Task>>,
    pub results: Vec<Log<Answer>>,
    /// What the group has committed of each partition of the tasks.
    pub committed: BTreeMap<i32, i64>,
    /// The member of the group that holds each partition of the tasks.
    pub assigned: BTreeMap<i32, Member>,
    /// Members that say nothing to the group, and since when.
    pub silent: BTreeMap<Member, Time>,
    /// No client reaches the cluster before this time.
    pub away_until: Time,
    /// Nobody may produce tasks before this time.
    pub forbidden_until: Time,
    /// Counts how often the topics were made.
    pub tasks_made: u32,
    pub results_made: u32,
}

impl Kafka {
    pub fn new(tasks: i32, results: i32) -> Self {
        Self {
            tasks: (0..tasks).map(|_| Log::default()).collect(),
            results: (0..results).map(|_| Log::default()).collect(),
            ..Self::default()
        }
    }

    pub fn is_away(&self, now: Time) -> bool {
        now < self.away_until
    }

    /// The tasks are deleted and made anew.
    pub fn lose_tasks(&mut self) {
        for log in &mut self.tasks {
            *log = Log::default();
        }
        self.committed.clear();
        self.tasks_made += 1;
    }

    /// The results are deleted and made anew.
    pub fn lose_results(&mut self) {
        for log in &mut self.results {
            *log = Log::default();
        }
        self.results_made += 1;
    }
}
