//! Heartbeats: every few seconds, at once when partitions or the worker's life change, and at most once a second for
//! idle and busy, which change with every tile.

use std::time::Duration;

use azulejo_protocol::WorkerState;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::monitor::Monitor;
use crate::publisher::Publisher;

/// Least time between two heartbeats that only say idle or busy.
const CALM: Duration = Duration::from_secs(1);

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
    let heartbeat = monitor.heartbeat();
    publisher.heartbeat(&heartbeat);
    monitor.announced();
    heartbeat.status
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
