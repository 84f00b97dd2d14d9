//! The end of a run: nobody works on its files or holds them any more, its mosaic is kept, scratch that is not needed goes.

use std::sync::Arc;
use std::time::Duration;

use azulejo_engine::Event;

use super::desk::Desk;
use super::job::remove_if_there;
use super::pool::{Next, Work};
use super::run::Run;

/// How soon it is looked again whether somebody is still at work.
const PAUSE: Duration = Duration::from_millis(5);

/// The end of one run.
pub struct Stop {
    run: Arc<Run>,
    desk: Desk,
    completed: bool,
}

impl Stop {
    /// Ends `run`, which was told to stop. A completed one keeps its scratch until its ending is stored.
    pub fn new(run: Arc<Run>, desk: Desk, completed: bool) -> Self {
        Self { run, desk, completed }
    }

    fn tell(&self) {
        self.desk.tell(Event::Stopped {
            job: self.run.spec.id(),
            run: self.run.id,
        });
    }

    /// Writes the mosaic beside the job's other files.
    fn keep_mosaic(&self) {
        let png = match &*self.run.canvas() {
            Some(canvas) => canvas.png(),
            None => return,
        };
        let path = self.run.spec.folder.mosaic();
        let written = png
            .map_err(std::io::Error::other)
            .and_then(|bytes| std::fs::write(&path, bytes));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "cannot keep a job's mosaic");
            remove_if_there(&path);
        }
    }
}

impl Work for Stop {
    fn step(&mut self) -> Next {
        if self.run.is_worked_on() {
            return Next::Later(PAUSE);
        }
        *self.run.assembly() = None;
        // Scratch first: on a full disk it makes the room that the picture needs.
        if !self.completed {
            self.run.spec.folder.remove_scratch(false);
        }
        self.keep_mosaic();
        self.tell();
        Next::Done
    }

    fn panicked(&mut self) {
        self.tell();
    }
}
