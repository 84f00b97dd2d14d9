//! Who owns this server's topic of results. A data folder that was copied, and is used by two servers, names the same topic for
//! both: each would take results that the other needs, and delete them.
//!
//! So a server says now and then, in the first partition of its topic, that it is there: its `instance`, drawn when it started,
//! and the offset `since` of the first record in which it said so. Another instance that goes on saying so is alive. Of two
//! the one that began later ends, and the earlier one names the problem for as long as it hears the other. A server that was
//! killed says nothing any more, so the next start on its folder goes on at once; records are deleted only when it is known
//! that nobody else is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::message::{BorrowedMessage, Headers, Message};

use super::Line;
use super::outbox::{Outbox, Parcel};
use crate::engine::problems::Aspect;

/// How often it says so.
const BEAT: Duration = Duration::from_secs(7);
/// Another one that says so as often is alive. A record of a killed process may still arrive, two do not.
const ALIVE: u32 = 2;
/// Another one that is silent for so long is gone.
const GONE: Duration = Duration::from_secs(30);
/// Header that names the instance; a record with it is no result.
pub const HEADER: &str = "owner";
/// Longest value that is read of a header.
const MAX_VALUE: usize = 128;

/// What a record says about who owns the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Nothing new.
    Nothing,
    /// Another instance that began earlier is alive, on this host: this one has to end.
    Second(String),
    /// Another instance that began later is alive, on this host.
    First(String),
}

#[derive(Debug, Default)]
struct State {
    /// Offset of the first record of this instance, and when it was read back.
    since: Option<(i64, Instant)>,
    others: BTreeMap<String, (u32, Instant)>,
}

/// This instance, and what it has heard of others.
#[derive(Debug)]
pub struct Owner {
    instance: String,
    /// How often a server was started on this data folder.
    epoch: u64,
    host: String,
    state: Mutex<State>,
}

impl Owner {
    /// A new instance.
    pub fn new(epoch: u64) -> Self {
        let uname = rustix::system::uname();
        Self {
            instance: uuid::Uuid::new_v4().to_string(),
            epoch,
            host: uname.nodename().to_string_lossy().into_owned(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The headers of the record that says that it is there.
    fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            (HEADER, self.instance.clone()),
            ("epoch", self.epoch.to_string()),
            ("host", self.host.clone()),
        ];
        if let Some((since, _)) = self.state().since {
            headers.push(("since", since.to_string()));
        }
        headers
    }

    /// Takes in a record at `offset` in which `instance` on `host` says that it is there since `since`.
    fn heard(&self, offset: i64, instance: &str, host: &str, since: Option<i64>) -> Finding {
        let mut state = self.state();
        if instance == self.instance {
            state.since.get_or_insert((offset, Instant::now()));
            return Finding::Nothing;
        }
        // What others said before this instance was there says nothing about now.
        let Some((own, _)) = state.since.filter(|(own, _)| offset > *own) else {
            return Finding::Nothing;
        };
        let count = state
            .others
            .get(instance)
            .map_or(1, |(count, _)| count.saturating_add(1));
        // Names come from outside: an installation has a few servers at most.
        if state.others.len() < 64 || state.others.contains_key(instance) {
            state.others.insert(instance.to_owned(), (count, Instant::now()));
        }
        match since {
            _ if count < ALIVE => Finding::Nothing,
            Some(since) if since < own => Finding::Second(host.to_owned()),
            _ => Finding::First(host.to_owned()),
        }
    }

    /// Takes in `record` if it is one in which a server says that it is there; `None` when it is not.
    pub fn read(&self, record: &BorrowedMessage<'_>) -> Option<Finding> {
        let text = |name: &str| {
            let headers = record.headers()?;
            let value = headers.iter().find(|header| header.key == name)?.value?;
            let text = std::str::from_utf8(value).ok()?;
            (text.len() <= MAX_VALUE).then(|| text.to_owned())
        };
        let instance = text(HEADER)?;
        let host = text("host").unwrap_or_default();
        let since = text("since").and_then(|since| since.parse().ok());
        Some(self.heard(record.offset(), &instance, &host, since))
    }

    /// The topic was made anew: offsets in it mean something else.
    pub fn begin_anew(&self) {
        *self.state() = State::default();
    }

    /// Whether it is known that nobody else is there.
    pub fn is_settled(&self) -> bool {
        let state = self.state();
        let long = state
            .since
            .is_some_and(|(_, at)| at.elapsed() > BEAT * (ALIVE + 1));
        long && state.others.values().all(|(_, last)| last.elapsed() > GONE)
    }

    /// Says now and then that it is there, and again what the cluster did not take of what was said to the workers, until the engine
    /// ends.
    pub fn run(&self, line: &Arc<Line>, outbox: &Outbox) {
        while !line.is_stopping() {
            if line.is_connected() {
                outbox.send(Parcel::Owner(self.headers()));
                for word in line.take_unsaid() {
                    outbox.send(Parcel::Word(word));
                }
                if self.is_settled() {
                    line.problems.clear(&line.results, Aspect::Owner);
                }
                line.nap(BEAT);
            } else {
                line.nap(Duration::from_millis(100));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_two_that_are_alive_ends_and_the_first_stays() {
        let (first, second) = (Owner::new(1), Owner::new(1));
        let say = |who: &Owner, offset: i64, since: Option<i64>| {
            let heard = |by: &Owner| by.heard(offset, &who.instance, "there", since);
            (heard(&first), heard(&second))
        };
        say(&first, 10, None);
        say(&first, 20, Some(10));
        say(&second, 25, None);
        assert_eq!(say(&first, 30, Some(10)), (Finding::Nothing, Finding::Nothing));
        let (of_first, _) = say(&second, 35, Some(25));
        assert_eq!(of_first, Finding::First("there".into()));
        let (_, of_second) = say(&first, 40, Some(10));
        assert_eq!(of_second, Finding::Second("there".into()));
    }

    #[test]
    fn what_a_killed_process_said_last_stops_nobody() {
        let (dead, next) = (Owner::new(1), Owner::new(2));
        next.heard(5, &dead.instance, "here", None);
        next.heard(9, &dead.instance, "here", Some(5));
        next.heard(10, &next.instance, "here", None);
        // Its last record was on its way when it was killed.
        assert_eq!(next.heard(11, &dead.instance, "here", Some(5)), Finding::Nothing);
    }
}
