//! How long each part of `cargo xtask test` took, so that it is seen when one grows.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::shell;

/// Programs of tests that are named.
const SLOWEST: usize = 10;

/// What was done and how long it took.
pub struct Times {
    begun: Instant,
    steps: Vec<(String, Duration)>,
    programs: Vec<(String, Duration)>,
}

impl Times {
    /// Begins to count.
    pub fn begin() -> Self {
        Self {
            begun: Instant::now(),
            steps: Vec::new(),
            programs: Vec::new(),
        }
    }

    /// Does a step; its time counts even when it fails.
    pub fn step<T>(&mut self, name: &str, step: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = step();
        let time = begun.elapsed();
        shell::say(&format!("{name}: {:.0} s", time.as_secs_f64()));
        self.steps.push((name.to_owned(), time));
        done
    }

    /// Adds a step that was timed elsewhere.
    pub fn add_step(&mut self, name: String, time: Duration) {
        self.steps.push((name, time));
    }

    /// Adds programs of tests that were timed elsewhere.
    pub fn add_programs(&mut self, programs: impl IntoIterator<Item = (String, Duration)>) {
        self.programs.extend(programs);
    }

    /// The steps in their order, the slowest programs, and the whole.
    pub fn table(&self) -> String {
        let mut text = String::from("seconds of each step:\n");
        let mut line = |name: &str, time: Duration| {
            let _ = writeln!(text, "{:>7.0}  {name}", time.as_secs_f64());
        };
        for (name, time) in &self.steps {
            line(name, *time);
        }
        let mut slowest: Vec<_> = self.programs.iter().collect();
        slowest.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
        if !slowest.is_empty() {
            text.push_str("the slowest programs of tests:\n");
        }
        let mut line = |name: &str, time: Duration| {
            let _ = writeln!(text, "{:>7.0}  {name}", time.as_secs_f64());
        };
        for (name, time) in slowest.into_iter().take(SLOWEST) {
            line(name, *time);
        }
        let seconds = self.begun.elapsed().as_secs();
        let _ = write!(text, "took {} min {} s", seconds / 60, seconds % 60);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_stand_in_their_order_and_the_slowest_programs_first() {
        let mut times = Times::begin();
        assert_eq!(times.step("lints", || 7), 7);
        times.add_step("tests".to_owned(), Duration::from_secs(1200));
        times.add_programs((1..=12).map(|n| (format!("program {n}"), Duration::from_secs(n))));
        let table = times.table();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[..3],
            ["seconds of each step:", "      0  lints", "   1200  tests"]
        );
        assert_eq!(
            lines[3..6],
            [
                "the slowest programs of tests:",
                "     12  program 12",
                "     11  program 11"
            ]
        );
        // Ten of the twelve.
        assert_eq!(lines[13], "      3  program 3");
        assert_eq!(lines[14], "took 0 min 0 s");
    }
}
