//! The end of a measuring pass: the statistics of its tiles are added up, the recipe gets its numbers, that is stored, and the job goes
//! on with its next pass. Addition of counts does not depend on the order or the size of the tiles, so neither does the result.

use std::sync::Arc;
use std::time::Instant;

use azulejo_engine::{Accepted, Event};
use azulejo_imaging::Histogram;
use azulejo_protocol::Timestamp;

use super::desk::{BUG, Desk};
use super::job::{JobSpec, remove_if_there};
use super::measuring::{Measuring, befores};
use super::pool::{Next, Work};
use super::run::Run;
use super::runs::Runs;
use super::trouble::{self, STEP, Trouble};
use crate::engine::store::jobs;

/// The merging of one measuring pass.
pub struct Merge {
    run: Arc<Run>,
    runs: Runs,
    desk: Desk,
    sum: Option<Histogram>,
    next: u32,
    numbers: Vec<u8>,
}

impl Merge {
    /// Merges what was measured in `run`, all of whose tiles are done; the next pass is prepared among `runs`.
    pub fn new(run: Arc<Run>, runs: Runs, desk: Desk) -> Self {
        Self {
            run,
            runs,
            desk,
            sum: None,
            next: 0,
            numbers: Vec::new(),
        }
    }

    /// Adds for a while; whether all is added.
    fn add(&mut self, measuring: &Measuring) -> Result<bool, Trouble> {
        let began = Instant::now();
        let sum = self
            .sum
            .get_or_insert_with(|| Histogram::empty(measuring.format, measuring.statistic));
        while let Some(output) = measuring.grid.region(self.next) {
            if began.elapsed() > STEP {
                return Ok(false);
            }
            self.run
                .pixels
                .read_tile(output, 0, output.height, &mut self.numbers)
                .map_err(|error| Trouble::of_io("reading what was measured", &error))?;
            let merged = measuring
                .read(&self.numbers, output.size().pixels())
                .and_then(|tile| sum.merge(&tile).map_err(|error| error.to_string()));
            merged.map_err(|error| Trouble::Reason(format!("what was measured is damaged: {error}")))?;
            self.next += 1;
        }
        Ok(true)
    }

    /// Stores the numbers and has the core go on.
    fn finish(&self, measuring: &Measuring) -> Result<(), Trouble> {
        let (run, id) = (&self.run, self.run.spec.id());
        let Some(sum) = &self.sum else { return Ok(()) };
        let recipe = run
            .spec
            .recipe
            .with_measured(measuring.step as usize, sum)
            .map_err(|error| Trouble::Reason(error.to_string()))?;
        let (left, recipe) = (befores(&recipe).len() as u32, recipe.to_string());
        let at = Timestamp::now_utc();
        let stored = self
            .desk
            .store
            .write_blocking(move |db| jobs::measured(db, id, &recipe, left, at));
        let row = stored.map_err(|error| Trouble::of_store("what was measured cannot be stored", &error))?;
        // It has ended meanwhile.
        let Some(row) = row else { return Ok(()) };
        run.times().measure_finished = row.times.measure_finished;
        let spec = JobSpec::from_row(row, run.spec.folder.parent()).map_err(Trouble::Reason)?;
        // The next pass finds none of the tiles of this one in the database.
        remove_if_there(&run.spec.folder.numbers());
        let next = self.runs.prepare(run, spec);
        self.desk.tell(Event::Measured {
            job: id,
            run: run.id,
            next: Box::new(Accepted {
                plan: next.plan(),
                run: next.id,
                // The core knows better.
                decoded: false,
                check: false,
                resume: false,
            }),
        });
        Ok(())
    }
}

impl Work for Merge {
    fn step(&mut self) -> Next {
        let run = self.run.clone();
        let (Some(_working), Some(measuring)) = (run.work(), &run.spec.measuring) else {
            return Next::Done;
        };
        let done = match self.add(measuring) {
            Ok(true) => self.finish(measuring).map(|()| true),
            other => other,
        };
        trouble::next(done, "measuring", &run, &self.desk)
    }

    fn panicked(&mut self) {
        trouble::fail(&self.run, &self.desk, BUG.to_owned());
    }
}
