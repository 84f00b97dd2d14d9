//! How the images of a run ended: told one by one, on standard error to people and as JSON to scripts, and summed up in the
//! exit code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use azulejo_protocol::JobId;
use serde::Serialize;

use crate::output;
use crate::signals::Caught;
use crate::targets::DASH;

/// Exit codes, of which a run with several images ends with the first in this order that one of them has: that of a signal,
/// 1, 3, 0.
pub const DONE: u8 = 0;
/// An image could not be read or sent, or its result not saved.
pub const PROBLEM: u8 = 1;
/// A job failed or was cancelled by someone else.
pub const JOB_ENDED: u8 = 3;

/// How it went with one image.
#[derive(Debug)]
pub enum Outcome {
    /// The result is in this file.
    Saved(PathBuf),
    /// The result went to standard output.
    Written,
    /// The job has failed, for this reason.
    Failed(String),
    /// The job was cancelled by someone else.
    Cancelled(String),
    /// The image could not be read or sent, or its result not saved.
    Problem(anyhow::Error),
    /// A signal came; with what became of the job.
    Interrupted(Caught, String),
}

impl Outcome {
    fn code(&self) -> u8 {
        match self {
            Self::Saved(_) | Self::Written => DONE,
            Self::Problem(_) => PROBLEM,
            Self::Failed(_) | Self::Cancelled(_) => JOB_ENDED,
            Self::Interrupted(caught, _) => caught.code(),
        }
    }

    const fn status(&self) -> &'static str {
        match self {
            Self::Saved(_) | Self::Written => "saved",
            Self::Failed(_) => "failed",
            Self::Cancelled(_) => "cancelled",
            Self::Problem(_) => "error",
            Self::Interrupted(..) => "interrupted",
        }
    }

    fn output(&self) -> Option<String> {
        match self {
            Self::Saved(place) => Some(place.to_string_lossy().into_owned()),
            Self::Written => Some(DASH.into()),
            _ => None,
        }
    }

    fn error(&self) -> Option<String> {
        match self {
            Self::Saved(_) | Self::Written => None,
            Self::Failed(reason) | Self::Cancelled(reason) | Self::Interrupted(_, reason) => {
                Some(reason.clone())
            }
            Self::Problem(error) => Some(format!("{error:#}")),
        }
    }
}

/// One line of `--json`. Its fields are promised to scripts (docs/cli.md).
#[derive(Debug, Serialize)]
struct Line<'a> {
    input: &'a str,
    job: Option<JobId>,
    status: &'a str,
    output: Option<String>,
    error: Option<String>,
    exit: u8,
}

/// The images of a run, told as they end.
#[derive(Debug)]
pub struct Report {
    json: bool,
    ends: Vec<(&'static str, u8)>,
}

impl Report {
    /// Told as JSON if `json`, else as the names of the files saved.
    pub const fn new(json: bool) -> Self {
        Self {
            json,
            ends: Vec::new(),
        }
    }

    /// Says how it went with `input`, which sentences call `shown`.
    ///
    /// # Errors
    /// Never in practice: what is told has JSON.
    pub fn tell(
        &mut self,
        input: &str,
        shown: &str,
        job: Option<JobId>,
        outcome: &Outcome,
    ) -> anyhow::Result<()> {
        self.ends.push((outcome.status(), outcome.code()));
        match (outcome, outcome.error()) {
            (Outcome::Interrupted(caught, _), Some(reason)) => {
                output::say(&format!("{}: {shown}: {reason}", caught.word()));
            }
            (_, Some(reason)) => output::say(&format!("error: {shown}: {reason}")),
            (_, None) => {}
        }
        if self.json {
            return output::json_line(&Line {
                input,
                job,
                status: outcome.status(),
                output: outcome.output(),
                error: outcome.error(),
                exit: outcome.code(),
            });
        }
        if let Outcome::Saved(place) = outcome {
            output::path(place);
        }
        Ok(())
    }

    /// Sums it up where there were several images; gives the exit code.
    pub fn end(&self) -> ExitCode {
        if self.ends.len() > 1 {
            output::say(&self.summary());
        }
        self.code().into()
    }

    fn code(&self) -> u8 {
        let codes = || self.ends.iter().map(|(_, code)| *code);
        codes()
            .find(|code| ![DONE, PROBLEM, JOB_ENDED].contains(code))
            .or_else(|| codes().find(|code| *code == PROBLEM))
            .or_else(|| codes().max())
            .unwrap_or(DONE)
    }

    fn summary(&self) -> String {
        let mut parts = Vec::new();
        for (status, word) in [
            ("saved", "saved"),
            ("failed", "failed"),
            ("cancelled", "cancelled"),
            ("error", "could not be done"),
            ("interrupted", "interrupted"),
        ] {
            let count = self.ends.iter().filter(|(end, _)| *end == status).count();
            if count > 0 {
                parts.push(format!("{count} {word}"));
            }
        }
        format!("{} images: {}", self.ends.len(), parts.join(", "))
    }
}

/// A path as JSON has it: bytes that are no UTF-8 are replaced.
pub fn as_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(outcomes: &[Outcome]) -> (u8, String) {
        let mut report = Report::new(false);
        for outcome in outcomes {
            report.ends.push((outcome.status(), outcome.code()));
        }
        (report.code(), report.summary())
    }

    #[test]
    fn a_mixture_ends_with_the_code_that_needs_the_user_first() {
        let saved = || Outcome::Saved("a.png".into());
        let problem = || Outcome::Problem(anyhow::anyhow!("unreadable"));
        let failed = || Outcome::Failed("damaged".into());
        let cancelled = || Outcome::Cancelled("by hand".into());
        let interrupted = || Outcome::Interrupted(Caught::Terminate, "cancelled".into());
        for (outcomes, expected) in [
            (vec![saved(), saved()], DONE),
            (vec![saved(), failed()], JOB_ENDED),
            (vec![cancelled(), saved()], JOB_ENDED),
            (vec![failed(), problem(), saved()], PROBLEM),
            (vec![problem(), failed()], PROBLEM),
            (vec![problem(), failed(), interrupted()], 143),
            (vec![], DONE),
        ] {
            assert_eq!(code(&outcomes).0, expected, "{outcomes:?}");
        }
        let (_, summary) = code(&[saved(), saved(), failed(), problem()]);
        assert_eq!(summary, "4 images: 2 saved, 1 failed, 1 could not be done");
    }
}
