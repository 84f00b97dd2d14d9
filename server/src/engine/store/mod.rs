//! What outlives the process: jobs, what is known of their tiles, and how far the results were read.
//!
//! SQLite in WAL mode. One thread owns the connection that writes; whoever wants something written sends it a closure and
//! waits for the answer. The thread runs all closures that wait at the time as one transaction, each in a savepoint of
//! its own, and answers only after the commit, so a hundred small writes cost one. A second thread answers reads, so a
//! long list never holds up a result. Neither blocks the async runtime.
//!
//! - [`schema`]: the tables and their versions. [`jobs`]: rows of jobs. [`tiles`]: rows of tiles and the positions.
//! - [`ballast`]: room for the day the disk is full. [`retention`]: which jobs have ended. [`cache`]: results that answer other jobs. [`dead`]: tiles that were given up. [`idempotency`]: keys of requests that are repeated. [`patterns`]: tile patterns of workers. [`ops`]: the transactions that the core asks for. [`installation`]: what the server knows of itself.

mod ballast;
pub mod cache;
pub mod dead;
pub mod idempotency;
pub mod installation;
pub mod jobs;
pub mod ops;
pub mod patterns;
pub mod retention;
pub mod schema;
pub mod tiles;
pub mod usage;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
pub use azulejo_engine::StoreClass;
use rusqlite::{Connection, OpenFlags, Savepoint};
use tokio::sync::oneshot;

use ballast::Ballast;

use crate::engine::threads::{self, Alarm};

/// Most closures in one transaction.
const BATCH: usize = 64;

/// Why the database did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite's word.
    #[error("the database refused: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The transaction could not be committed; nothing of it is stored.
    #[error("the database could not commit: {reason}")]
    Commit {
        /// SQLite's code, if it has one.
        code: Option<rusqlite::ErrorCode>,
        /// Its word.
        reason: String,
    },
    /// The engine is shutting down.
    #[error("the database is closed")]
    Closed,
}

impl StoreError {
    fn code(&self) -> Option<rusqlite::ErrorCode> {
        match self {
            Self::Sqlite(error) => code_of(error),
            Self::Commit { code, .. } => *code,
            Self::Closed => None,
        }
    }

    /// Whether the same can succeed later: the disk is full, the file is busy or cannot be read for the moment.
    pub fn class(&self) -> StoreClass {
        use rusqlite::ErrorCode as Code;
        match self.code() {
            Some(
                Code::DatabaseBusy
                | Code::DatabaseLocked
                | Code::OutOfMemory
                | Code::OperationInterrupted
                | Code::SystemIoFailure
                | Code::DiskFull
                | Code::CannotOpen
                | Code::FileLockingProtocolFailed,
            ) => StoreClass::Passing,
            _ => StoreClass::Never,
        }
    }

    /// Whether the disk is full.
    pub fn is_disk_full(&self) -> bool {
        self.code() == Some(rusqlite::ErrorCode::DiskFull)
    }
}

/// SQLite's code, if it has one. That its index in memory, which is a file too, cannot grow is a full disk as well.
fn code_of(error: &rusqlite::Error) -> Option<rusqlite::ErrorCode> {
    let error = error.sqlite_error()?;
    Some(match error.extended_code {
        rusqlite::ffi::SQLITE_IOERR_SHMSIZE => rusqlite::ErrorCode::DiskFull,
        _ => error.code,
    })
}

/// Why a transaction failed as a whole.
#[derive(Debug, Clone)]
struct CommitError {
    code: Option<rusqlite::ErrorCode>,
    reason: String,
}

impl From<CommitError> for StoreError {
    fn from(CommitError { code, reason }: CommitError) -> Self {
        Self::Commit { code, reason }
    }
}

impl From<rusqlite::Error> for CommitError {
    fn from(error: rusqlite::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&rusqlite::Error> for CommitError {
    fn from(error: &rusqlite::Error) -> Self {
        Self {
            code: code_of(error),
            reason: error.to_string(),
        }
    }
}

/// What somebody wants done, and hears of afterwards, however that ends.
trait Request: Send {
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

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Mutex<Option<Sender<Box<dyn Request>>>>,
    reader: Mutex<Option<Sender<Box<dyn Request>>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    closed: Arc<AtomicBool>,
    ballast: Arc<Ballast>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The last handle is gone: the threads end by themselves.
        self.closed.store(true, Ordering::Release);
    }
}

impl Store {
    /// Opens or makes the database and brings its tables up to date.
    ///
    /// # Errors
    /// The file cannot be opened, is no database, or was written by a newer version.
    pub fn open(path: &Path, alarm: &Alarm) -> anyhow::Result<Self> {
        let mut connection =
            Connection::open(path).with_context(|| format!("cannot open the database {}", path.display()))?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection
            .pragma_update(None, "journal_mode", "wal")
            .with_context(|| format!("{} is not a usable database", path.display()))?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        schema::migrate(&mut connection)
            .with_context(|| format!("cannot use the database {}", path.display()))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reads = Connection::open_with_flags(path, flags)?;
        reads.busy_timeout(Duration::from_secs(10))?;
        reads.pragma_update(None, "query_only", true)?;
        let (writer, write_requests) = mpsc::channel();
        let (reader, read_requests) = mpsc::channel();
        let closed = Arc::new(AtomicBool::new(false));
        let ballast = Arc::new(Ballast::beside(path));
        let spawn = |name, connection, requests, ballast: Option<Arc<Ballast>>| {
            let over = closed.clone();
            let is_over = move || over.load(Ordering::Acquire);
            threads::spawn(name, alarm, is_over, move || {
                serve(connection, &requests, ballast.as_deref());
            })
            .context("cannot start a thread of the database")
        };
        let threads = vec![
            spawn("store-writer", connection, write_requests, Some(ballast.clone()))?,
            spawn("store-reader", reads, read_requests, None)?,
        ];
        Ok(Self {
            inner: Arc::new(Inner {
                writer: Mutex::new(Some(writer)),
                reader: Mutex::new(Some(reader)),
                threads: Mutex::new(threads),
                closed,
                ballast,
            }),
        })
    }

    /// Keeps room for the next time that the disk is full, where there is some.
    pub fn keep_ballast(&self) {
        self.inner.ballast.keep();
    }

    /// Runs `work` in a transaction and waits for the commit. It survives the end of the process; after a power cut the
    /// last moments may be missing, but never a part of a transaction.
    ///
    /// # Errors
    /// [`StoreError`]: then nothing of `work` is stored.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        ask(&self.inner.writer, false, work).await
    }

    /// As [`Store::write`], and it survives a power cut.
    ///
    /// # Errors
    /// [`StoreError`]: then nothing of `work` is stored.
    pub async fn write_durably<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        ask(&self.inner.writer, true, work).await
    }

    /// As [`Store::write`], for threads that are not part of the async runtime.
    ///
    /// # Errors
    /// [`StoreError`]: then nothing of `work` is stored.
    pub fn write_blocking<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        ask_blocking(&self.inner.writer, work)
    }

    /// Runs `work` in a transaction and calls `then` after the commit, on the database's own thread. Does not wait. Transactions
    /// that are asked for one after the other are committed in this order. A closed database answers at once.
    pub fn write_then<T, F, R>(&self, work: F, then: R)
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        R: FnOnce(Result<T, StoreError>) + Send + 'static,
    {
        // A closed database drops the question: whoever closed it wants no answer.
        drop(send(&self.inner.writer, false, work, then));
    }

    /// Runs `work`, which only reads. It sees every write that was answered before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        ask(&self.inner.reader, false, work).await
    }

    /// As [`Store::read`], for threads that are not part of the async runtime.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn read_blocking<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        ask_blocking(&self.inner.reader, work)
    }

    /// Finishes what was asked for and closes the database. Later requests get [`StoreError::Closed`].
    pub fn close(&self) {
        self.inner.closed.store(true, Ordering::Release);
        drop(lock(&self.inner.writer).take());
        drop(lock(&self.inner.reader).take());
        for thread in lock(&self.inner.threads).drain(..) {
            drop(thread.join());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lost<T>() -> Result<T, StoreError> {
    Err(StoreError::Commit {
        code: None,
        reason: "the transaction did not begin".into(),
    })
}

fn send<T, F, R>(
    channel: &Mutex<Option<Sender<Box<dyn Request>>>>,
    durable: bool,
    work: F,
    reply: R,
) -> Result<(), StoreError>
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
    let guard = lock(channel);
    let channel = guard.as_ref().ok_or(StoreError::Closed)?;
    channel.send(Box::new(request)).map_err(|_| StoreError::Closed)
}

async fn ask<T, F>(
    channel: &Mutex<Option<Sender<Box<dyn Request>>>>,
    durable: bool,
    work: F,
) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    // A caller that has gone away does not mind: the write stands all the same.
    send(channel, durable, work, move |result| drop(sender.send(result)))?;
    receiver.await.unwrap_or_else(|_| lost())
}

fn ask_blocking<T, F>(channel: &Mutex<Option<Sender<Box<dyn Request>>>>, work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
{
    let (sender, receiver) = mpsc::sync_channel(1);
    send(channel, false, work, move |result| drop(sender.send(result)))?;
    receiver.recv().unwrap_or_else(|_| lost())
}

fn serve(mut connection: Connection, requests: &Receiver<Box<dyn Request>>, ballast: Option<&Ballast>) {
    while let Ok(first) = requests.recv() {
        let mut batch = vec![first];
        batch.extend(requests.try_iter().take(BATCH - 1));
        let committed = commit(&mut connection, &mut batch);
        if let Err(error) = &committed {
            tracing::error!(error = error.reason, "the database could not commit");
        }
        if let Some(ballast) = ballast {
            let failures = batch.iter().filter_map(|request| request.failure());
            if failures
                .chain(committed.clone().err())
                .any(|error| error.code == Some(rusqlite::ErrorCode::DiskFull))
            {
                // Before the answers: whoever asks again finds room.
                ballast.give_up();
            }
        }
        for request in batch {
            request.answer(committed.clone());
        }
    }
}

/// Runs a batch as one transaction. What fails is rolled back alone; the others are kept.
fn commit(connection: &mut Connection, batch: &mut [Box<dyn Request>]) -> Result<(), CommitError> {
    let durable = batch.iter().any(|request| request.is_durable());
    if durable {
        connection.pragma_update(None, "synchronous", "full")?;
    }
    let result = transact(connection, batch);
    if durable {
        connection.pragma_update(None, "synchronous", "normal")?;
    }
    result
}

fn transact(connection: &mut Connection, batch: &mut [Box<dyn Request>]) -> Result<(), CommitError> {
    let mut transaction = connection.transaction()?;
    for request in batch {
        let mut savepoint = transaction.savepoint()?;
        request.run(&mut savepoint);
        // SQLite ends the whole transaction for some errors, a full disk among them.
        if savepoint.is_autocommit()
            && let Some(error) = request.failure()
        {
            return Err(error);
        }
        savepoint.commit()?;
    }
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests;
