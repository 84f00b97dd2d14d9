//! A world in which nothing goes wrong, to see how busy its workers are.

use super::*;

/// Rounds of a record to a worker and back in which the server learns how long they take, and in which it is measured.
const WARM_UP: u32 = 16;
const MEASURED: u32 = 10;

impl World {
    /// One job that is long enough, two workers with `slots` slots each. A record is on its way for `way` in both directions
    /// together, and a worker works for `work` on a tile.
    pub fn steady(way: Time, work: Time, slots: usize) -> Self {
        let round = way + work;
        let from = Time::from_secs(3) + round * WARM_UP;
        let span = from + round * MEASURED + Time::from_secs(1);
        let tiles = span.as_secs_f64() / work.as_secs_f64() * 2.0 * slots as f64;
        let faults = Faults::none(tiles as u64 + 16, way.as_micros() as u64, work.as_micros() as u64);
        let mut world = Self::of(Random::new(1), faults, Mutation::None);
        for worker in &mut world.workers {
            worker.slots = slots;
        }
        world.pace = Pace {
            tile_timeout: Time::from_secs(600),
            max_outstanding_bytes: 64 << 20,
            collect: (1, 1),
            rest: 1,
            read: 4096,
            store: (50, 100),
            events: 30_000_000,
        };
        world.meter = Some(Meter {
            from,
            ..Meter::default()
        });
        world
    }

    /// Forty jobs of a thousand tiles, and while they are under way jobs of one tile. Two workers need about 75 s for all of it.
    pub fn crowded() -> Self {
        let mut world = Self::steady(Time::from_millis(2), Time::from_millis(10), 2);
        world.meter = None;
        world.sizes = std::iter::repeat_n(1000, 40).chain([1; 5]).collect();
        world.faults.jobs = world.sizes.len() as u64;
        world.agenda.retain(|_, action| !matches!(action, Action::Submit));
        for number in 0..40 {
            world.later(Time::from_millis(2000 + number), Action::Submit);
        }
        for number in 0..5 {
            world.later(Time::from_secs(5 + 10 * number), Action::Submit);
        }
        world
    }

    /// Counts the time until `at`, in which nothing happens.
    pub(super) fn measure(&mut self, at: Time) {
        let Some(meter) = &mut self.meter else { return };
        if self.now < meter.from || !self.core.as_mut().is_some_and(Core::has_sendable) {
            return;
        }
        let span = at - self.now;
        for worker in &self.workers {
            meter.slots += span * worker.slots as u32;
            meter.busy += span * worker.hand.len() as u32;
        }
    }

    /// The share of the slots' time that was spent at work while tiles waited, of what was measured.
    ///
    /// # Errors
    /// Nothing was measured.
    pub fn busy(&self) -> Result<f64, String> {
        self.meter
            .filter(|meter| meter.slots > Time::ZERO)
            .map(|meter| meter.busy.as_secs_f64() / meter.slots.as_secs_f64())
            .ok_or_else(|| "the job was over before anything was measured".to_owned())
    }
}
