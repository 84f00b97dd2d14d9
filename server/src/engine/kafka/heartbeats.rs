//! Reads what the workers say of themselves: one thread, no consumer group, from about a minute before the start on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use azulejo_engine::Event;
use azulejo_protocol::{Heartbeat, Timestamp};
use azulejo_transport::reader;
use azulejo_transport::{Reader, Start, Trouble};
use rdkafka::message::{BorrowedMessage, Message};

use super::Line;

/// How far back the start looks: longer than any sensible heartbeat interval, so that it knows at once who is there.
const LOOK_BACK: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(200);
const LOOK: Duration = Duration::from_secs(3);

/// Reads heartbeats until the engine ends.
pub fn run(line: &Arc<Line>) {
    let topic = line.topics.heartbeats.clone();
    line.keep_reading(&topic, || read(line));
}

/// Reads until the topic was made anew or the engine ends.
fn read(line: &Line) -> Result<(), Trouble> {
    let made = line.made();
    let topic = &line.topics.heartbeats;
    let since = Start::Since(Timestamp::now_utc() - LOOK_BACK);
    let mut reader = Reader::open(
        &line.kafka,
        "azulejo-server-heartbeats",
        &line.group(),
        topic,
        &since,
    )?;
    let backlog = reader.ends().clone();
    let mut looked = Instant::now();
    while !line.is_stopping() && line.made() == made {
        match reader.poll(POLL) {
            Some(reader::Event::Record(record)) => {
                line.reads(topic);
                let end = backlog.get(&record.partition()).copied().unwrap_or(0);
                hear(line, &record, record.offset() < end);
            }
            Some(reader::Event::Trouble(trouble)) => line.cannot_read(topic, &trouble),
            Some(reader::Event::End(_)) => line.reads(topic),
            None => {}
        }
        if looked.elapsed() > LOOK {
            looked = Instant::now();
            if line.is_lost(reader.look(), topic) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Takes in one heartbeat. One from before the start is as old as it says; a new one was said just now, whatever the clock of
/// its machine.
fn hear(line: &Line, record: &BorrowedMessage<'_>, old: bool) {
    let beat = match Heartbeat::from_json(record.payload().unwrap_or_default()) {
        Ok(beat) => beat,
        Err(error) => return tracing::warn!(%error, "a heartbeat does not parse"),
    };
    let age = if old {
        (Timestamp::now_utc() - beat.timestamp)
            .try_into()
            .unwrap_or(Duration::ZERO)
    } else {
        Duration::ZERO
    };
    (line.tell)(Event::Heard {
        beat: Box::new(beat),
        age,
    });
}
