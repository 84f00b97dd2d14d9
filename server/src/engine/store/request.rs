//! What somebody wants done by a thread of the database, and how they hear of it.

use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, Savepoint};
use tokio::sync::oneshot;

use super::error::{CommitError, StoreError};

/// The way to a thread, or to several; `None` once the database is closed.
pub type Channel = Mutex<Option<Sender<Box<dyn Request>>>>;

/// What somebody wants done, and hears of afterwards, however that ends.
pub trait Request: Send {
    /// Whether the commit has to survive a power cut.
    fn is_durable(&self) -> bool;

    /// Does the work, once.
    fn run(&mut self, savepoint: &mut Savepoint<'_>);

    /// Why the work was not done, if it failed.
    fn failure(&self) -> Option<CommitError>;

    /// Tells the caller how it went, once the outcome of the commit is known.
    fn answer(self: Box<Self>, committed: Result<(), CommitError>);
}

/// Work with a result of the type `T`, which `reply` tells.
struct Asked<T, F, R> {
    work: Option<F>,
    done: Option<rusqlite::Result<T>>,
    reply: R,
    durable: bool,
}

impl<T, F, R> Request for Asked<T, F, R>
where
    T: Send,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
    R: FnOnce(Result<T, StoreError>) + Send,
{
    fn is_durable(&self) -> bool {
        self.durable
    }

    fn run(&mut self, savepoint: &mut Savepoint<'_>) {
        self.done = self.work.take().map(|work| {
            let result = work(savepoint);
            // A full disk can have ended the whole transaction: then there is nothing to roll back.
            if result.is_err() && !savepoint.is_autocommit() {
                savepoint.rollback()?;
            }
            result
        });
    }

    fn failure(&self) -> Option<CommitError> {
        let result = self.done.as_ref()?;
        result.as_ref().err().map(CommitError::from)
    }

    fn answer(self: Box<Self>, committed: Result<(), CommitError>) {
        (self.reply)(match (committed, self.done) {
            (_, Some(Err(error))) => Err(StoreError::Sqlite(error)),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Err(error), _) => Err(error.into()),
            (Ok(()), None) => lost(),
        });
    }
}

/// Asks for `work` without waiting; `reply` is called with what became of it.
///
/// # Errors
/// The database is closed.
pub fn send<T, F, R>(channel: &Channel, durable: bool, work: F, reply: R) -> Result<(), StoreError>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    R: FnOnce(Result<T, StoreError>) + Send + 'static,
{
    let request = Asked {
        work: Some(work),
        done: None,
        reply,
        durable,
    };
    let guard = channel.lock().unwrap_or_else(PoisonError::into_inner);
    let channel = guard.as_ref().ok_or(StoreError::Closed)?;
    channel.send(Box::new(request)).map_err(|_| StoreError::Closed)
}

/// Asks for `work` and waits.
///
/// # Errors
/// [`StoreError`].
pub async fn ask<T, F>(channel: &Channel, durable: bool, work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    // A caller that has gone away does not mind: the write stands all the same.
    send(channel, durable, work, move |result| drop(sender.send(result)))?;
    receiver.await.unwrap_or_else(|_| lost())
}

/// As [`ask`], for threads that are not part of the async runtime.
///
/// # Errors
/// [`StoreError`].
pub fn ask_blocking<T, F>(channel: &Channel, work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
{
    let (sender, receiver) = mpsc::sync_channel(1);
    send(channel, false, work, move |result| drop(sender.send(result)))?;
    receiver.recv().unwrap_or_else(|_| lost())
}

fn lost<T>() -> Result<T, StoreError> {
    Err(StoreError::Commit {
        code: None,
        reason: "the transaction did not begin".into(),
    })
}
