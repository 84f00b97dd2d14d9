//! Learns what work costs on this fleet from the answers of its workers.
//!
//! **Steps.** An answer says how long a whole recipe took for a tile. The time is divided over the steps in proportion to what they
//! are thought to take, so each gets the same factor; what a step costs is the time that it got over the work that it did, where
//! the past is forgotten by and by. With several recipes that share steps this settles at what each step takes (it is the
//! expectation maximisation of Richardson and Lucy, one observation after the other). The same is done for the ratio of measured
//! to typical time of each operation, and of all.
//!
//! **Around.** A finished job that had the fleet to itself says how long it took beyond its rendering. That is fitted by a line over
//! its size.
//!
//! Numbers come from workers and may be anything: one answer changes a cost by a bounded factor, and what is kept is finite and
//! within bounds.

use std::collections::BTreeMap;

use azulejo_imaging::Recipe;
use azulejo_protocol::{Costs, costs::Around};
use serde::{Deserialize, Serialize};

/// Steps that are remembered, the latest ones.
const MAX_STEPS: usize = 200;
/// Longest text of a step that is remembered by itself, bytes.
const MAX_STEP_TEXT: usize = 160;
/// Kinds of files that are remembered.
const MAX_KINDS: usize = 16;
/// By which factor one answer may differ from what was expected; the rest is not believed.
const MAX_SURPRISE: f64 = 8.0;
/// What the past counts at most: milliseconds that are remembered.
const MEMORY_MS: f64 = 20_000.0;
/// What is thought before anything is measured counts as much as so many milliseconds.
const PRIOR_MS: f64 = 1.0;
/// Costs, in milliseconds for a megabyte or as a ratio, are within these bounds.
const BOUNDS: (f64, f64) = (1e-6, 1e6);
/// What is left of earlier jobs with each new one.
const FADE: f64 = 0.93;
/// A share of the slots is judged by jobs of at least so many tiles for each.
const TILES_A_SLOT: u32 = 3;

/// Time over work, both fading.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Mean {
    /// Milliseconds.
    time: f64,
    /// Megabytes, or milliseconds that would be typical.
    work: f64,
    /// When it was last used, as a count.
    #[serde(default)]
    used: u64,
}

impl Mean {
    fn new(cost: f64) -> Self {
        let cost = cost.clamp(BOUNDS.0, BOUNDS.1);
        Self {
            time: PRIOR_MS,
            work: PRIOR_MS / cost,
            used: 0,
        }
    }

    fn cost(&self) -> f64 {
        let cost = self.time / self.work;
        if cost.is_finite() {
            cost.clamp(BOUNDS.0, BOUNDS.1)
        } else {
            1.0
        }
    }

    fn add(&mut self, time: f64, work: f64) {
        self.time += time;
        self.work += work;
        if self.time > MEMORY_MS {
            let fade = MEMORY_MS / self.time;
            self.time *= fade;
            self.work *= fade;
        }
        if !(self.time.is_finite() && self.work.is_finite() && self.time > 0.0 && self.work > 0.0) {
            *self = Self::new(1.0);
        }
    }
}

/// A line through what jobs took beside their rendering, by the least squares of relative errors, with [`Around::default`] as what
/// is thought before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Line {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
}

impl Line {
    /// A job of `megabytes` took `seconds` beside its rendering, `wall` in all.
    fn add(&mut self, megabytes: f64, seconds: f64, wall: f64) {
        let weight = (wall + 0.02).powi(-2);
        for (sum, value) in [
            (&mut self.n, 1.0),
            (&mut self.x, megabytes),
            (&mut self.y, seconds),
            (&mut self.xx, megabytes * megabytes),
            (&mut self.xy, megabytes * seconds),
        ] {
            *sum = *sum * FADE + weight * value;
        }
    }

    fn around(&self) -> Around {
        // What is thought before counts as a hundredth of a job that takes that long.
        let thought = Around::default();
        let (of_seconds, of_rate) = (
            0.01 / thought.seconds.powi(2),
            0.01 / thought.seconds_per_megabyte.powi(2),
        );
        let (n, xx) = (self.n + of_seconds, self.xx + of_rate);
        let y = self.y + of_seconds * thought.seconds;
        let xy = self.xy + of_rate * thought.seconds_per_megabyte;
        let divisor = n * xx - self.x * self.x;
        let mut seconds = (y * xx - xy * self.x) / divisor;
        let mut rate = (n * xy - self.x * y) / divisor;
        // Neither is negative: then the other explains all.
        if seconds < 0.0 {
            (seconds, rate) = (0.0, xy / xx);
        } else if rate < 0.0 {
            (seconds, rate) = (y / n, 0.0);
        }
        if !(seconds.is_finite() && rate.is_finite()) {
            return thought;
        }
        Around {
            seconds: seconds.clamp(0.0, 600.0),
            seconds_per_megabyte: rate.clamp(0.0, 10.0),
        }
    }
}

/// A finished job that had the fleet to itself.
#[derive(Debug, Clone, Copy)]
pub struct Finished<'a> {
    /// Kind of the file that came in.
    pub kind: &'a str,
    /// Bytes of the decoded input and the result together.
    pub bytes: f64,
    /// Its tiles.
    pub tiles: u32,
    /// Slots that there were.
    pub slots: u32,
    /// Seconds that the workers say they rendered.
    pub rendered: f64,
    /// Seconds from its first tile's sending to its last one's storing.
    pub rendering: f64,
    /// Seconds from its acceptance to its result.
    pub wall: f64,
}

/// What was learned.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learner {
    steps: BTreeMap<String, Mean>,
    operations: BTreeMap<String, Mean>,
    all: Option<Mean>,
    lines: BTreeMap<String, Line>,
    busy: Option<f64>,
    answers: u64,
}

impl Learner {
    /// What an earlier process wrote with [`Learner::to_json`]; nothing, when it cannot be read.
    pub fn from_json(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// To be kept.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// A tile was rendered in `ms` milliseconds; each step of its recipe worked on so many bytes. What cannot be is ignored.
    pub fn learn_tile(&mut self, recipe: &Recipe, work: &[f64], ms: f64) {
        let is_work = |bytes: &f64| bytes.is_finite() && *bytes > 0.0;
        let is_whole = work.len() == recipe.steps().len() && work.iter().all(is_work);
        if !(is_whole && ms.is_finite() && ms > 0.0) {
            return;
        }
        let thought: Vec<f64> = recipe
            .steps()
            .iter()
            .map(|step| self.thought(&step.to_string(), step.info().name, step.typical_cost()))
            .collect();
        let expected: f64 = thought
            .iter()
            .zip(work)
            .map(|(cost, bytes)| cost * bytes / 1e6)
            .sum();
        if !(expected.is_finite() && expected > 0.0) {
            return;
        }
        let factor = (ms / expected).clamp(1.0 / MAX_SURPRISE, MAX_SURPRISE);
        self.answers += 1;
        for ((step, bytes), cost) in recipe.steps().iter().zip(work).zip(thought) {
            let (text, typical) = (step.to_string(), step.typical_cost());
            let megabytes = bytes / 1e6;
            let time = megabytes * cost * factor;
            let ratio = Mean::new(cost / typical);
            let operation = self
                .operations
                .entry(step.info().name.to_owned())
                .or_insert(ratio);
            operation.add(time, megabytes * typical);
            self.all.get_or_insert(ratio).add(time, megabytes * typical);
            if text.len() <= MAX_STEP_TEXT {
                let mean = self.steps.entry(text).or_insert(Mean::new(cost));
                mean.add(time, megabytes);
                mean.used = self.answers;
            }
        }
        while self.steps.len() > MAX_STEPS {
            let oldest = self.steps.iter().min_by_key(|(_, mean)| mean.used);
            let Some(oldest) = oldest.map(|(text, _)| text.clone()) else {
                break;
            };
            self.steps.remove(&oldest);
        }
    }

    /// Milliseconds for a megabyte of a step.
    fn thought(&self, text: &str, operation: &str, typical: f64) -> f64 {
        match (self.steps.get(text), self.operations.get(operation), self.all) {
            (Some(step), _, _) => step.cost(),
            (None, Some(ratio), _) => ratio.cost() * typical,
            (None, None, Some(ratio)) => ratio.cost() * typical,
            (None, None, None) => typical,
        }
    }

    /// A job is finished. What cannot be is ignored.
    pub fn learn_job(&mut self, job: &Finished<'_>) {
        let numbers = [job.bytes, job.rendered, job.rendering, job.wall];
        let can_be = numbers.iter().all(|number| number.is_finite() && *number >= 0.0)
            && job.slots > 0
            && job.wall < 1e7
            // More than all slots can do in that time: whatever was said, it is not so.
            && job.rendered <= 1.2 * f64::from(job.slots) * job.wall;
        if !can_be {
            return;
        }
        let slots = f64::from(job.slots);
        let had_enough = job.tiles >= TILES_A_SLOT.saturating_mul(job.slots);
        // Where something else was waited for, slots that did nothing say nothing.
        if had_enough && job.rendering > 0.0 && job.rendered / slots > 0.5 * job.wall {
            let busy = (job.rendered / slots / job.rendering).clamp(0.1, 1.0);
            let before = self.busy.filter(|busy| busy.is_finite()).unwrap_or(busy);
            self.busy = Some((0.7 * before + 0.3 * busy).clamp(0.1, 1.0));
        }
        let costs = Costs {
            busy: self.busy,
            ..Costs::default()
        };
        let at_a_time = costs.busy_slots(job.slots).min(f64::from(job.tiles.max(1)));
        let beside = (job.wall - job.rendered / at_a_time).max(0.0);
        let kind = Some(job.kind)
            .filter(|kind| self.lines.contains_key(*kind) || self.lines.len() < MAX_KINDS)
            .unwrap_or_default();
        for name in ["", kind] {
            let line = self.lines.entry(name.to_owned()).or_default();
            line.add(job.bytes / 1e6, beside, job.wall);
            if kind.is_empty() {
                break;
            }
        }
    }

    /// What was learned, for whoever estimates.
    pub fn costs(&self) -> Costs {
        let costs = |means: &BTreeMap<String, Mean>| {
            means
                .iter()
                .map(|(name, mean)| (name.clone(), mean.cost()))
                .collect()
        };
        Costs {
            steps: costs(&self.steps),
            operations: costs(&self.operations),
            all: self.all.map(|mean| mean.cost()),
            around: self
                .lines
                .iter()
                .map(|(kind, line)| (kind.clone(), line.around()))
                .collect(),
            busy: self
                .busy
                .filter(|busy| busy.is_finite())
                .map(|busy| busy.clamp(0.1, 1.0)),
        }
    }
}

#[cfg(test)]
#[path = "costs_tests.rs"]
mod tests;
