//! What a connection is doing, and whether it has been at it for too long.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::listening::Listening;

/// What one connection is doing. Sockets and bodies tell it; the warden of all connections looks at it.
#[derive(Debug)]
pub struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Requests whose answer has not gone out whole.
    under_way: u32,
    /// When the last of them ended, or the connection came.
    idle_since: Instant,
    /// When the first byte of a request came that has not brought all its headers.
    head_since: Option<Instant>,
    /// Whether bytes between requests begin no request: those of HTTP/2 need not.
    is_framed: bool,
    /// Answers that have something which their client does not take, and since when.
    unsent: BTreeMap<u64, Instant>,
    /// Since when the socket has been full.
    full_since: Option<Instant>,
    /// The next name of an answer in `unsent`.
    next: u64,
    /// Whether the connection is no longer HTTP, as a WebSocket is not.
    is_upgraded: bool,
}

/// Why a connection is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// Headers, or a TLS handshake, take too long.
    Head,
    /// No request comes.
    Idle,
    /// The client does not take its answer.
    Unsent,
}

impl Activity {
    /// A connection that has just come and, where it is to begin with a TLS handshake, owes it.
    pub fn new(now: Instant, is_tls: bool) -> Self {
        Self(Mutex::new(State {
            under_way: 0,
            idle_since: now,
            head_since: is_tls.then_some(now),
            is_framed: false,
            unsent: BTreeMap::new(),
            full_since: None,
            next: 0,
            is_upgraded: false,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The TLS handshake is over; `is_framed` when HTTP/2 was chosen.
    pub fn secured(&self, is_framed: bool) {
        let mut state = self.state();
        state.head_since = None;
        state.is_framed = is_framed;
    }

    /// Bytes came.
    pub fn read(&self, now: Instant) {
        let mut state = self.state();
        if state.under_way == 0 && !state.is_framed {
            state.head_since.get_or_insert(now);
        }
    }

    /// The socket took bytes to send, or, when `is_full`, it did not.
    pub fn wrote(&self, is_full: bool, now: Instant) {
        let full_since = &mut self.state().full_since;
        if is_full {
            full_since.get_or_insert(now);
        } else {
            *full_since = None;
        }
    }

    /// A request has brought its headers. Gives the name of its answer.
    pub fn begin(&self, is_framed: bool) -> u64 {
        let mut state = self.state();
        state.under_way += 1;
        state.head_since = None;
        state.is_framed |= is_framed;
        state.next += 1;
        state.next
    }

    /// The answer has gone out, or never will.
    pub fn end(&self, answer: u64, now: Instant) {
        let mut state = self.state();
        state.unsent.remove(&answer);
        state.under_way = state.under_way.saturating_sub(1);
        if state.under_way == 0 {
            state.idle_since = now;
        }
    }

    /// The answer has handed over bytes, which are now its client's to take.
    pub fn handed_over(&self, answer: u64, now: Instant) {
        self.state().unsent.insert(answer, now);
    }

    /// There is room for more of the answer: what it handed over was taken, more or less.
    pub fn taken(&self, answer: u64) {
        self.state().unsent.remove(&answer);
    }

    /// The connection has stopped being HTTP.
    pub fn upgraded(&self) {
        self.state().is_upgraded = true;
    }

    /// Since when it has waited for a request, if it does. A connection that may be given up is one of these.
    pub fn waiting_since(&self) -> Option<Instant> {
        let state = self.state();
        let waits = state.under_way == 0 && state.full_since.is_none() && !state.is_upgraded;
        waits.then_some(state.idle_since)
    }

    /// Whether it has been at something for too long.
    pub fn overdue(&self, now: Instant, limits: &Listening) -> Option<Overdue> {
        let state = self.state();
        let since = |then: Instant, most: Duration| now.saturating_duration_since(then) >= most;
        if state.is_upgraded {
            return None;
        }
        let mut unsent = state.unsent.values().chain(&state.full_since);
        if unsent.any(|then| since(*then, limits.send_timeout)) {
            return Some(Overdue::Unsent);
        }
        if state.under_way > 0 || state.full_since.is_some() {
            return None;
        }
        if state
            .head_since
            .is_some_and(|then| since(then, limits.header_timeout))
        {
            return Some(Overdue::Head);
        }
        since(state.idle_since, limits.idle_timeout).then_some(Overdue::Idle)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        listening: crate::config::listening::ListeningArguments,
    }

    pub fn limits(flags: &[&str]) -> Listening {
        Program::parse_from([&["x"], flags].concat()).listening.check()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_silence_has_a_time_of_its_own() {
        let limits = limits(&["--header-timeout=10", "--idle-timeout=75", "--send-timeout=60"]);
        let start = Instant::now();
        let activity = Activity::new(start, false);
        assert_eq!(activity.overdue(start + 74 * SECOND, &limits), None);
        assert_eq!(
            activity.overdue(start + 75 * SECOND, &limits),
            Some(Overdue::Idle)
        );
        // A byte every second is no way out: it is the first that counts.
        activity.read(start + 70 * SECOND);
        activity.read(start + 79 * SECOND);
        assert_eq!(
            activity.overdue(start + 80 * SECOND, &limits),
            Some(Overdue::Head)
        );
        let answer = activity.begin(false);
        assert_eq!(activity.waiting_since(), None);
        // A handler may take its time.
        assert_eq!(activity.overdue(start + 1000 * SECOND, &limits), None);
        activity.handed_over(answer, start + 1000 * SECOND);
        assert_eq!(activity.overdue(start + 1059 * SECOND, &limits), None);
        assert_eq!(
            activity.overdue(start + 1060 * SECOND, &limits),
            Some(Overdue::Unsent)
        );
        activity.taken(answer);
        assert_eq!(activity.overdue(start + 1060 * SECOND, &limits), None);
        activity.end(answer, start + 1060 * SECOND);
        assert_eq!(activity.waiting_since(), Some(start + 1060 * SECOND));
        assert_eq!(activity.overdue(start + 1134 * SECOND, &limits), None);
        assert_eq!(
            activity.overdue(start + 1135 * SECOND, &limits),
            Some(Overdue::Idle)
        );
    }

    #[test]
    fn one_answer_that_is_not_taken_is_not_hidden_by_others_that_are() {
        let limits = limits(&["--send-timeout=60"]);
        let start = Instant::now();
        let activity = Activity::new(start, false);
        let (stuck, flowing) = (activity.begin(true), activity.begin(true));
        activity.handed_over(stuck, start);
        activity.handed_over(flowing, start);
        activity.taken(flowing);
        activity.end(flowing, start);
        assert_eq!(
            activity.overdue(start + 60 * SECOND, &limits),
            Some(Overdue::Unsent)
        );
    }

    #[test]
    fn the_end_of_an_answer_that_is_not_taken_keeps_its_connection_for_a_while() {
        let limits = limits(&["--send-timeout=60", "--idle-timeout=5"]);
        let start = Instant::now();
        let activity = Activity::new(start, false);
        let answer = activity.begin(false);
        activity.wrote(true, start);
        activity.end(answer, start);
        assert_eq!(activity.waiting_since(), None);
        assert_eq!(activity.overdue(start + 59 * SECOND, &limits), None);
        activity.wrote(true, start + 59 * SECOND);
        assert_eq!(
            activity.overdue(start + 60 * SECOND, &limits),
            Some(Overdue::Unsent)
        );
        activity.wrote(false, start + 60 * SECOND);
        assert_eq!(
            activity.overdue(start + 60 * SECOND, &limits),
            Some(Overdue::Idle)
        );
        assert_eq!(activity.waiting_since(), Some(start));
    }

    #[test]
    fn a_handshake_is_owed_from_the_start_and_frames_begin_no_request() {
        let limits = limits(&["--header-timeout=10", "--idle-timeout=75"]);
        let start = Instant::now();
        let activity = Activity::new(start, true);
        assert_eq!(
            activity.overdue(start + 10 * SECOND, &limits),
            Some(Overdue::Head)
        );
        activity.secured(true);
        activity.read(start);
        assert_eq!(activity.overdue(start + 74 * SECOND, &limits), None);
        assert_eq!(
            activity.overdue(start + 75 * SECOND, &limits),
            Some(Overdue::Idle)
        );
    }

    #[test]
    fn what_is_no_longer_http_is_left_alone() {
        let start = Instant::now();
        let activity = Activity::new(start, false);
        activity.upgraded();
        assert_eq!(activity.overdue(start + 10_000 * SECOND, &limits(&[])), None);
        assert_eq!(activity.waiting_since(), None);
    }
}
