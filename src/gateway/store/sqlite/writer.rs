//! The thread that writes: whatever waits shares one transaction, and one sync.

use std::cell::{RefCell, RefMut};
use std::ops::Deref;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use super::notes::Notes;
use super::recent::Recent;
use super::{connect, fault};
use crate::gateway::store::StoreError;

/// What is asked of the thread that writes.
enum Asked {
    /// To do this in the next transaction.
    Work(Box<dyn Work>),
    /// To write the logs that wait, and tell when that is done.
    Notes(Told),
}

/// Who waits to be told that something was written.
type Told = oneshot::Sender<Result<(), StoreError>>;

/// What work is done with: the connection, and what is kept in memory beside it.
pub(super) struct Tables {
    connection: Connection,
    recent: RefCell<Recent>,
}

impl Tables {
    /// With the index of what came lately.
    pub(super) fn new(connection: Connection, recent: Recent) -> Self {
        Self { connection, recent: RefCell::new(recent) }
    }

    /// The index of what events are recognised by.
    pub(super) fn recent(&self) -> RefMut<'_, Recent> {
        self.recent.borrow_mut()
    }
}

impl Deref for Tables {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

/// Work in a transaction. What it did may be undone because of others, and is done again then.
trait Work: Send {
    /// Does it, and answers what is wrong where it did not do what it should.
    fn run(&mut self, tables: &Tables) -> Result<(), StoreError>;

    /// Tells whoever waits, after the commit, what became of it.
    fn tell(self: Box<Self>, committed: Result<(), StoreError>);
}

/// Work with the answer to it.
struct Job<T, R> {
    run: R,
    /// None where it was not done: the transaction could not be begun.
    answer: Option<Result<T, StoreError>>,
    /// Whoever waits gets the work back with the answer: what one thread allocates and another
    /// frees costs both.
    tell: oneshot::Sender<(Result<T, StoreError>, R)>,
}

impl<T, R> Work for Job<T, R>
where
    T: Send,
    R: Fn(&Tables) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, tables: &Tables) -> Result<(), StoreError> {
        let answer = (self.run)(tables);
        let done = answer.as_ref().map(drop).map_err(Clone::clone);
        self.answer = Some(answer);
        done
    }

    fn tell(self: Box<Self>, committed: Result<(), StoreError>) {
        // Whoever asked may be gone; what they gave is stored all the same.
        let answer = match (self.answer, committed) {
            (Some(answer), committed) => answer.and_then(|answer| committed.map(|()| answer)),
            (None, committed) => Err(committed.err().unwrap_or(StoreError::Closed)),
        };
        let _ = self.tell.send((answer, self.run));
    }
}

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
    queue: Mutex<Option<SyncSender<Asked>>>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn begin(
        tables: Tables,
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
                write(&tables, &work, &notes, &beside);
                drop(ended);
            })
            .map_err(unavailable)?;
        let moving = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || checkpoint(&path, &end))
            .map_err(unavailable)?;
        Ok(Self { queue: Mutex::new(Some(queue)), threads: Mutex::new(vec![writing, moving]) })
    }

    /// Runs work in the next transaction, and answers when that is on disk. The work may be done
    /// twice, the first time being undone.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        run: impl Fn(&Tables) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        self.send(Asked::Work(Box::new(Job { run, answer: None, tell })))?;
        told.await.map_or(Err(StoreError::Closed), |(answer, _)| answer)
    }

    /// Writes the logs that wait, behind all work that was given before.
    pub(super) async fn write_notes(&self) -> Result<(), StoreError> {
        let (tell, told) = oneshot::channel();
        self.send(Asked::Notes(tell))?;
        told.await.unwrap_or(Err(StoreError::Closed))
    }

    fn send(&self, asked: Asked) -> Result<(), StoreError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queue.as_ref().ok_or(StoreError::Closed)?;
        queue.try_send(asked).map_err(|error| match error {
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

fn write(tables: &Tables, asked: &Receiver<Asked>, notes: &Notes, path: &Path) {
    let (mut noted, mut looked) = (Instant::now(), Instant::now());
    loop {
        match asked.recv_timeout(NOTES) {
            Ok(first) => {
                let (work, tell) = gather(first, asked);
                transact(tables, work);
                if let Some(tell) = tell {
                    // Whoever asked may be gone.
                    let _ = tell.send(write_notes(tables, notes));
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if noted.elapsed() >= NOTES || notes.is_pressing() {
            tell_of_notes(write_notes(tables, notes));
            noted = Instant::now();
        }
        if looked.elapsed() >= WAL_LOOK {
            bound_log(tables, path);
            looked = Instant::now();
        }
    }
    tell_of_notes(write_notes(tables, notes));
}

/// Everything that waits, up to the first who wants to know that the logs are written.
fn gather(first: Asked, asked: &Receiver<Asked>) -> (Vec<Box<dyn Work>>, Option<Told>) {
    let mut all = Vec::new();
    let mut next = Some(first);
    while let Some(one) = next {
        match one {
            Asked::Work(work) => all.push(work),
            Asked::Notes(tell) => return (all, Some(tell)),
        }
        next = (all.len() < BATCH).then(|| asked.try_recv().ok()).flatten();
    }
    (all, None)
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
fn write_notes(tables: &Tables, notes: &Notes) -> Result<(), StoreError> {
    if notes.is_empty() {
        return Ok(());
    }
    transaction(tables, || notes.write(tables))
}

fn tell_of_notes(written: Result<(), StoreError>) {
    if let Err(error) = written {
        tracing::warn!(%error, "the logs of refused requests were not written");
    }
}

/// Runs all work in one transaction, and tells when that is on disk.
fn transact(tables: &Tables, mut all: Vec<Box<dyn Work>>) {
    if all.is_empty() {
        return;
    }
    let committed = match together(tables, &mut all) {
        Err(Stopped::ByWork) => transaction(tables, || apart(tables, &mut all)),
        Err(Stopped::ByStore(error)) => Err(error),
        Ok(()) => Ok(()),
    };
    for work in all {
        work.tell(committed.clone());
    }
}

/// Why a transaction was undone.
enum Stopped {
    /// Some of the work did not do what it should.
    ByWork,
    /// It could not be begun or committed.
    ByStore(StoreError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::ByStore(error)
    }
}

/// Runs all work with nothing in between. Nearly always all of it does what it should; where it
/// does not, everything is undone.
fn together(tables: &Tables, all: &mut [Box<dyn Work>]) -> Result<(), Stopped> {
    transaction(tables, || {
        if !all.iter_mut().all(|work| work.run(tables).is_ok()) {
            return Err(Stopped::ByWork);
        }
        tables.recent().settle(tables).map_err(|error| {
            tracing::warn!(%error, "what repeats are known by was not moved to its tree");
            Stopped::ByWork
        })
    })
}

/// Runs each work so that what it did is undone if it fails, and what others did is not.
fn apart(tables: &Tables, all: &mut [Box<dyn Work>]) -> Result<(), StoreError> {
    for work in all {
        tables.execute_batch("SAVEPOINT work").map_err(fault)?;
        let mark = tables.recent().mark();
        let end = match work.run(tables) {
            Ok(()) => "RELEASE work",
            // A full disk undoes everything, whoever it was that met it.
            Err(error) if tables.is_autocommit() => return Err(error),
            Err(_) => {
                tables.recent().back_to(mark);
                "ROLLBACK TO work; RELEASE work"
            }
        };
        tables.execute_batch(end).map_err(fault)?;
    }
    Ok(())
}

/// Runs something in a transaction, which is undone where that fails.
fn transaction<E: From<StoreError>>(
    tables: &Tables,
    run: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    let execute = |sql| tables.execute_batch(sql).map_err(fault);
    execute("BEGIN IMMEDIATE")?;
    let ended = run().and_then(|()| Ok(execute("COMMIT")?));
    match ended {
        Ok(()) => tables.recent().committed(),
        Err(_) => {
            // A full disk may have undone it already.
            let _ = execute("ROLLBACK");
            tables.recent().undo();
        }
    }
    ended
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
