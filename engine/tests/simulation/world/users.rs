//! Those who use the server: submit, cancel, retry.

use super::*;

/// Those who use the server.
impl World {
    pub(super) fn submit(&mut self) -> Checked {
        self.submitted += 1;
        let mut bytes = [0; 16];
        bytes[15] = self.submitted as u8;
        bytes[0] = 1;
        let id = JobId(uuid::Uuid::from_bytes(bytes));
        let (least, most) = (self.faults.smallest_job, self.faults.largest_job);
        let tiles = match self.sizes.pop_front() {
            Some(tiles) => tiles,
            None => self.random.between(least, most) as u32,
        };
        let columns = self.random.between(1, u64::from(tiles).min(8)) as u32;
        let size = Size::new(columns * 8, tiles.div_ceil(columns) * 8);
        let plan = Plan {
            kind: "png".to_owned(),
            job: id,
            recipe: "invert".parse().expect("a recipe"),
            grid: TileGrid::new(size, 8),
            // Workers of an older version do not get what is measured, so such jobs would wait for ever beside one.
            measure: (!self.faults.old_worker && self.submitted % 3 == 2).then_some(Measure {
                step: (self.submitted / 3 % 2) as u32,
                statistic: Statistic::Luma,
                result_tiles: columns * tiles.div_ceil(columns),
                result_bytes: size.pixels(),
            }),
            stored_size: size,
            input_format: PixelFormat::GRAY8,
            output_format: PixelFormat::GRAY8,
        };
        let total = plan.grid.len();
        let of = |odds: u64, random: &mut Random| {
            random
                .one_in(odds)
                .then(|| random.between(0, u64::from(total) - 1) as u32)
        };
        let kind = Kind {
            poison: of(self.faults.poison, &mut self.random),
            impossible: of(self.faults.impossible, &mut self.random),
            unusable: of(self.faults.unusable, &mut self.random),
            unstorable: of(self.faults.unstorable, &mut self.random),
            unanswered: of(self.faults.unanswered, &mut self.random),
            too_large: self.random.one_in(self.faults.too_large),
        };
        self.say(|| format!("submit {id}, {total} tiles, {kind:?}"));
        self.kinds.insert(id, kind);
        self.lives.insert(id, (self.now, None));
        let stored = StoredJob {
            plan: plan.clone(),
            ending: None,
            tiles: BTreeMap::new(),
            life: 0,
        };
        self.store.jobs.insert(id, stored);
        if self.random.one_in(self.faults.cancel) {
            self.later(self.ms(1, 3000), Action::Cancel);
        }
        // Between the commit and the core the process may die.
        if self.core.is_some() && self.strikes(self.faults.crash) {
            self.crash();
        }
        if self.core.is_some() {
            self.take_up(id, plan, false, false)?;
        }
        Ok(())
    }

    pub(super) fn cancel(&mut self) -> Checked {
        let jobs: Vec<JobId> = self.store.jobs.keys().copied().collect();
        let Some(job) = (!jobs.is_empty()).then(|| self.random.pick(&jobs)) else {
            return Ok(());
        };
        self.tickets += 1;
        let ticket = self.tickets;
        self.tell(Event::Cancel { job, ticket })
    }

    pub(super) fn retry(&mut self) -> Checked {
        let ended: Vec<JobId> = self
            .store
            .jobs
            .iter()
            .filter(|(_, stored)| matches!(stored.ending, Some(Ending::Failed { .. } | Ending::Cancelled)))
            .map(|(id, _)| *id)
            .collect();
        if ended.is_empty() || self.core.is_none() {
            return Ok(());
        }
        let id = self.random.pick(&ended);
        let Some(stored) = self.store.jobs.get_mut(&id) else {
            return Ok(());
        };
        stored.ending = None;
        stored.life += 1;
        stored.tiles.retain(|_, known| known.state == TileState::Done);
        let plan = stored.plan.clone();
        self.take_up(id, plan, true, true)
    }
}
