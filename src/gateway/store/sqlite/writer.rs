//! The thread that writes: whatever waits shares one transaction, and one sync.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use super::notes::Notes;
use super::{connect, fault};
use crate::gateway::store::StoreError;

/// Tells whoever waits, after the commit, what became of their work.
type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Work in a transaction, or what came of there being none: whether it did what it should, and
/// how to tell.
type Work = Box<dyn FnOnce(Result<&Connection, StoreError>) -> (bool, Reply) + Send>;

/// So much may wait; beyond, whoever comes is told to come back.
const QUEUE: usize = 4096;

/// So much goes into one transaction.
const BATCH: usize = 512;

/// How long the log of a refused request may wait.
const NOTES: Duration = Duration::from_millis(200);

/// How often the write-ahead log is looked at, whether to move it into the file.
const CHECKPOINT: Duration = Duration::from_millis(250);

/// Bytes that the write-ahead log may have before it is moved while requests come in. Moving is
/// work for the disk that they would wait for, so it is left for when none come.
const PATIENCE: u64 = 1 << 30;

/// Bytes that the write-ahead log may have before it is begun anew, which only the thread that
/// writes can do.
const WAL_BYTES: u64 = 3 << 29;

/// How often the thread that writes looks how long the log is.
const WAL_LOOK: Duration = Duration::from_secs(1);

/// Hands work to the thread that writes.
pub(super) struct Writer {
    queue: Mutex<Option<SyncSender<Work>>>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn begin(
        connection: Connection,
        notes: Arc<Notes>,
        path: &Path,
    ) -> Result<Self, StoreError> {
        let (queue, work) = sync_channel(QUEUE);
        let (ended, end) = sync_channel::<()>(0);
        let unavailable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let (path, beside) = (path.to_owned(), path.to_owned());
        let writing = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                write(&connection, &work, &notes, &beside);
                drop(ended);
            })
            .map_err(unavailable)?;
        let moving = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || checkpoint(&path, &end))
            .map_err(unavailable)?;
        Ok(Self { queue: Mutex::new(Some(queue)), threads: Mutex::new(vec![writing, moving]) })
    }

    /// Runs work in the next transaction, and answers when that is on disk.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let answer = connection.and_then(run);
            let done = answer.is_ok();
            let reply: Reply = Box::new(move |committed: Result<(), StoreError>| {
                // Whoever asked may be gone; what they gave is stored all the same.
                let _ = tell.send(if done { committed.and(answer) } else { answer });
            });
            (done, reply)
        });
        self.send(work)?;
        told.await.unwrap_or(Err(StoreError::Closed))
    }

    fn send(&self, work: Work) -> Result<(), StoreError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queue.as_ref().ok_or(StoreError::Closed)?;
        queue.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => StoreError::Closed,
        })
    }

    /// Takes no more work, and waits for what there is.
    pub(super) fn end(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            // A thread that panicked has nothing left to wait for.
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

fn write(connection: &Connection, work: &Receiver<Work>, notes: &Notes, path: &Path) {
    let (mut noted, mut looked) = (Instant::now(), Instant::now());
    loop {
        match work.recv_timeout(NOTES) {
            Ok(first) => transact(connection, first, work),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if noted.elapsed() >= NOTES || notes.is_pressing() {
            write_notes(connection, notes);
            noted = Instant::now();
        }
        if looked.elapsed() >= WAL_LOOK {
            bound_log(connection, path);
            looked = Instant::now();
        }
    }
    write_notes(connection, notes);
}

/// Begins the write-ahead log anew where it has grown long: under load it never comes to its end
/// by itself. Most of it was moved already, so this waits for little.
fn bound_log(connection: &Connection, path: &Path) {
    if log_bytes(path) > WAL_BYTES
        && let Err(error) = connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))
    {
        tracing::warn!(%error, "the write-ahead log was not begun anew");
    }
}

/// The logs of refused requests, in a transaction of their own.
fn write_notes(connection: &Connection, notes: &Notes) {
    if notes.is_empty() {
        return;
    }
    let written = connection
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(fault)
        .and_then(|()| notes.write(connection))
        .and_then(|()| connection.execute_batch("COMMIT").map_err(fault));
    if let Err(error) = written {
        let _ = connection.execute_batch("ROLLBACK");
        tracing::warn!(%error, "the logs of refused requests were not written");
    }
}

/// Runs everything that waits in one transaction.
fn transact(connection: &Connection, first: Work, work: &Receiver<Work>) {
    let mut replies = Vec::new();
    let mut result = connection.execute_batch("BEGIN IMMEDIATE").map_err(fault);
    let mut next = Some(first);
    while let Some(one) = next {
        replies.push(match &result {
            Ok(()) => within(connection, one),
            Err(error) => one(Err(error.clone())).1,
        });
        next = (replies.len() < BATCH).then(|| work.try_recv().ok()).flatten();
    }
    if result.is_ok() {
        result = connection.execute_batch("COMMIT").map_err(fault);
        if result.is_err() {
            let _ = connection.execute_batch("ROLLBACK");
        }
    }
    for reply in replies {
        reply(result.clone());
    }
}

/// Runs work so that what it did is undone if it fails, and what others did is not.
fn within(connection: &Connection, work: Work) -> Reply {
    let began = connection.prepare_cached("SAVEPOINT work").and_then(|mut save| save.execute([]));
    let (done, reply) = work(Ok(connection));
    let end = if done && began.is_ok() { "RELEASE work" } else { "ROLLBACK TO work; RELEASE work" };
    match connection.execute_batch(end) {
        Ok(()) => reply,
        Err(error) => {
            let error = fault(error);
            Box::new(move |_| reply(Err(error)))
        }
    }
}

/// Moves what the write-ahead log holds into the file, so that the thread that writes need not:
/// when it has grown and nobody writes, or when it has grown too long.
fn checkpoint(path: &Path, end: &Receiver<()>) {
    let Ok(connection) = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE) else {
        return;
    };
    let mut moved = 0;
    let mut before = 0;
    while let Err(RecvTimeoutError::Timeout) = end.recv_timeout(CHECKPOINT) {
        let written = written(&connection);
        let idle = written == before;
        before = written;
        if written == moved || !(idle || log_bytes(path) > PATIENCE) {
            continue;
        }
        match connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            Ok(()) => moved = written,
            Err(error) => tracing::warn!(%error, "the write-ahead log was not moved"),
        }
    }
}

/// A number that changes with every commit of another connection.
fn written(connection: &Connection) -> i64 {
    connection.pragma_query_value(None, "data_version", |row| row.get(0)).unwrap_or(0)
}

/// How long the write-ahead log is.
fn log_bytes(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).map_or(0, |data| data.len())
}
