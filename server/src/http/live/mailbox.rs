//! What a watcher has not taken yet: the newest snapshot of each subject, in the order in which the subjects changed first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::snapshot::{Snapshot, Subject};

/// More subjects than this are not kept: the watcher is told to begin with the whole state again.
const MOST: usize = 1024;

/// What a watcher takes.
#[derive(Debug, Clone)]
pub enum Mail {
    /// A subject as it is now.
    Snapshot(Snapshot),
    /// Too much has changed to say what: the whole state is to be sent again.
    Everything,
}

#[derive(Debug, Default)]
struct Letters {
    order: VecDeque<Subject>,
    newest: HashMap<Subject, Snapshot>,
    everything: bool,
    closed: bool,
}

/// The mailbox of one watcher.
#[derive(Debug, Default)]
pub struct Mailbox {
    letters: Mutex<Letters>,
    bell: Notify,
}

impl Mailbox {
    fn letters(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in what is newest of `subject`, in place of what was there.
    pub fn put(&self, subject: Subject, snapshot: Snapshot) {
        let mut letters = self.letters();
        if !letters.everything && letters.newest.insert(subject, snapshot).is_none() {
            letters.order.push_back(subject);
            if letters.order.len() > MOST {
                letters.order.clear();
                letters.newest.clear();
                letters.everything = true;
            }
        }
        drop(letters);
        self.bell.notify_one();
    }

    /// The watcher has to begin with the whole state again.
    pub fn put_everything(&self) {
        let mut letters = self.letters();
        letters.order.clear();
        letters.newest.clear();
        letters.everything = true;
        drop(letters);
        self.bell.notify_one();
    }

    /// Nothing more comes.
    pub fn close(&self) {
        self.letters().closed = true;
        self.bell.notify_one();
    }

    fn take(&self) -> Option<Option<Mail>> {
        let mut letters = self.letters();
        if std::mem::take(&mut letters.everything) {
            return Some(Some(Mail::Everything));
        }
        if let Some(subject) = letters.order.pop_front() {
            return Some(letters.newest.remove(&subject).map(Mail::Snapshot));
        }
        letters.closed.then_some(None)
    }

    /// The next mail, waiting for it; `None` when nothing more comes. Nothing is lost when the future is dropped before it is
    /// ready: what it gives is taken out in the moment in which it is given.
    pub async fn next(&self) -> Option<Mail> {
        loop {
            // Created before the look, so that what comes in between is heard.
            let rung = self.bell.notified();
            if let Some(mail) = self.take() {
                return mail;
            }
            rung.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    fn text(text: &str) -> Snapshot {
        Snapshot::Text(text.to_owned().into())
    }

    fn said(mail: Option<Mail>) -> String {
        match mail {
            Some(Mail::Snapshot(Snapshot::Text(text))) => String::from_utf8(text.to_vec()).unwrap(),
            other => format!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn the_newest_of_each_subject_is_taken_in_order() {
        let mailbox = Mailbox::default();
        mailbox.put(Subject::Health, text("h1"));
        mailbox.put(Subject::Workers, text("w"));
        mailbox.put(Subject::Health, text("h2"));
        mailbox.close();
        assert_eq!(said(mailbox.next().await), "h2");
        assert_eq!(said(mailbox.next().await), "w");
        assert!(mailbox.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_at_any_moment_loses_nothing() {
        let mailbox = Arc::new(Mailbox::default());
        let other = mailbox.clone();
        let sender = tokio::spawn(async move {
            for n in 0..200 {
                other.put(Subject::Health, text(&n.to_string()));
                tokio::time::sleep(Duration::from_millis(n % 7)).await;
            }
            other.close();
        });
        let mut last = String::new();
        let mut ping = tokio::time::interval(Duration::from_millis(1));
        loop {
            tokio::select! {
                biased;
                _ = ping.tick() => {}
                mail = mailbox.next() => match mail {
                    Some(mail) => last = said(Some(mail)),
                    None => break,
                }
            }
        }
        sender.await.unwrap();
        assert_eq!(last, "199");
    }

    #[tokio::test]
    async fn a_mailbox_is_bounded() {
        let mailbox = Mailbox::default();
        for n in 0..5000 {
            let job = azulejo_protocol::JobId(uuid::Uuid::from_u128(n));
            mailbox.put(Subject::Job(job), text("x"));
        }
        assert!(matches!(mailbox.next().await, Some(Mail::Everything)));
    }
}
