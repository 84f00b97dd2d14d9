//! What happens to the cluster by itself.

use super::*;

/// What happens to the cluster by itself.
impl World {
    pub(super) fn mischief(&mut self) -> Checked {
        if !self.faulty() {
            // Everything is well from now on: a last look, so that nobody is left out of the group.
            self.group_dirty = true;
            self.later(Time::from_secs(60), Action::Rebalance);
            return Ok(());
        }
        self.later(Time::from_secs(1), Action::Mischief);
        let now = self.now;
        if self.strikes(self.faults.away) {
            self.kafka.away_until = now + Time::from_secs(self.random.between(1, 20));
            for worker in 0..self.workers.len() {
                let after = self.kafka.away_until - now + Time::from_millis(5);
                self.later(after, Action::Work(worker));
            }
        }
        if self.strikes(self.faults.topic_lost) {
            if self.random.one_in(2) {
                self.say(|| "the tasks are lost".to_owned());
                self.kafka.lose_tasks();
                for worker in &mut self.workers {
                    worker.give_up_all();
                }
                self.later(Time::from_millis(100), Action::Rebalance);
            } else {
                self.say(|| "the results are lost".to_owned());
                self.kafka.lose_results();
            }
        }
        if self.strikes(self.faults.retention) {
            for log in &mut self.kafka.tasks {
                log.trim(log.end() - self.random.between(0, 3) as i64);
            }
            for log in &mut self.kafka.results {
                log.trim(log.end() - self.random.between(0, 3) as i64);
            }
        }
        if self.strikes(self.faults.forbidden) {
            self.kafka.forbidden_until = now + Time::from_secs(self.random.between(1, 120));
        }
        Ok(())
    }
}
