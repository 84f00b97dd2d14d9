//! Decoding: the uploaded file becomes rows of pixels, strip by strip. The core hears of every strip, so the first tiles leave
//! while the rest is still being decoded. Damage that is found on the way fails the job with a sentence about the file.

use std::sync::Arc;
use std::time::Instant;

use azulejo_engine::Event;
use azulejo_imaging::file::{Decoder, FileError, FileErrorKind, Limits};
use azulejo_protocol::{StageName, Timestamp};

use super::desk::{BUG, Desk};
use super::pool::{Next, Work};
use super::run::Run;
use super::trouble::{self, STEP, Trouble};
use crate::engine::store::{jobs, notes};

/// What it does, in a reason.
const WRITING: &str = "writing the decoded image";

/// The decoding of one job.
pub struct Decode {
    run: Arc<Run>,
    desk: Desk,
    limits: Limits,
    decoder: Option<Decoder>,
    pixels: Vec<u8>,
    next: u32,
}

impl Decode {
    /// Decodes the file of `run`.
    pub fn new(run: Arc<Run>, desk: Desk, limits: Limits) -> Self {
        Self {
            run,
            desk,
            limits,
            decoder: None,
            pixels: Vec::new(),
            next: 0,
        }
    }

    fn open(&mut self) -> Result<(), Trouble> {
        let run = &self.run;
        let (path, page) = (run.spec.folder.original(), run.spec.row.page);
        let mut decoder = Decoder::open_page(&path, &self.limits, page).map_err(|error| of_file(&error))?;
        decoder
            .convert(&run.spec.recipe)
            .map_err(|error| of_file(&error))?;
        let info = decoder.info();
        if info.stored_size != run.spec.row.stored_size || info.format != run.spec.row.input_format {
            return Err(Trouble::Reason(
                "the uploaded file is not the one that was accepted".to_owned(),
            ));
        }
        if self.next == 0 {
            let (id, at) = (run.spec.id(), Timestamp::now_utc());
            run.times().decode_started = Some(at);
            let said = notes::bounded(decoder.notes());
            run.notes().input.clone_from(&said);
            self.desk.note(move |db| {
                jobs::stage_started(db, id, StageName::Decode, at)?;
                notes::put_input(db, id, &said)
            });
        }
        self.decoder = Some(decoder);
        Ok(())
    }

    /// Decodes for a while; whether all rows are there.
    fn decode(&mut self) -> Result<bool, Trouble> {
        if self.decoder.is_none() {
            self.open()?;
        }
        let height = self.run.spec.row.stored_size.height;
        let began = Instant::now();
        while began.elapsed() < STEP {
            let Some(decoder) = &mut self.decoder else { break };
            let span = decoder.next_rows(&mut self.pixels).map_err(|error| {
                if error.kind() == FileErrorKind::Shortage {
                    return Trouble::Shortage(error.to_string());
                }
                Trouble::Reason(format!("at row {} of {height}: {error}", self.next))
            })?;
            let Some(span) = span else {
                if self.next < height {
                    return Err(Trouble::Reason(format!(
                        "the image is damaged: it ends at row {} of {height}",
                        self.next
                    )));
                }
                return Ok(true);
            };
            if self.run.is_stopped() {
                return Ok(false);
            }
            self.run
                .pixels
                .write_rows(span.y, &self.pixels)
                .map_err(|error| Trouble::of_io(WRITING, &error))?;
            self.next = span.y + span.rows;
            self.desk.tell(Event::RowsDecoded {
                job: self.run.spec.id(),
                run: self.run.id,
                rows: self.next,
            });
        }
        Ok(false)
    }

    fn finish(&self) -> Result<(), Trouble> {
        // After a power cut only what has reached the disk counts as decoded.
        let synced = self.run.pixels.sync_rows();
        synced.map_err(|error| Trouble::of_io(WRITING, &error))?;
        let (id, at) = (self.run.spec.id(), Timestamp::now_utc());
        self.run.times().decode_finished = Some(at);
        self.desk.note(move |db| jobs::decoded(db, id, at));
        Ok(())
    }
}

fn of_file(error: &FileError) -> Trouble {
    match error.kind() {
        FileErrorKind::Shortage => Trouble::Shortage(error.to_string()),
        _ => Trouble::Reason(error.to_string()),
    }
}

impl Work for Decode {
    fn step(&mut self) -> Next {
        let run = self.run.clone();
        let Some(_working) = run.work() else {
            return Next::Done;
        };
        let done = match self.decode() {
            Ok(true) => self.finish().map(|()| true),
            other => other,
        };
        if done.is_err() {
            // A decoder that failed in the middle begins anew; rows that are written again are the same.
            self.decoder = None;
            self.next = 0;
        }
        trouble::next(done, "decoding", &run, &self.desk)
    }

    fn panicked(&mut self) {
        trouble::fail(&self.run, &self.desk, BUG.to_owned());
    }
}
