//! The threads of the database: each owns a connection and runs what is asked for.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::ballast::Ballast;
use super::error::CommitError;
use super::request::Request;

/// Most closures in one transaction.
const BATCH: usize = 64;

/// Where a thread finds what is asked for.
pub enum Queue {
    /// It has it alone: what waits at the time is one transaction.
    Own(Receiver<Box<dyn Request>>),
    /// It shares it with others, and takes one at a time.
    Shared(Arc<Mutex<Receiver<Box<dyn Request>>>>),
}

impl Queue {
    fn next(&self) -> Option<Vec<Box<dyn Request>>> {
        match self {
            Self::Own(requests) => {
                let mut batch = vec![requests.recv().ok()?];
                batch.extend(requests.try_iter().take(BATCH - 1));
                Some(batch)
            }
            Self::Shared(requests) => {
                let requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
                Some(vec![requests.recv().ok()?])
            }
        }
    }
}

/// Runs what comes by `queue`, until nobody can ask for more.
pub fn serve(mut connection: Connection, queue: &Queue, ballast: Option<&Ballast>) {
    while let Some(mut batch) = queue.next() {
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
