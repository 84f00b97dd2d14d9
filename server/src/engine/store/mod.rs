//! What outlives the process: jobs, what is known of their tiles, and how far the results were read.
//!
//! SQLite in WAL mode. One thread owns the connection that writes; whoever wants something written sends it a closure and
//! waits for the answer. The thread runs all closures that wait at the time as one transaction, each in a savepoint of
//! its own, and answers only after the commit, so a hundred small writes cost one. A second thread answers reads of a few rows, whose
//! job a caller asks for, say, and a few more answer those that go through many ([`Store::scan`]): a long list holds up neither a
//! result nor anybody's request. None blocks the async runtime.
//!
//! - [`request`]: what is asked for. [`serve`]: the threads. [`error`]: why it was not done.
//! - [`schema`]: the tables and their versions. [`jobs`]: rows of jobs. [`tiles`]: rows of tiles and the positions.
//! - [`ballast`]: room for the day the disk is full. [`retention`]: which jobs have ended. [`cache`]: results that answer other jobs. [`dead`]: tiles that were given up. [`idempotency`]: keys of requests that are repeated. [`patterns`]: tile patterns of workers. [`ops`]: the transactions that the core asks for. [`installation`]: what the server knows of itself.

mod ballast;
pub mod cache;
pub mod dead;
mod error;
pub mod idempotency;
pub mod installation;
pub mod jobs;
pub mod notes;
pub mod ops;
pub mod patterns;
mod request;
pub mod retention;
pub mod schema;
mod serve;
pub mod tiles;
pub mod usage;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
pub use azulejo_engine::StoreClass;
use rusqlite::{Connection, OpenFlags};

use ballast::Ballast;
pub use error::StoreError;
use request::{Channel, ask, ask_blocking, send};
use serve::{Queue, serve};

use crate::engine::threads::{self, Alarm};

/// Threads that answer what goes through many rows.
const SCANNERS: usize = 3;

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Channel,
    reader: Channel,
    scanners: Channel,
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
        let reads = || -> anyhow::Result<Connection> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let reads = Connection::open_with_flags(path, flags)?;
            reads.busy_timeout(Duration::from_secs(10))?;
            reads.pragma_update(None, "query_only", true)?;
            Ok(reads)
        };
        let (writer, write_requests) = mpsc::channel();
        let (reader, read_requests) = mpsc::channel();
        let (scanners, scan_requests) = mpsc::channel();
        let scan_requests = Arc::new(Mutex::new(scan_requests));
        let closed = Arc::new(AtomicBool::new(false));
        let ballast = Arc::new(Ballast::beside(path));
        let spawn = |name: &str, connection, requests: Queue, ballast: Option<Arc<Ballast>>| {
            let over = closed.clone();
            let is_over = move || over.load(Ordering::Acquire);
            threads::spawn(name, alarm, is_over, move || {
                serve(connection, &requests, ballast.as_deref());
            })
            .context("cannot start a thread of the database")
        };
        let own = Queue::Own(write_requests);
        let mut threads = vec![
            spawn("store-writer", connection, own, Some(ballast.clone()))?,
            spawn("store-reader", reads()?, Queue::Own(read_requests), None)?,
        ];
        for number in 1..=SCANNERS {
            let shared = Queue::Shared(Arc::clone(&scan_requests));
            threads.push(spawn(&format!("store-scan-{number}"), reads()?, shared, None)?);
        }
        Ok(Self {
            inner: Arc::new(Inner {
                writer: Mutex::new(Some(writer)),
                reader: Mutex::new(Some(reader)),
                scanners: Mutex::new(Some(scanners)),
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

    /// Runs `work`, which only reads, a few rows. It sees every write that was answered before.
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

    /// As [`Store::read`], for work that goes through many rows: it holds up none of those.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn scan<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        ask(&self.inner.scanners, false, work).await
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
        drop(lock(&self.inner.scanners).take());
        for thread in lock(&self.inner.threads).drain(..) {
            drop(thread.join());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
