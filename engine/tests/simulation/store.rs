//! What survives the server: rows of jobs and tiles, positions, and the pixels in scratch.

use std::collections::{BTreeMap, BTreeSet};

use azulejo_engine::{Ending, KnownTile, Measure, Plan, StoreOp};
use azulejo_protocol::{JobId, Pattern, TileState};

/// The last step that is measured: a job has a pass for each from its first one to this.
const LAST_MEASURED: u32 = 1;

#[derive(Debug, Clone)]
pub struct StoredJob {
    /// The plan of its pass: after one that measures the last step comes the one that renders.
    pub plan: Plan,
    pub ending: Option<Ending>,
    pub tiles: BTreeMap<u32, KnownTile>,
    /// Counts retries and passes.
    pub life: u32,
}

#[derive(Debug, Default)]
pub struct Store {
    pub jobs: BTreeMap<JobId, StoredJob>,
    pub positions: BTreeMap<i32, i64>,
    pub patterns: BTreeMap<String, Pattern>,
    pub costs: String,
    /// Pixels that are in scratch.
    pub pixels: BTreeSet<(JobId, u32)>,
}

impl Store {
    /// Commits a transaction.
    ///
    /// # Errors
    /// A promise that it breaks.
    pub fn commit(&mut self, ops: &[StoreOp]) -> Result<(), String> {
        for op in ops {
            match op {
                StoreOp::Position { partition, offset } => {
                    self.positions.insert(*partition, *offset);
                }
                StoreOp::Tile { job, record, .. } => {
                    let Some(stored) = self.jobs.get_mut(job) else {
                        continue;
                    };
                    let known = stored.tiles.get(&record.tile).map(|known| known.state);
                    if known == Some(TileState::Done) {
                        if record.state == TileState::Done {
                            return Err(format!("tile {} of {job} is counted twice", record.tile));
                        }
                        continue;
                    }
                    if record.state == TileState::Done && !self.pixels.contains(&(*job, record.tile)) {
                        return Err(format!("tile {} of {job} is done without pixels", record.tile));
                    }
                    let known = KnownTile {
                        tile: record.tile,
                        state: record.state,
                        attempt: record.attempt,
                        spent: record.spent,
                        worker: record.worker.clone(),
                        micros: record.micros.unwrap_or(0),
                        error: record.error.clone(),
                    };
                    stored.tiles.insert(record.tile, known);
                }
                StoreOp::Pattern { worker, pattern } => {
                    let before = self.patterns.insert(worker.clone(), *pattern);
                    if before.is_some_and(|before| before != *pattern) {
                        return Err(format!("the pattern of {worker} changes"));
                    }
                }
                StoreOp::Costs(text) => self.costs.clone_from(text),
                StoreOp::MeasureStarted(_) | StoreOp::TilesStarted(_) | StoreOp::TilesFinished(_) => {}
                StoreOp::End { job, ending, .. } => {
                    let Some(stored) = self.jobs.get_mut(job) else {
                        continue;
                    };
                    if let Some(earlier) = &stored.ending {
                        return Err(format!("{job} ended with {earlier:?} ends again with {ending:?}"));
                    }
                    if matches!(ending, Ending::Completed { .. }) {
                        let done = stored
                            .tiles
                            .values()
                            .filter(|known| known.state == TileState::Done)
                            .count();
                        if stored.plan.measure.is_some() {
                            return Err(format!("{job} is completed, and was only measured"));
                        }
                        if done as u32 != stored.plan.grid.len() {
                            return Err(format!("{job} is completed with {done} tiles"));
                        }
                    }
                    stored.ending = Some(ending.clone());
                }
            }
        }
        Ok(())
    }

    /// Notes that everything was measured that `job` measures first, and forgets the tiles of that pass. Gives the plan of the next
    /// one; `None` when the job is not under way.
    pub fn measured(&mut self, job: JobId) -> Option<Plan> {
        let stored = self.jobs.get_mut(&job)?;
        let measure = stored.plan.measure.filter(|_| stored.ending.is_none())?;
        stored.plan.measure = (measure.step < LAST_MEASURED).then_some(Measure {
            step: measure.step + 1,
            ..measure
        });
        stored.tiles.clear();
        stored.life += 1;
        let plan = stored.plan.clone();
        self.pixels.retain(|(other, _)| *other != job);
        Some(plan)
    }

    pub fn unfinished(&self) -> impl Iterator<Item = (&JobId, &StoredJob)> {
        self.jobs.iter().filter(|(_, job)| job.ending.is_none())
    }
}
