//! What work costs on this fleet, as the server has measured it, and what follows for a job that is not begun.
//!
//! The time of a step is counted in milliseconds of a worker's slot for a megabyte (10^6 bytes) of pixels that the step works on:
//! of what it reads and what it gives, whichever is more ([`Recipe::work`]). Bytes rather than pixels, because three channels are
//! three times the work of one. What else a job takes (decoding, the way of its tiles, assembly) is counted for a megabyte of its
//! decoded input and its result together.

use std::collections::BTreeMap;

use azulejo_imaging::{Recipe, Step};
use serde::{Deserialize, Serialize};

/// A job is estimated when at least this share of its rendering is known from measurements of its operations.
const MEASURED_SHARE: f64 = 0.5;

/// What was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Costs {
    /// Milliseconds of a slot for a megabyte, by the text of a step such as `blur:sigma=6`.
    #[serde(default)]
    pub steps: BTreeMap<String, f64>,
    /// How many times as long as typical ([`Step::typical_cost`]) an operation takes here, whatever its parameters.
    #[serde(default)]
    pub operations: BTreeMap<String, f64>,
    /// The same over all operations.
    #[serde(default)]
    pub all: Option<f64>,
    /// What a job takes beside its rendering, by the kind of the file that comes in; under the empty name over all kinds.
    #[serde(default)]
    pub around: BTreeMap<String, Around>,
    /// The share of the slots that jobs really kept busy while rendering was what they waited for.
    #[serde(default)]
    pub busy: Option<f64>,
}

/// What a job takes beside its rendering.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Around {
    /// Seconds, whatever its size.
    pub seconds: f64,
    /// Seconds for each megabyte of decoded input and result.
    pub seconds_per_megabyte: f64,
}

impl Default for Around {
    fn default() -> Self {
        Self {
            seconds: 0.1,
            seconds_per_megabyte: 0.005,
        }
    }
}

/// A job to be estimated.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    /// Its recipe.
    pub recipe: &'a Recipe,
    /// Bytes that each step works on for a tile, on the mean.
    pub work: &'a [f64],
    /// Its tiles.
    pub tiles: u32,
    /// Bytes of the decoded input and the result together.
    pub bytes: f64,
    /// Kind of the file that comes in: `png`, `jpeg`, ...
    pub kind: &'a str,
}

impl Costs {
    /// Milliseconds of a slot for a megabyte of `step`, and whether that follows from measurements of its operation.
    pub fn step(&self, step: &Step) -> (f64, bool) {
        let typical = step.typical_cost();
        let measured = self
            .steps
            .get(&step.to_string())
            .copied()
            .or_else(|| Some(self.operations.get(step.info().name)? * typical));
        match measured {
            Some(cost) => (cost, true),
            None => (self.all.unwrap_or(1.0) * typical, false),
        }
    }

    /// Milliseconds of a slot for a tile of which each step works on so many bytes; `None` when too little of it was measured.
    pub fn tile(&self, recipe: &Recipe, work: &[f64]) -> Option<f64> {
        let (mut all, mut known) = (0.0, 0.0);
        for (step, bytes) in recipe.steps().iter().zip(work) {
            let (cost, is_measured) = self.step(step);
            let time = cost * bytes / 1e6;
            all += time;
            known += if is_measured { time } else { 0.0 };
        }
        (all.is_finite() && known >= all * MEASURED_SHARE && (known > 0.0 || recipe.is_identity()))
            .then_some(all)
    }

    /// What a job takes beside its rendering, for files of `kind`.
    pub fn around(&self, kind: &str) -> Around {
        let known = self.around.get(kind).or_else(|| self.around.get(""));
        known.copied().unwrap_or_default()
    }

    /// How many of `slots` work at a time, as far as that was measured.
    pub fn busy_slots(&self, slots: u32) -> f64 {
        (f64::from(slots) * self.busy.unwrap_or(1.0)).max(1.0)
    }

    /// Seconds that a job takes on so many slots that do nothing else; `None` when too little was measured.
    pub fn seconds(&self, load: &Load<'_>, slots: u32) -> Option<f64> {
        if slots == 0 {
            return None;
        }
        let tile = self.tile(load.recipe, load.work)?;
        let tiles = f64::from(load.tiles);
        // A job of a few tiles cannot keep more slots busy than it has tiles, and waits for the last one.
        let rounds = (tiles / self.busy_slots(slots)).max(1.0);
        let around = self.around(load.kind);
        let seconds = tile * rounds / 1e3 + around.seconds + around.seconds_per_megabyte * load.bytes / 1e6;
        seconds.is_finite().then_some(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load<'a>(recipe: &'a Recipe, work: &'a [f64], tiles: u32) -> Load<'a> {
        Load {
            recipe,
            work,
            tiles,
            bytes: 2e6,
            kind: "png",
        }
    }

    fn costs() -> Costs {
        Costs {
            steps: [("blur:sigma=6".to_owned(), 100.0)].into(),
            operations: [("blur".to_owned(), 10.0)].into(),
            around: [(
                "png".to_owned(),
                Around {
                    seconds: 1.0,
                    seconds_per_megabyte: 0.5,
                },
            )]
            .into(),
            ..Costs::default()
        }
    }

    #[test]
    fn a_step_is_known_by_its_text_then_by_its_operation_then_not() {
        let costs = costs();
        let step = |text: &str| costs.step(&Recipe::parse(text).unwrap().steps()[0]);
        assert_eq!(step("blur:sigma=6"), (100.0, true));
        let other = Recipe::parse("blur:sigma=2").unwrap();
        assert_eq!(
            step("blur:sigma=2"),
            (10.0 * other.steps()[0].typical_cost(), true)
        );
        assert!(!step("median").1);
    }

    #[test]
    fn a_job_takes_its_rounds_of_tiles_and_what_is_around_them() {
        let recipe = Recipe::parse("blur:sigma=6").unwrap();
        let seconds = |tiles, slots| costs().seconds(&load(&recipe, &[1e6], tiles), slots);
        assert_eq!(seconds(100, 10), Some(1.0 + 2.0));
        assert_eq!(seconds(1, 10), Some(0.1 + 2.0));
        assert_eq!(seconds(100, 0), None);
        let half = Costs {
            busy: Some(0.5),
            ..costs()
        };
        assert_eq!(half.seconds(&load(&recipe, &[1e6], 100), 10), Some(2.0 + 2.0));
    }

    #[test]
    fn what_was_not_measured_has_no_number() {
        let recipe = Recipe::parse("median").unwrap();
        assert_eq!(costs().seconds(&load(&recipe, &[1e6], 9), 2), None);
        assert_eq!(Costs::default().seconds(&load(&recipe, &[1e6], 9), 2), None);
        // The little that is not measured does not matter.
        let mostly = Recipe::parse("blur:sigma=6|invert").unwrap();
        assert!(costs().seconds(&load(&mostly, &[1e6, 1e6], 9), 2).is_some());
    }
}
