//! What the server's drivers do about the effects of the core.

use super::*;

/// What the server's drivers do about the effects.
impl World {
    pub(super) fn carry_out(&mut self, effect: Effect) -> Checked {
        let life = self.life;
        if self.verbose {
            let line = format!("  -> {effect:?}");
            self.say(|| line.chars().take(200).collect());
        }
        match effect {
            Effect::Check { job, run } => {
                self.alive(run, "Check")?;
                let tiles = self.read_back(job);
                if self.mutation == Mutation::LoseCheck && self.random.one_in(4) {
                    return Ok(());
                }
                self.later(
                    self.ms(1, 300),
                    Action::Server(life, Event::Checked { job, run, tiles }),
                );
            }
            Effect::Decode { job, run } => {
                self.alive(run, "Decode")?;
                let height = self.store.jobs[&job].plan.stored_size.height;
                let step = height.div_ceil(4).max(1);
                let mut rows = 0;
                let mut after = Time::ZERO;
                while rows < height {
                    rows = (rows + step).min(height);
                    after += Time::from_millis(self.random.between(1, 100));
                    self.later(after, Action::Server(life, Event::RowsDecoded { job, run, rows }));
                }
            }
            Effect::Assemble { job, run, bands } => {
                self.alive(run, "Assemble")?;
                self.encode(job, run, bands)?;
            }
            Effect::NextPass { job, run, .. } => {
                self.alive(run, "NextPass")?;
                self.left.insert(run);
                if let Some(next) = self.passes.remove(&run) {
                    self.runs.insert(job, next);
                }
            }
            Effect::Stop { job, run, .. } => {
                self.alive(run, "Stop")?;
                if self.mutation == Mutation::LoseStop && self.random.one_in(4) {
                    return Ok(());
                }
                self.later(self.ms(1, 20), Action::Server(life, Event::Stopped { job, run }));
            }
            Effect::Left { job, run, completed } => {
                self.alive(run, "Left")?;
                self.left.insert(run);
                if completed {
                    self.store.pixels.retain(|(other, _)| *other != job);
                }
            }
            Effect::Send(send) => self.send(&send)?,
            Effect::Control(word) => {
                let lost =
                    self.mutation == Mutation::LoseResume && matches!(word, ControlMessage::Resume { .. });
                if !lost && !self.kafka.is_away(self.now) {
                    self.control.push(word.clone());
                    for worker in 0..self.workers.len() {
                        let way = self.way();
                        self.later(way, Action::Word(worker, word.clone()));
                    }
                }
            }
            Effect::Judge { batch, verdicts } => self.write(batch, verdicts)?,
            Effect::Store { transaction, ops } => {
                let pause = Time::from_micros(self.random.between(self.pace.store.0, self.pace.store.1));
                self.store_free = self.store_free.max(self.now) + pause;
                let after = self.store_free - self.now;
                if self.mutation == Mutation::TellBeforeStoring {
                    self.later(Time::ZERO, Action::Server(life, Event::Stored(transaction)));
                }
                self.later(after, Action::Commit(life, transaction, ops));
            }
            Effect::Fatal(_) => self.crash(),
            Effect::DeadLetter { job, tile, error, .. } => self.buried(job, tile, &error)?,
            Effect::Reply { .. }
            | Effect::JobChanged(_)
            | Effect::WorkersChanged
            | Effect::HealthChanged
            | Effect::CostsChanged => {}
        }
        Ok(())
    }

    pub(super) fn read_back(&mut self, job: JobId) -> Vec<KnownTile> {
        let pixels = &self.store.pixels;
        let Some(stored) = self.store.jobs.get_mut(&job) else {
            return Vec::new();
        };
        stored
            .tiles
            .retain(|tile, known| known.state != TileState::Done || pixels.contains(&(job, *tile)));
        stored.tiles.values().cloned().collect()
    }

    pub(super) fn encode(&mut self, job: JobId, run: RunId, bands: u32) -> Checked {
        let life = self.life;
        let plan = &self.store.jobs[&job].plan;
        let (columns, rows) = (plan.grid.columns(), plan.grid.rows());
        if plan.measure.is_some() {
            if bands == rows {
                self.later(self.ms(1, 20), Action::Merge(life, job, run));
            }
            return Ok(());
        }
        let first = self.encoded.get(&run).copied().unwrap_or(0);
        if self.mutation == Mutation::LoseBands && first > 0 {
            return Ok(());
        }
        let mut after = Time::ZERO;
        for band in first..bands {
            for tile in band * columns..(band + 1) * columns {
                if !self.store.pixels.contains(&(job, tile)) {
                    return Err(format!(
                        "{job}: row {band} is encoded and tile {tile} has no pixels"
                    ));
                }
            }
            after += Time::from_millis(2);
            self.later(after, Action::Server(life, Event::BandEncoded { job, run, band }));
        }
        self.encoded.insert(run, bands);
        if bands == rows {
            let bytes = 1;
            self.later(
                after + Time::from_millis(5),
                Action::Server(life, Event::Assembled { job, run, bytes }),
            );
        }
        Ok(())
    }

    /// What was measured in a pass is merged and stored, and the core hears of it unless the process dies in between.
    pub(super) fn merge(&mut self, job: JobId, run: RunId) -> Checked {
        let grid = self.store.jobs[&job].plan.grid;
        for tile in 0..grid.len() {
            if self.store.jobs[&job].ending.is_none() && !self.store.pixels.contains(&(job, tile)) {
                return Err(format!("{job}: tile {tile} was not measured"));
            }
        }
        let Some(plan) = self.store.measured(job) else {
            return Ok(());
        };
        self.merged += 1;
        if self.strikes(self.faults.crash) {
            self.crash();
            return Ok(());
        }
        if self.mutation == Mutation::LosePass && self.random.one_in(4) {
            return Ok(());
        }
        self.next_run += 1;
        self.passes.insert(run, self.next_run);
        self.tell(Event::Measured {
            job,
            run,
            next: Box::new(Accepted {
                plan,
                run: self.next_run,
                decoded: false,
                check: false,
                resume: false,
            }),
        })
    }

    pub(super) fn send(&mut self, send: &Send) -> Checked {
        self.alive(send.run, "Send")?;
        let life = self.life;
        let stored = &self.store.jobs[&send.job];
        if stored.ending.is_some() {
            return Err(format!(
                "tile {} of {} is sent after its end",
                send.tile, send.job
            ));
        }
        let (job_life, measure) = (stored.life, stored.plan.measure);
        let again = self.check_target(send, job_life)?;
        let count = self.sends.entry((send.job, job_life, send.tile)).or_default();
        *count += u32::from(!again);
        // Every try costs at least a point of 48, but for those after a loss, which are counted, and those of which the server
        // was not told before it died.
        if *count > 49 + 2 * self.crashes {
            return Err(format!(
                "tile {} of {} is sent for the {count}th time",
                send.tile, send.job
            ));
        }
        let too_large = self.kinds.get(&send.job).is_some_and(|kind| kind.too_large);
        let failure = if self.kafka.is_away(self.now) {
            Some((Time::from_secs(5), DeliveryClass::Passing))
        } else if self.now < self.kafka.forbidden_until {
            Some((Time::from_millis(5), DeliveryClass::Installation))
        } else if too_large {
            Some((Time::from_millis(5), DeliveryClass::Record))
        } else if self.strikes(self.faults.send_fails) {
            Some((Time::from_millis(20), DeliveryClass::Passing))
        } else {
            None
        };
        if let Some((after, class)) = failure {
            if self.mutation == Mutation::LoseFailures {
                return Ok(());
            }
            let event = Event::NotDelivered {
                id: send.id,
                class,
                reason: format!("{class:?}"),
            };
            self.later(after, Action::Server(life, event));
            return Ok(());
        }
        let task = Task {
            job: send.job,
            tile: send.tile,
            attempt: send.attempt,
            holder: send.holder.clone(),
            measure,
        };
        let times = if self.strikes(self.faults.send_lost) {
            0
        } else if self.strikes(self.faults.doubled) {
            2
        } else {
            1
        };
        let way = self.way();
        for _ in 0..times {
            self.later(way, Action::Task(send.partition, task.clone()));
        }
        self.later(way + way / 4, Action::Server(life, Event::Delivered(send.id)));
        Ok(())
    }

    pub(super) fn write(&mut self, batch: u64, verdicts: Vec<Verdict>) -> Checked {
        let life = self.life;
        let named = self.verdicts.remove(&batch).unwrap_or_default();
        if named.len() != verdicts.len() {
            return Err(format!("{} verdicts on {} answers", verdicts.len(), named.len()));
        }
        let mut written = Vec::new();
        for ((job, tile, measured), verdict) in named.into_iter().zip(verdicts) {
            let Verdict::Write { run } = verdict else { continue };
            self.alive(run, "Write")?;
            let pass = self.store.jobs[&job].plan.measure.map(|measure| measure.step);
            if measured != pass {
                return Err(format!(
                    "tile {tile} of {job} is written in the pass {pass:?} and was made in {measured:?}"
                ));
            }
            if self.strikes(self.faults.write_fails) {
                written.push(Written::NotNow("busy".to_owned()));
                continue;
            }
            if self.mutation != Mutation::LosePixels {
                self.store.pixels.insert((job, tile));
            }
            written.push(Written::Yes(7));
        }
        self.later(
            Time::from_micros(500),
            Action::Server(life, Event::Written { batch, written }),
        );
        Ok(())
    }

    pub(super) fn commit(
        &mut self,
        life: u32,
        transaction: Transaction,
        ops: &[azulejo_engine::StoreOp],
    ) -> Checked {
        if life != self.life {
            return Ok(());
        }
        let tiles: Vec<(JobId, u32)> = ops
            .iter()
            .filter_map(|op| match op {
                azulejo_engine::StoreOp::Tile { job, record, .. } => Some((*job, record.tile)),
                _ => None,
            })
            .collect();
        let refused = tiles
            .iter()
            .any(|(job, tile)| self.kinds[job].unstorable == Some(*tile))
            || (self.faults.store_refuses > 0
                && !tiles.is_empty()
                && self.strikes(self.faults.store_refuses));
        let event = if refused {
            Event::NotStored {
                transaction,
                class: StoreClass::Never,
                reason: "constraint".to_owned(),
            }
        } else if self.strikes(self.faults.store_busy) {
            Event::NotStored {
                transaction,
                class: StoreClass::Passing,
                reason: "busy".to_owned(),
            }
        } else {
            let ends = ops
                .iter()
                .any(|op| matches!(op, azulejo_engine::StoreOp::End { .. }));
            if !(self.mutation == Mutation::LoseEndings && ends) {
                self.store.commit(ops)?;
            }
            for op in ops {
                if let azulejo_engine::StoreOp::End { job, ending, .. } = op {
                    self.ended(*job, ending)?;
                    let now = self.now;
                    self.lives.entry(*job).and_modify(|life| life.1 = Some(now));
                    let name = match ending {
                        Ending::Completed { .. } => "completed",
                        Ending::Failed { .. } => "failed",
                        Ending::Cancelled => "cancelled",
                    };
                    *self.endings.entry(name).or_default() += 1;
                    if self.strikes(self.faults.retry) {
                        // Whoever reads the database may retry before the core has heard that the ending is stored.
                        let after = if self.random.one_in(3) {
                            Time::ZERO
                        } else {
                            self.ms(10, 5000)
                        };
                        self.later(after, Action::Retry);
                    }
                }
            }
            Event::Stored(transaction)
        };
        // The process may die between the commit and hearing of it.
        if self.strikes(self.faults.crash) {
            self.crash();
            return Ok(());
        }
        if self.mutation == Mutation::TellBeforeStoring {
            return Ok(());
        }
        self.later(Time::from_micros(50), Action::Server(life, event));
        Ok(())
    }
}
