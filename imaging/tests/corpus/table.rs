//! Counts of verdicts, sentences of refusal, and a line of JSON for each file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::judged::Judged;
use crate::read::{Outcome, Read};
use crate::verdict::{Verdict, is_slow};

/// Everything that is shown.
pub struct Table {
    counts: BTreeMap<Verdict, usize>,
    /// Files of which a judge gives pixels.
    judged: usize,
    slow: usize,
    /// Files that a judge took with it.
    lost: usize,
    /// Sentences of refusal, numbers left out, with how many files they were said of.
    sentences: BTreeMap<String, usize>,
    /// What went wrong, and why.
    bad: Vec<String>,
}

impl Table {
    pub fn of(folder: &Path, read: &[Read], judged: &[Judged], verdicts: &[Verdict]) -> Self {
        let mut table = Self {
            counts: BTreeMap::new(),
            judged: judged.iter().filter(|judged| judged.is_read()).count(),
            slow: read.iter().filter(|read| is_slow(read)).count(),
            lost: judged.iter().filter(|judged| judged.lost).count(),
            sentences: BTreeMap::new(),
            bad: Vec::new(),
        };
        for ((read, judged), verdict) in read.iter().zip(judged).zip(verdicts) {
            *table.counts.entry(*verdict).or_default() += 1;
            if matches!(verdict, Verdict::Refused | Verdict::Damaged)
                && let Outcome::Refused { sentence, .. } = &read.outcome
            {
                *table.sentences.entry(without_numbers(sentence)).or_default() += 1;
            }
            if matches!(verdict, Verdict::Wrong | Verdict::Hung | Verdict::Panicked) {
                let name = name(folder, read);
                table
                    .bad
                    .push(format!("{}: {name}: {}", verdict.label(), why(read, judged)));
            }
        }
        table
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.counts.get(&verdict).copied().unwrap_or_default()
    }

    /// Part of the files that a judge reads that is refused here.
    fn refused(&self) -> f64 {
        let refused = self.count(Verdict::Refused) + self.count(Verdict::Damaged);
        refused as f64 / self.judged.max(1) as f64
    }

    /// What may not be; nothing where all is well.
    pub fn faults(&self, max_refused: f64) -> String {
        let mut faults = Vec::new();
        if self.judged == 0 {
            faults.push("the judges read none of the files".to_owned());
        }
        for verdict in [Verdict::Wrong, Verdict::Hung, Verdict::Panicked] {
            let count = self.count(verdict);
            if count > 0 {
                faults.push(format!("{count} {}", verdict.label()));
            }
        }
        if self.refused() > max_refused {
            faults.push(format!(
                "{:.1} % refused of those that a judge reads, and {:.1} % may be",
                100.0 * self.refused(),
                100.0 * max_refused
            ));
        }
        faults.join("; ")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for verdict in Verdict::ALL {
            writeln!(f, "{:6}  {}", self.count(verdict), verdict.label())?;
        }
        writeln!(f, "{:6}  slow", self.slow)?;
        writeln!(f, "{:6}  lost by a judge that crashed", self.lost)?;
        writeln!(
            f,
            "{:6}  read by a judge, and {:.1} % of them refused here:",
            self.judged,
            100.0 * self.refused()
        )?;
        let mut sentences: Vec<(&String, &usize)> = self.sentences.iter().collect();
        sentences.sort_by_key(|(sentence, count)| (std::cmp::Reverse(**count), *sentence));
        for (sentence, count) in sentences {
            writeln!(f, "{count:6}      {sentence}")?;
        }
        for bad in &self.bad {
            writeln!(f, "{bad}")?;
        }
        Ok(())
    }
}

/// A sentence with `N` for its numbers: what it says of a kind.
fn without_numbers(sentence: &str) -> String {
    let mut kind = String::new();
    for c in sentence.chars() {
        match c.is_ascii_digit() {
            true if kind.ends_with('N') => {}
            true => kind.push('N'),
            false => kind.push(c),
        }
    }
    kind
}

fn name(folder: &Path, read: &Read) -> String {
    let path = read.file.strip_prefix(folder).unwrap_or(&read.file);
    path.display().to_string()
}

/// What is known of a file, in a line.
fn why(read: &Read, judged: &Judged) -> String {
    let said = match &read.outcome {
        Outcome::Read { notes } => notes.join("; "),
        Outcome::Refused { sentence, .. } | Outcome::Panicked(sentence) => sentence.clone(),
        Outcome::Hung => String::new(),
    };
    let turned = judged.turned.iter().map(|turned| ("turned", turned));
    let judges = judged.judges.iter().map(|(name, judge)| (name.as_str(), judge));
    let judges = judges.chain(turned).map(|(name, judge)| {
        let distance = judge.most.map(|most| {
            format!(
                "{most} at most, {:.3} in the mean, {} of 99 %",
                judge.mean, judge.p99
            )
        });
        let found = judge.error.clone().or(judge.size.clone()).or(distance);
        format!("{name}: {}", found.unwrap_or_else(|| "reads it".to_owned()))
    });
    let all: Vec<String> = std::iter::once(said).chain(judges).collect();
    all.join(" | ").replace('\n', " ")
}

/// A line of JSON for each file.
pub fn lines(folder: &Path, read: &[Read], judged: &[Judged], verdicts: &[Verdict]) -> String {
    let lines = read.iter().zip(judged).zip(verdicts);
    let lines = lines.map(|((read, judged), verdict)| {
        let line = serde_json::json!({
            "file": name(folder, read),
            "verdict": verdict.label(),
            "seconds": read.time.as_secs_f64(),
            "why": why(read, judged),
        });
        format!("{line}\n")
    });
    lines.collect()
}

#[test]
fn sentences_of_a_kind_are_one() {
    for (sentence, kind) in [
        ("its header says 3x20 pixels", "its header says NxN pixels"),
        ("it has 24 bits; save it as 8", "it has N bits; save it as N"),
        ("no number", "no number"),
        ("20", "N"),
    ] {
        assert_eq!(without_numbers(sentence), kind);
    }
}
