//! The server: the core, and what its drivers tell it; it may die between any two effects.

use super::*;

/// The server: the core, and a driver that may die between any two effects.
impl World {
    pub(super) fn restart(&mut self) -> Checked {
        self.life += 1;
        self.started = self.now;
        let settings = Settings {
            tile_timeout: self.pace.tile_timeout,
            max_outstanding_bytes: self.pace.max_outstanding_bytes,
            ..Settings::default()
        };
        self.core = Some(Core::new(settings));
        self.verdicts.clear();
        self.losses.forget();
        self.store_free = self.now;
        self.is_connected = false;
        self.is_caught_up = false;
        self.collecting = false;
        let life = self.life;
        self.say(|| format!("server starts, life {life}"));
        let unfinished: Vec<(JobId, Plan)> = self
            .store
            .unfinished()
            .map(|(id, stored)| (*id, stored.plan.clone()))
            .collect();
        self.later(Time::from_millis(1), Action::Tick(life));
        let over = self
            .store
            .jobs
            .iter()
            .filter(|(_, stored)| matches!(stored.ending, Some(Ending::Failed { .. } | Ending::Cancelled)))
            .map(|(id, _)| *id)
            .collect();
        let patterns = self.store.patterns.clone().into_iter().collect();
        self.tell(Event::Patterns(patterns))?;
        self.tell(Event::Costs(self.store.costs.clone()))?;
        if self.core.is_none() {
            return Ok(());
        }
        self.tell(Event::Over(over))?;
        if self.core.is_none() {
            return Ok(());
        }
        for (id, plan) in unfinished {
            self.take_up(id, plan, true, true)?;
            if self.core.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    pub(super) fn take_up(&mut self, id: JobId, plan: Plan, check: bool, resume: bool) -> Checked {
        self.next_run += 1;
        let run = self.next_run;
        self.runs.insert(id, run);
        let decoded = check && self.random.one_in(2);
        self.tell(Event::Accepted(Box::new(Accepted {
            plan,
            run,
            decoded,
            check,
            resume,
        })))
    }

    /// The cluster is there or not; when it is there for the first time, the results and heartbeats are read.
    pub(super) fn connect(&mut self) -> Checked {
        let there = !self.kafka.is_away(self.now);
        if there != self.is_connected {
            self.is_connected = there;
            self.tell(Event::Connected(there))?;
        }
        if there && !self.collecting && self.core.is_some() {
            self.collecting = true;
            self.assign();
            let heard: Vec<_> = self.heard.values().cloned().collect();
            for (at, beat) in heard {
                let age = self.now.saturating_sub(at);
                if age < Time::from_secs(60) {
                    self.tell(Event::Heard {
                        beat: Box::new(beat),
                        age,
                    })?;
                }
            }
            let life = self.life;
            self.later(Time::from_millis(1), Action::Collect(life));
        }
        Ok(())
    }

    pub(super) fn assign(&mut self) {
        self.results_made = self.kafka.results_made;
        self.goal.clear();
        self.positions.clear();
        for (partition, log) in self.kafka.results.iter().enumerate() {
            let partition = partition as i32;
            let stored = self.store.positions.get(&partition).copied().unwrap_or(0);
            let position = if (log.first()..=log.end()).contains(&stored) {
                stored
            } else {
                log.first()
            };
            self.positions.insert(partition, position);
            self.goal.insert(partition, log.end());
        }
    }

    pub(super) fn collect(&mut self) -> Checked {
        let life = self.life;
        let (least, most) = self.pace.collect;
        let rest = (self.quiet_reads / 16 + 1).min(self.pace.rest);
        self.later(self.ms(least * rest, most * rest), Action::Collect(life));
        if self.kafka.is_away(self.now) {
            return Ok(());
        }
        if self.results_made != self.kafka.results_made {
            self.assign();
        }
        let mut answers = Vec::new();
        let mut moved = BTreeMap::new();
        for (partition, position) in &mut self.positions {
            let log = &self.kafka.results[*partition as usize];
            *position = (*position).max(log.first());
            while answers.len() < self.pace.read {
                let Some(answer) = log.get(*position) else { break };
                answers.push(answer.clone());
                *position += 1;
                moved.insert(*partition, *position);
            }
        }
        self.quiet_reads += 1;
        if !moved.is_empty() {
            self.quiet_reads = 0;
            self.next_batch += 1;
            let named = answers
                .iter()
                .map(|answer| (answer.job, answer.tile, answer.measure));
            let named = named.collect();
            self.verdicts.insert(self.next_batch, named);
            let event = Event::Read {
                batch: self.next_batch,
                positions: moved.into_iter().collect(),
                answers,
            };
            self.tell(event)?;
        }
        let goal = &self.goal;
        let caught_up = self
            .positions
            .iter()
            .all(|(partition, position)| goal.get(partition).is_none_or(|goal| position >= goal));
        if caught_up && !self.is_caught_up && self.life == life {
            self.is_caught_up = true;
            self.tell(Event::CaughtUp)?;
        }
        Ok(())
    }

    /// Tells the core of an event and carries out what it wants.
    pub(super) fn tell(&mut self, event: Event) -> Checked {
        let now = self.now;
        if self.core.is_none() {
            return Ok(());
        }
        if self.verbose {
            let line = format!("{event:?}");
            self.say(|| line.chars().take(220).collect());
        }
        self.losses.told(&event, now);
        let Some(core) = &mut self.core else { return Ok(()) };
        core.handle(now, event);
        let mut effects = Vec::new();
        while let Some(effect) = core.poll_effect() {
            effects.push(effect);
        }
        self.check_room(&effects)?;
        for effect in effects {
            if self.strikes(self.faults.crash.saturating_mul(10)) {
                self.crash();
                return Ok(());
            }
            self.carry_out(effect)?;
        }
        Ok(())
    }

    pub(super) fn crash(&mut self) {
        self.crashes += 1;
        self.core = None;
        self.life += 1;
        self.say(|| "server dies".to_owned());
        let after = self.ms(10, 2000);
        self.later(after, Action::Restart);
    }
}
