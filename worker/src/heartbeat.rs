//! Heartbeats: every few seconds, at once when partitions or the worker's life change, and at most once a second for
//! idle and busy, which change with every tile.

use std::time::Duration;

use azulejo_protocol::WorkerState;
use crossbeam_channel::bounded;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::debug;

use crate::monitor::Monitor;
use crate::publisher::Publisher;

/// Least time between two heartbeats that only say idle or busy.
const CALM: Duration = Duration::from_secs(1);

/// Longest wait for the acknowledgement of a heartbeat that names an inherited tile.
const ALONE_PATIENCE: Duration = Duration::from_secs(2);

/// Sends heartbeats for ever.
pub async fn beat(monitor: &Monitor, publisher: &Publisher) {
    loop {
        let said = say(monitor, publisher);
        let sent = Instant::now();
        let due = sent + monitor.interval();
        wait(monitor, said, sent, due).await;
    }
}

/// Sends one; returns the state that it told.
pub fn say(monitor: &Monitor, publisher: &Publisher) -> WorkerState {
    monitor.in_turn(|| {
        let heartbeat = monitor.heartbeat();
        publisher.heartbeat(&heartbeat, None);
        monitor.announced();
        heartbeat.status
    })
}

/// Says that the inherited tile `tile` (`job/tile/attempt`) comes next, with nothing else in hand, and waits until that
/// is acknowledged or a little time has passed: a broker that is away must not keep the tile from being rendered.
pub fn say_alone(monitor: &Monitor, publisher: &Publisher, tile: String) {
    let (heard, answer) = bounded(1);
    monitor.in_turn(|| {
        monitor.set_alone(Some(tile));
        publisher.heartbeat(&monitor.heartbeat(), Some(heard));
    });
    if answer.recv_timeout(ALONE_PATIENCE).is_err() {
        debug!("nobody has heard which inherited tile comes next");
    }
}

/// Returns when the next heartbeat should go out: at `due`, or earlier when there is news.
async fn wait(monitor: &Monitor, said: WorkerState, sent: Instant, due: Instant) {
    while let Ok(urgent) = timeout_at(due, monitor.changed()).await {
        if urgent {
            return;
        }
        let calm = sent + CALM;
        if Instant::now() < calm {
            // Urgent news in this time stay noted in the monitor and end the next wait at once.
            sleep_until(calm.min(due)).await;
        }
        if monitor.state() != said {
            return;
        }
    }
}
