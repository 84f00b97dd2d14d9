//! The workers, and the group that they form.

use super::*;
use crate::kafka::Member;

/// The workers, and the group that they form.
impl World {
    pub(super) fn rebalance(&mut self) {
        let now = self.now;
        let members: Vec<Member> = self
            .workers
            .iter()
            .filter(|worker| worker.acts(now))
            .map(Worker::member)
            .collect();
        self.group_dirty = false;
        // Who does not act is out of the group once its session is over, and holds its partitions until then.
        let session = self.faults.session;
        self.kafka
            .silent
            .retain(|member, since| !members.contains(member) && now < *since + session);
        let silent = &self.kafka.silent;
        self.kafka
            .assigned
            .retain(|_, holder| silent.contains_key(holder));
        if members.is_empty() {
            return;
        }
        let partitions = self.kafka.tasks.len() as i32;
        for partition in 0..partitions {
            let next = members[partition as usize % members.len()];
            self.kafka.assigned.entry(partition).or_insert(next);
        }
        for worker in 0..self.workers.len() {
            let member = self.workers[worker].member();
            let mine: Vec<i32> = self
                .kafka
                .assigned
                .iter()
                .filter(|(_, holder)| **holder == member)
                .map(|(partition, _)| *partition)
                .collect();
            let had: Vec<i32> = self.workers[worker].positions.keys().copied().collect();
            if mine != had {
                self.workers[worker].give_up_all();
                for partition in mine {
                    let log = &self.kafka.tasks[partition as usize];
                    let committed = self.kafka.committed.get(&partition).copied().unwrap_or(0);
                    let position = committed.clamp(log.first(), log.end());
                    self.workers[worker].positions.insert(partition, position);
                }
                let life = self.workers[worker].life;
                self.later(Time::from_millis(1), Action::Say(worker, life));
            }
            self.later(Time::from_millis(1), Action::Work(worker));
        }
    }

    pub(super) fn hear_word(&mut self, worker: usize, word: &ControlMessage) {
        match word {
            ControlMessage::Cancel { job } => {
                self.workers[worker].cancelled.insert(*job);
            }
            ControlMessage::Resume { job } => {
                self.workers[worker].cancelled.remove(job);
            }
        }
    }

    pub(super) fn beat(&mut self, worker: usize, life: u64) -> Checked {
        let now = self.now;
        let this = &self.workers[worker];
        if this.life != life || !this.alive {
            return Ok(());
        }
        self.later(Time::from_secs(1), Action::Beat(worker, life));
        self.announce(worker)?;
        // A worker that wakes from standing still joins the group again.
        let member = self.workers[worker].member();
        let holds = self.kafka.assigned.values().any(|holder| *holder == member);
        if self.workers[worker].acts(now) && !holds && self.group_dirty {
            self.rebalance();
        }
        Ok(())
    }

    /// The worker says how it is.
    pub(super) fn announce(&mut self, worker: usize) -> Checked {
        let now = self.now;
        if !self.workers[worker].acts(now) || self.kafka.is_away(now) {
            return Ok(());
        }
        let beat = self.workers[worker].beat(now);
        self.heard.insert(worker, (now, beat.clone()));
        let life = self.life;
        // They have the same key, so they come in the order in which they were sent.
        let last = self.arrivals.get(&worker).copied().unwrap_or_default();
        let late = if self.strikes(self.faults.late) {
            Time::from_millis(self.random.between(100, 8000))
        } else {
            Time::ZERO
        };
        let way = (self.way() + late).max((last + Time::from_micros(1)).saturating_sub(now));
        self.losses.arrives(beat.instance.clone(), now + way);
        self.arrivals.insert(worker, now + way);
        self.later(
            way,
            Action::Server(
                life,
                Event::Heard {
                    beat: Box::new(beat),
                    age: Time::ZERO,
                },
            ),
        );
        Ok(())
    }

    /// Takes tasks as far as there are slots.
    pub(super) fn work(&mut self, worker: usize) {
        let now = self.now;
        if !self.workers[worker].acts(now) || self.kafka.is_away(now) {
            return;
        }
        while self.workers[worker].hand.len() < self.workers[worker].slots
            && self.workers[worker].alone.is_none()
        {
            let Some((partition, offset, task)) = self.next_task(worker) else {
                return;
            };
            let this = &mut self.workers[worker];
            let inherited = task.holder != this.instance();
            if inherited && !this.hand.is_empty() {
                // It is taken when nothing else is in hand.
                return;
            }
            this.positions.insert(partition, offset + 1);
            this.open.entry(partition).or_default().insert(offset);
            this.next_hand += 1;
            let hand = this.next_hand;
            let micros = self.random.between(self.faults.work / 2, self.faults.work);
            let mut after = Time::from_micros(micros);
            let this = &mut self.workers[worker];
            let in_hand = InHand {
                task: task.clone(),
                partition,
                offset,
                generation: this.generation,
                micros,
            };
            this.hand.insert(hand, in_hand);
            let life = this.life;
            if self.strikes(self.faults.slow) {
                after += Time::from_secs(self.random.between(1, 30));
            }
            if inherited {
                let name = format!("{}/{}/{}", task.job, task.tile, task.attempt);
                self.workers[worker].alone = Some(name);
                // The word is acknowledged before the work begins.
                let _ = self.announce(worker);
                after += self.way() + Time::from_millis(1);
            }
            self.later(after, Action::Finish(worker, life, hand));
        }
    }

    pub(super) fn next_task(&self, worker: usize) -> Option<(i32, i64, Task)> {
        let this = &self.workers[worker];
        this.positions.iter().find_map(|(partition, position)| {
            let log = &self.kafka.tasks[*partition as usize];
            let position = (*position).max(log.first());
            let task = log.get(position)?;
            Some((*partition, position, task.clone()))
        })
    }

    pub(super) fn finish(&mut self, worker: usize, life: u64, hand: u64) -> Checked {
        let now = self.now;
        if self.workers[worker].life != life || !self.workers[worker].alive {
            return Ok(());
        }
        if !self.workers[worker].acts(now) || self.kafka.is_away(now) {
            let later = self.workers[worker].frozen_until.max(self.kafka.away_until) - now;
            self.later(later + Time::from_millis(1), Action::Finish(worker, life, hand));
            return Ok(());
        }
        let Some(in_hand) = self.workers[worker].hand.get(&hand).cloned() else {
            return Ok(());
        };
        let task = &in_hand.task;
        let kind = self.kinds.get(&task.job).cloned();
        let poison = kind.as_ref().is_some_and(|kind| kind.poison == Some(task.tile));
        let skips = self.workers[worker].cancelled.contains(&task.job) || self.workers[worker].old;
        if (poison && !skips) || self.strikes(self.faults.worker_dies) {
            self.kill(worker);
            return if poison { self.killed(task.job) } else { Ok(()) };
        }
        self.workers[worker].hand.remove(&hand);
        if self.workers[worker].alone.take().is_some() {
            let _ = self.announce(worker);
        }
        let is = |tile: Option<u32>| tile == Some(task.tile);
        if !skips && !kind.as_ref().is_some_and(|kind| is(kind.unanswered)) {
            self.workers[worker].done += 1;
            let impossible = kind.as_ref().is_some_and(|kind| is(kind.impossible));
            let unusable = kind.as_ref().is_some_and(|kind| is(kind.unusable));
            let body = if impossible || self.strikes(self.faults.tile_fails) {
                Body::Error("it cannot be rendered".to_owned())
            } else if unusable || self.strikes(self.faults.result_unusable) {
                Body::Unusable("no format".to_owned())
            } else {
                let output = self.store.jobs[&task.job]
                    .plan
                    .grid
                    .region(task.tile)
                    .expect("a tile");
                Body::Pixels {
                    output,
                    format: PixelFormat::GRAY8,
                    statistic: task.measure.map(|measure| measure.statistic),
                }
            };
            let answer = Answer {
                job: task.job,
                tile: task.tile,
                attempt: task.attempt,
                measure: task.measure.map(|measure| measure.step),
                worker: self.workers[worker].id.clone(),
                micros: in_hand.micros,
                body,
            };
            let partition = task.tile as usize % self.kafka.results.len();
            let times = if self.strikes(self.faults.result_lost) {
                0
            } else if self.strikes(self.faults.doubled) {
                2
            } else {
                1
            };
            let (way, made) = (self.way(), self.kafka.results_made);
            for _ in 0..times {
                self.later(way, Action::Answer(partition as i32, made, answer.clone()));
            }
        }
        if let Some(offset) = self.workers[worker].finish(&in_hand)
            && !self.strikes(self.faults.commit_lost)
        {
            self.kafka.committed.insert(in_hand.partition, offset);
        }
        if self.strikes(self.faults.worker_freezes) {
            let span = Time::from_secs(self.random.between(1, 40));
            self.workers[worker].frozen_until = now + span;
            self.say(|| format!("worker {worker} stands still for {span:?}"));
            let member = self.workers[worker].member();
            self.kafka.silent.insert(member, now);
            if span > self.faults.session {
                // Its partitions go to others, and it comes back to the group later.
                self.group_dirty = true;
                self.later(self.faults.session, Action::Rebalance);
                self.later(span + Time::from_millis(500), Action::Rebalance);
            }
            self.later(span, Action::Work(worker));
        }
        self.later(Time::ZERO, Action::Work(worker));
        Ok(())
    }

    pub(super) fn kill(&mut self, worker: usize) {
        self.say(|| format!("worker {worker} dies"));
        let member = self.workers[worker].member();
        self.kafka.silent.insert(member, self.now);
        self.workers[worker].die();
        self.group_dirty = true;
        self.later(self.faults.session, Action::Rebalance);
        // It is started again soon, or somebody has to come and do that.
        let after = if self.random.one_in(4) {
            self.ms(20_000, 120_000)
        } else {
            self.ms(500, 20_000)
        };
        self.later(after, Action::ComeBack(worker));
    }
}
