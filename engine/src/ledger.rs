//! Every try of a tile, and the one budget that bounds them.
//!
//! A try is one task in Kafka: where it went, who held that partition, and what came of it. Each outcome costs points, and a
//! tile whose points are used up is dead: no path sends a tile without a limit. What is surely the tile's own fault costs a
//! whole attempt; what is mostly the fault of a network or of a neighbour costs a part of one, so that a tile is not given up
//! because Kafka was away, and yet not sent for ever.
//!
//! | outcome | points | why |
//! |---|---|---|
//! | answered | 0 | |
//! | failed, refused | 16 | the worker says that it cannot render it, or what it answers cannot be used |
//! | holder died, with nothing else in hand | 16 | only this tile can have killed it |
//! | holder died, with others in hand | 4 | any of them can have killed it |
//! | overdue | 4 | a lost record, a lost worker, a slow one |
//! | not delivered, for now | 1 | the cluster was away or busy |
//! | not delivered, ever | all | the record will never be taken |
//!
//! A budget of three attempts is 48 points.
//!
//! A tile whose worker is lost is sent again to another one. That costs no more than the death itself, which costs a tile nothing
//! when it is known to be innocent, so it is counted: after [`MAX_RESENDS`] times the tile stays where it is, until Kafka gives
//! its partition to another worker or it is overdue.

use crate::Time;
use crate::workers::WorkerKey;

/// Points of one attempt.
pub const ATTEMPT_POINTS: u32 = 16;
/// How often a tile is sent again because its worker was lost.
pub const MAX_RESENDS: u32 = 16;
/// Tries that are remembered of one tile, the latest ones.
const MAX_TRIES: usize = 16;

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Sent,
    /// Pixels came.
    Answered,
    /// An error came.
    Failed,
    /// What came could not be used.
    Refused,
    /// Nothing came for too long.
    Overdue,
    /// The process that held it was lost.
    HolderDied {
        /// Whether it had nothing else in hand.
        alone: bool,
    },
    /// The broker did not take it, this time.
    NotDelivered,
    /// The broker will never take it.
    NotDeliverable,
}

impl Outcome {
    /// Points of the budget that it uses up, where `all` is the whole budget.
    pub const fn points(self, all: u32) -> u32 {
        match self {
            Self::Sent | Self::Answered => 0,
            Self::Failed | Self::Refused | Self::HolderDied { alone: true } => ATTEMPT_POINTS,
            Self::HolderDied { alone: false } | Self::Overdue => ATTEMPT_POINTS / 4,
            Self::NotDelivered => 1,
            Self::NotDeliverable => all,
        }
    }

    /// Whether it counts among the failures that people are told of.
    pub const fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::Refused | Self::HolderDied { alone: true } | Self::NotDeliverable
        )
    }
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    /// Which try of the tile, from 1.
    pub attempt: u32,
    /// The worker that held the partition, as people know it.
    pub worker: String,
    /// Where it went.
    pub partition: i32,
    /// When it was sent.
    pub sent: Time,
    /// What came of it.
    pub outcome: Outcome,
}

/// All tries of one tile that is not done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    tries: Vec<Try>,
    spent: u32,
    failures: u32,
    overdue: u32,
    /// Deaths that were noted of it, with whether it was alone in hand.
    deaths: Vec<(WorkerKey, bool)>,
    suspicion: Option<Suspicion>,
    resends: u32,
}

/// A process was lost that held the tile, and perhaps it died of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Suspicion {
    worker: WorkerKey,
    instance: String,
}

impl Ledger {
    /// A tile of which an earlier process used up `spent` points.
    pub fn stored(spent: u32) -> Self {
        Self {
            spent,
            failures: spent / ATTEMPT_POINTS,
            ..Self::default()
        }
    }

    /// A try begins.
    pub fn begin(&mut self, attempt: u32, worker: &str, partition: i32, sent: Time) {
        if self.tries.len() == MAX_TRIES {
            self.tries.remove(0);
        }
        self.tries.push(Try {
            attempt,
            worker: worker.to_owned(),
            partition,
            sent,
            outcome: Outcome::Sent,
        });
    }

    /// Something came of the latest try: notes it and takes its points, of a budget of `all`.
    pub fn note(&mut self, outcome: Outcome, all: u32) {
        self.spent = self.spent.saturating_add(outcome.points(all));
        self.failures += u32::from(outcome.is_failure());
        self.overdue += u32::from(outcome == Outcome::Overdue);
        if let Some(last) = self.tries.last_mut() {
            last.outcome = outcome;
        }
        // Whoever says that it failed, or answers something else, did not die of it.
        if matches!(outcome, Outcome::Failed | Outcome::Refused) {
            self.suspicion = None;
        }
    }

    /// A process that held it was lost.
    pub fn note_death(&mut self, worker: WorkerKey, alone: bool, all: u32) {
        self.note(Outcome::HolderDied { alone }, all);
        self.deaths.push((worker, alone));
    }

    /// The process is heard of again: it did not die of this tile or of any other, whatever was sent where in between.
    pub fn take_back(&mut self, worker: WorkerKey) {
        let (taken, rest) = std::mem::take(&mut self.deaths)
            .into_iter()
            .partition::<Vec<_>, _>(|(dead, _)| *dead == worker);
        self.deaths = rest;
        for (_, alone) in taken {
            let outcome = Outcome::HolderDied { alone };
            self.spent = self.spent.saturating_sub(outcome.points(0));
            self.failures = self.failures.saturating_sub(u32::from(outcome.is_failure()));
            let noted = self.tries.iter_mut().rev().find(|one| one.outcome == outcome);
            if let Some(noted) = noted {
                noted.outcome = Outcome::Sent;
            }
        }
        self.suspicion.take_if(|suspicion| suspicion.worker == worker);
    }

    /// It is sent again because `worker`, whose process is called `instance`, was lost with it. Whoever gets it next must have
    /// nothing else in hand meanwhile.
    pub fn resend(&mut self, worker: WorkerKey, instance: &str) {
        self.resends += 1;
        self.suspicion = Some(Suspicion {
            worker,
            instance: instance.to_owned(),
        });
    }

    /// The process that was lost with it, if it is suspected of that and no worker has answered it since.
    pub fn lost_with(&self) -> Option<&str> {
        self.suspicion
            .as_ref()
            .map(|suspicion| suspicion.instance.as_str())
    }

    /// How often it was sent again because its worker was lost.
    pub fn resends(&self) -> u32 {
        self.resends
    }

    /// Points used up.
    pub fn spent(&self) -> u32 {
        self.spent
    }

    /// Tries that ended in an error, a refusal or a death.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// How often it was overdue in a row of this process.
    pub fn overdue(&self) -> u32 {
        self.overdue
    }

    /// Whether a budget of `all` points is used up.
    pub fn is_used_up(&self, all: u32) -> bool {
        self.spent >= all
    }

    /// The latest tries, oldest first.
    pub fn tries(&self) -> &[Try] {
        &self.tries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(outcomes: &[Outcome]) -> Ledger {
        let mut ledger = Ledger::default();
        for (index, outcome) in outcomes.iter().enumerate() {
            ledger.begin(index as u32 + 1, "kiln", 0, Time::ZERO);
            ledger.note(*outcome, 3 * ATTEMPT_POINTS);
        }
        ledger
    }

    #[test]
    fn three_errors_use_up_three_attempts() {
        assert!(!after(&[Outcome::Failed; 2]).is_used_up(48));
        assert!(after(&[Outcome::Failed; 3]).is_used_up(48));
        assert!(
            after(&[
                Outcome::Failed,
                Outcome::Refused,
                Outcome::HolderDied { alone: true }
            ])
            .is_used_up(48)
        );
    }

    #[test]
    fn every_outcome_but_an_answer_uses_the_budget_up_in_the_end() {
        for outcome in [
            Outcome::Failed,
            Outcome::Refused,
            Outcome::Overdue,
            Outcome::HolderDied { alone: true },
            Outcome::HolderDied { alone: false },
            Outcome::NotDelivered,
            Outcome::NotDeliverable,
        ] {
            assert!(after(&[outcome; 48]).is_used_up(48), "{outcome:?}");
        }
    }

    #[test]
    fn a_death_that_was_none_costs_nothing() {
        let mut ledger = after(&[Outcome::Sent]);
        ledger.note_death(7, true, 48);
        ledger.take_back(8);
        assert_eq!((ledger.spent(), ledger.failures()), (16, 1));
        ledger.take_back(7);
        assert_eq!((ledger.spent(), ledger.failures()), (0, 0));
        assert_eq!(ledger.tries()[0].outcome, Outcome::Sent);
    }

    #[test]
    fn a_death_that_was_none_is_taken_back_after_the_tile_was_sent_again() {
        let mut ledger = after(&[Outcome::Sent]);
        ledger.note_death(7, false, 48);
        ledger.resend(7, "kiln-1");
        ledger.begin(2, "press", 1, Time::ZERO);
        ledger.note(Outcome::Overdue, 48);
        assert_eq!((ledger.spent(), ledger.lost_with()), (8, Some("kiln-1")));
        ledger.take_back(7);
        assert_eq!((ledger.spent(), ledger.lost_with()), (4, None));
        let outcomes: Vec<Outcome> = ledger.tries().iter().map(|one| one.outcome).collect();
        assert_eq!(outcomes, [Outcome::Sent, Outcome::Overdue]);
    }

    #[test]
    fn a_tile_that_was_lost_with_a_worker_is_suspected_until_another_one_answers() {
        let mut ledger = after(&[Outcome::Sent]);
        ledger.resend(7, "kiln-1");
        for outcome in [Outcome::NotDelivered, Outcome::Overdue] {
            ledger.note(outcome, 48);
            assert_eq!(ledger.lost_with(), Some("kiln-1"), "{outcome:?}");
        }
        ledger.note(Outcome::Failed, 48);
        assert_eq!((ledger.lost_with(), ledger.resends()), (None, 1));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        assert_eq!(after(&[Outcome::NotDelivered; 100]).tries().len(), MAX_TRIES);
    }
}
