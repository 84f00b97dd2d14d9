//! How numbers, times and words are written in a cell.

use azulejo_protocol::{Job, JobStatus, WorkerState};
use ratatui::style::{Color, Modifier, Style};

use crate::checks::State;

/// Styles; none at all where NO_COLOR asks for that. Only the sixteen colours that a terminal's theme defines are used.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    is_on: bool,
}

impl Paint {
    /// As the environment says.
    pub fn from_environment() -> Self {
        Self {
            is_on: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }

    fn colour(self, colour: Color) -> Style {
        if self.is_on {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    /// Something that works or is done.
    pub fn good(self) -> Style {
        self.colour(Color::Green)
    }

    /// Something under way, or the accent.
    pub fn busy(self) -> Style {
        self.colour(Color::Cyan)
    }

    /// Something to look at.
    pub fn warn(self) -> Style {
        self.colour(Color::Yellow)
    }

    /// Something that does not work.
    pub fn bad(self) -> Style {
        self.colour(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// Of less weight.
    pub fn quiet(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// A heading.
    pub fn heading(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The style of a check.
    pub fn check(self, state: State) -> Style {
        match state {
            State::Ok => self.good(),
            State::Warning => self.warn(),
            State::Fault => self.bad(),
        }
    }

    /// The style of a worker's state.
    pub fn worker(self, state: WorkerState) -> Style {
        match state {
            WorkerState::Busy => self.busy(),
            WorkerState::Idle => self.good(),
            WorkerState::Starting | WorkerState::Draining => self.warn(),
            WorkerState::Stopped => self.quiet(),
            WorkerState::Lost => self.bad(),
        }
    }

    /// The style of a job's state.
    pub fn job(self, status: JobStatus) -> Style {
        match status {
            JobStatus::Processing => self.busy(),
            JobStatus::Completed => self.good(),
            JobStatus::Failed => self.bad(),
            JobStatus::Cancelled => self.quiet(),
        }
    }
}

/// A length of time: `4 s`, `3 min`, `2 h 5 min`, `4 d 1 h`.
pub fn time(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// A bar of `width` cells, of which the share of tiles that is done is filled.
pub fn bar(job: &Job, width: usize) -> String {
    let total = u64::from(job.progress.total.max(1));
    let eighths = u64::from(job.progress.completed) * width as u64 * 8 / total;
    let (whole, part) = ((eighths / 8) as usize, (eighths % 8) as usize);
    let mut bar = "█".repeat(whole.min(width));
    if whole < width && part > 0 {
        bar.push(['▏', '▎', '▍', '▌', '▋', '▊', '▉'][part - 1]);
    }
    let filled = bar.chars().count();
    bar.extend(std::iter::repeat_n('·', width.saturating_sub(filled)));
    bar
}

/// `text` in at most `width` characters; its end is kept where `keeps_end`, as of a file name.
pub fn cut(text: &str, width: usize, keeps_end: bool) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    if keeps_end {
        let head = room / 2;
        let start: String = text.chars().take(head).collect();
        let end: String = text.chars().skip(count - (room - head)).collect();
        format!("{start}…{end}")
    } else {
        format!("{}…", text.chars().take(room).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_units_at_most() {
        for (seconds, text) in [
            (-1.0, "0 s"),
            (59.9, "59 s"),
            (61.0, "1 min"),
            (7500.0, "2 h 5 min"),
            (349_200.0, "4 d 1 h"),
        ] {
            assert_eq!(time(seconds), text);
        }
    }

    #[test]
    fn long_names_keep_what_tells_them_apart() {
        assert_eq!(cut("scan-2026-11-29-0001.tiff", 12, true), "scan-…1.tiff");
        assert_eq!(cut("blur:sigma=2|sharpen", 8, false), "blur:si…");
        assert_eq!(cut("short", 8, true), "short");
    }
}
