//! Promises that are looked at while things happen.

use super::*;

/// Promises that are looked at as things happen.
impl World {
    /// No worker has more than its window, and none has room while a tile waits.
    pub(super) fn check_room(&mut self, effects: &[Effect]) -> Checked {
        let Some(core) = &mut self.core else { return Ok(()) };
        let sent = effects.iter().any(|effect| matches!(effect, Effect::Send(_)));
        let waits = core.has_sendable();
        if core.outstanding_bytes() > self.pace.max_outstanding_bytes + 256 {
            return Err(format!("{} bytes are outstanding", core.outstanding_bytes()));
        }
        for (worker, load, window) in core.loads() {
            if waits && load < window {
                return Err(format!("{worker} has {load} of {window} tiles while one waits"));
            }
        }
        if sent {
            let over: Vec<_> = core
                .loads()
                .into_iter()
                .filter(|(_, load, window)| load > window)
                .collect();
            // Partitions may have moved to a worker together with what lies on them; then it gets nothing more.
            let targets: BTreeSet<&str> = effects
                .iter()
                .filter_map(|effect| match effect {
                    Effect::Send(send) => Some(send.holder.as_str()),
                    _ => None,
                })
                .collect();
            for (worker, load, window) in over {
                let instances = self
                    .workers
                    .iter()
                    .filter(|one| one.id == worker)
                    .map(Worker::instance);
                for instance in instances {
                    if targets.contains(instance.as_str()) && !self.faults.same_id {
                        return Err(format!("{worker} was sent a tile and has {load} of {window}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Only the tile that kills its workers is blamed for their deaths.
    pub(super) fn buried(&self, job: JobId, tile: u32, error: &str) -> Checked {
        let guilty = self.kinds.get(&job).is_some_and(|kind| kind.poison == Some(tile));
        // Whose heartbeat is late is taken for dead, too, until it comes.
        let others_die =
            self.faults.worker_dies > 0 || self.faults.worker_freezes > 0 || self.faults.late > 0;
        if error.contains("lost with it") && !guilty && !others_die && !self.faults.same_id {
            return Err(format!(
                "tile {tile} of {job} is blamed for the death of its workers"
            ));
        }
        Ok(())
    }

    /// A job fails only where something gives a reason to.
    pub(super) fn ended(&self, job: JobId, ending: &Ending) -> Checked {
        let Ending::Failed { reason } = ending else {
            return Ok(());
        };
        let kind = &self.kinds[&job];
        let faults = &self.faults;
        let own = kind.too_large
            || [
                kind.poison,
                kind.impossible,
                kind.unusable,
                kind.unanswered,
                kind.unstorable,
            ]
            .iter()
            .any(Option::is_some);
        let given = [
            faults.store_refuses,
            faults.send_fails,
            faults.send_lost,
            faults.result_lost,
            faults.result_unusable,
            faults.tile_fails,
            faults.worker_dies,
            faults.worker_freezes,
            faults.forbidden,
            faults.topic_lost,
            faults.retention,
            faults.away,
            faults.write_fails,
        ];
        if !own && given.iter().all(|odds| *odds == 0) && !faults.old_worker {
            return Err(format!("{job} fails without a cause: {reason}"));
        }
        Ok(())
    }

    /// Nothing is done about a run that has left.
    pub(super) fn alive(&self, run: RunId, what: &str) -> Checked {
        if self.left.contains(&run) {
            return Err(format!("{what} of run {run}, which has left"));
        }
        Ok(())
    }

    /// What is known of the jobs that do not end.
    pub(super) fn what_hangs(&self) -> String {
        let mut text = String::from("a job does not end:");
        for (id, stored) in self.store.unfinished() {
            text.push_str(&format!(
                " {id} ({} tiles known of {})",
                stored.tiles.len(),
                stored.plan.grid.len()
            ));
            if let Some(job) = self.core.as_ref().and_then(|core| core.job(*id)) {
                text.push_str(&format!(
                    " {:?}, decoded {}, in flight {}, bands {} of {}",
                    job.phase,
                    job.decoded_rows,
                    job.in_flight(),
                    job.encoded_bands,
                    job.tiles.bands()
                ));
            }
        }
        if let Some(core) = &self.core {
            text.push_str(&format!(
                "; workers {:?}, problems {:?}",
                core.loads(),
                core.problems()
            ));
        } else {
            text.push_str("; no server");
        }
        text
    }
}
