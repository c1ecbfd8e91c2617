//! The writer thread. Group commit: all waiting writes share one transaction and one sync.
//!
//! The writer does not know what an operation writes. Operations come through a bounded queue. If
//! the queue is full, the caller gets [`StoreError::Busy`] (backpressure).

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::checkpoint::{self, LogBounds};
use super::fault;
use super::rejected_log::RejectedLog;
use super::space::Space;
use super::tables::Tables;
use crate::gateway::store::StoreError;

/// A command to the writer thread.
enum WriterCommand {
    /// Runs an operation in the next transaction. The number is the bytes that it writes.
    Write(Box<dyn WriteOperation>, u64),
    /// Runs an operation in one of the next transactions. No sender waits for it.
    Background(Box<dyn WriteOperation>, Rank),
    /// Writes the buffered rejected-request log, then replies.
    FlushRejected(WriteReply),
}

/// The position of a background operation in the queue.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rank {
    /// Before all others: such operations are few, and many deliveries wait for them.
    First,
    /// After all that wait already.
    Last,
}

/// The channel for the result of a write.
type WriteReply = oneshot::Sender<Result<(), StoreError>>;

/// An operation of a transaction. The transaction may be rolled back because of another operation.
/// The operation then runs again.
trait WriteOperation: Send {
    /// Runs the operation. Returns its error if it failed.
    fn run(&mut self, tables: &Tables) -> Result<(), StoreError>;

    /// Returns true if the operation found no space.
    fn is_full(&self) -> bool;

    /// Sends the result to the caller, after the commit.
    fn reply(self: Box<Self>, committed: Result<(), StoreError>);
}

/// An operation with its result.
struct RunningWrite<T, R> {
    run: R,
    /// The result. `None` if the operation did not run because the transaction could not begin.
    answer: Option<Result<T, StoreError>>,
    /// The channel to the caller. The closure goes back with the result: memory that one thread
    /// allocates and another frees costs both.
    tell: oneshot::Sender<(Result<T, StoreError>, R)>,
}

impl<T, R> WriteOperation for RunningWrite<T, R>
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

    fn is_full(&self) -> bool {
        matches!(&self.answer, Some(Err(StoreError::Full(_))))
    }

    fn reply(self: Box<Self>, committed: Result<(), StoreError>) {
        // The caller may have stopped waiting. The data is stored anyway.
        let answer = match (self.answer, committed) {
            (Some(answer), committed) => answer.and_then(|answer| committed.map(|()| answer)),
            (None, committed) => Err(committed.err().unwrap_or(StoreError::Closed)),
        };
        let _ = self.tell.send((answer, self.run));
    }
}

/// Capacity of the queue, in commands. Above it, callers get [`StoreError::Busy`].
const QUEUE_OPERATIONS: usize = 4096;

/// Maximum operations of senders in one transaction.
const BATCH_OPERATIONS: usize = 512;

/// The same on a volume with little space: each operation may write some pages of every tree.
const SMALL_BATCH_OPERATIONS: usize = 32;

/// Time for background operations in a transaction that senders wait for.
pub(super) const BACKGROUND_TIME_BESIDE_SENDERS: Duration = Duration::from_millis(3);

/// Time for background operations in a transaction that no sender waits for. The next sender has to
/// wait for that long.
pub(super) const BACKGROUND_TIME_ALONE: Duration = Duration::from_millis(10);

/// Maximum time that the log of a rejected request stays in memory.
const REJECTED_INTERVAL: Duration = Duration::from_millis(200);

/// The handle of the writer thread.
pub(super) struct Writer {
    queue: Mutex<Option<SyncSender<WriterCommand>>>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

impl Writer {
    /// Starts the writer thread and the checkpoint thread.
    pub(super) fn begin(
        tables: Tables,
        rejected_log: Arc<RejectedLog>,
        space: Arc<Space>,
    ) -> Result<Self, StoreError> {
        let (queue, work) = sync_channel(QUEUE_OPERATIONS);
        let (wake, woken) = sync_channel(1);
        let unavailable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let bounds = LogBounds::new(Arc::clone(&space), wake);
        let writing = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || Writing { tables, rejected_log, bounds }.run(&work))
            .map_err(unavailable)?;
        let copying = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || checkpoint::run(&space, &woken))
            .map_err(unavailable)?;
        Ok(Self { queue: Mutex::new(Some(queue)), threads: Mutex::new(vec![writing, copying]) })
    }

    /// Runs an operation in the next transaction. Returns its result when the transaction is on
    /// disk. The operation may run twice; the first run is then rolled back.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        run: impl Fn(&Tables) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run_with(0, run).await
    }

    /// Does the same for an operation that writes many bytes. A transaction is bounded in bytes, so
    /// that it fits into the write-ahead log.
    pub(super) async fn run_with<T: Send + 'static>(
        &self,
        bytes: usize,
        run: impl Fn(&Tables) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.send(WriterCommand::Write(Box::new(RunningWrite { run, answer: None, tell }), bytes))?;
        told.await.map_or(Err(StoreError::Closed), |(answer, _)| answer)
    }

    /// Runs a background operation. Each transaction runs only a part of these, so that the
    /// deliveries of one tenant do not delay the senders of others.
    pub(super) async fn run_background<T: Send + 'static>(
        &self,
        rank: Rank,
        run: impl Fn(&Tables) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let run = move |tables: &Tables| {
            let began = Instant::now();
            let answer = run(tables);
            tables.learn_pace(began.elapsed());
            answer
        };
        let (tell, told) = oneshot::channel();
        self.send(WriterCommand::Background(
            Box::new(RunningWrite { run, answer: None, tell }),
            rank,
        ))?;
        told.await.map_or(Err(StoreError::Closed), |(answer, _)| answer)
    }

    /// Writes the buffered rejected-request log after all operations that were queued before.
    pub(super) async fn write_rejected(&self) -> Result<(), StoreError> {
        let (tell, told) = oneshot::channel();
        self.send(WriterCommand::FlushRejected(tell))?;
        told.await.unwrap_or(Err(StoreError::Closed))
    }

    fn send(&self, asked: WriterCommand) -> Result<(), StoreError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queue.as_ref().ok_or(StoreError::Closed)?;
        queue.try_send(asked).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => StoreError::Closed,
        })
    }

    /// Closes the queue, and waits until its operations are done.
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

/// The state of the writer thread.
struct Writing {
    tables: Tables,
    rejected_log: Arc<RejectedLog>,
    bounds: LogBounds,
}

impl Writing {
    fn run(mut self, asked: &Receiver<WriterCommand>) {
        let mut rejected_written = Instant::now();
        let mut queue = WriteQueue { asked, later: VecDeque::new() };
        self.bounds.hold(&self.tables);
        loop {
            match queue.drain_batch(&self.tables, &self.bounds) {
                Ok(batch) => {
                    self.tables.set_crowded(batch.crowded);
                    self.commit_batch(batch.work);
                    if let Some(tell) = batch.tell {
                        // The caller may have stopped waiting.
                        let _ = tell.send(write_rejected(&self.tables, &self.rejected_log));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if rejected_written.elapsed() >= REJECTED_INTERVAL || self.rejected_log.is_pressing() {
                log_rejected_result(write_rejected(&self.tables, &self.rejected_log));
                rejected_written = Instant::now();
            }
            self.bounds.hold(&self.tables);
        }
        log_rejected_result(write_rejected(&self.tables, &self.rejected_log));
        self.bounds.hold(&self.tables);
    }

    /// Runs all operations, and replies when they are on disk. Operations that found no space run
    /// again if space could be made.
    fn commit_batch(&mut self, mut all: Vec<Box<dyn WriteOperation>>) {
        let committed = try_commit(&self.tables, &mut all);
        if !any_full(&committed, &all) {
            return reply_all(all, &committed);
        }
        let full = is_full(&committed);
        let (mut short, done) = all.into_iter().partition(|work| full || work.is_full());
        reply_all(done, &committed);
        if !self.bounds.make_room(&self.tables) {
            return reply_all(short, &committed);
        }
        let committed = try_commit(&self.tables, &mut short);
        if any_full(&committed, &short) {
            self.bounds.found_full();
        }
        reply_all(short, &committed);
    }
}

fn is_full(committed: &Result<(), StoreError>) -> bool {
    matches!(committed, Err(StoreError::Full(_)))
}

/// Returns true if some operation found no space.
fn any_full(committed: &Result<(), StoreError>, all: &[Box<dyn WriteOperation>]) -> bool {
    is_full(committed) || all.iter().any(|work| work.is_full())
}

fn reply_all(all: Vec<Box<dyn WriteOperation>>, committed: &Result<(), StoreError>) {
    for work in all {
        work.reply(committed.clone());
    }
}

/// The operations that wait for the writer thread.
struct WriteQueue<'q> {
    asked: &'q Receiver<WriterCommand>,
    /// Background operations.
    later: VecDeque<Box<dyn WriteOperation>>,
}

/// The operations of one transaction.
#[derive(Default)]
struct Batch {
    work: Vec<Box<dyn WriteOperation>>,
    /// True if senders wait for the transaction.
    crowded: bool,
    /// The caller that waits for the rejected-request log.
    tell: Option<WriteReply>,
}

impl WriteQueue<'_> {
    /// Waits for operations, at most [`REJECTED_INTERVAL`]. Takes the operations of senders up to
    /// the batch limits, and a part of the background operations, so that neither waits for ever.
    fn drain_batch(
        &mut self,
        tables: &Tables,
        bounds: &LogBounds,
    ) -> Result<Batch, RecvTimeoutError> {
        let most = if bounds.is_tight() { SMALL_BATCH_OPERATIONS } else { BATCH_OPERATIONS };
        let mut room = bounds.batch_bytes();
        let mut batch = Batch::default();
        let mut next = match self.later.is_empty() {
            true => Some(self.asked.recv_timeout(REJECTED_INTERVAL)?),
            false => self.asked.try_recv().ok(),
        };
        while let Some(one) = next {
            match one {
                WriterCommand::Write(work, bytes) => {
                    batch.work.push(work);
                    room = room.saturating_sub(bytes);
                }
                WriterCommand::Background(work, Rank::First) => self.later.push_front(work),
                WriterCommand::Background(work, Rank::Last) => self.later.push_back(work),
                WriterCommand::FlushRejected(tell) => {
                    batch.tell = Some(tell);
                    break;
                }
            }
            let more = batch.work.len() < most && room > 0;
            next = more.then(|| self.asked.try_recv().ok()).flatten();
        }
        batch.crowded = !batch.work.is_empty();
        let part = match (&batch.tell, batch.crowded) {
            // A flush stores everything that was queued before.
            (Some(_), _) => usize::MAX,
            (None, true) => tables.fitting(BACKGROUND_TIME_BESIDE_SENDERS, most),
            (None, false) => tables.fitting(BACKGROUND_TIME_ALONE, most),
        };
        batch.work.extend(self.later.drain(..part.min(self.later.len())));
        Ok(batch)
    }
}

/// Writes the rejected-request log in a transaction of its own.
fn write_rejected(tables: &Tables, rejected_log: &RejectedLog) -> Result<(), StoreError> {
    if rejected_log.is_empty() {
        return Ok(());
    }
    let buffer = rejected_log.take();
    let written = transaction(tables, || rejected_log.write(&buffer, tables));
    rejected_log.count(&buffer, written.is_ok());
    written
}

fn log_rejected_result(written: Result<(), StoreError>) {
    if let Err(error) = written {
        tracing::warn!(%error, "rejected-request log not written");
    }
}

/// Runs all operations in one transaction. If an operation fails, runs all again with a savepoint
/// for each. Returns an error if the transaction is not on disk.
fn try_commit(tables: &Tables, all: &mut [Box<dyn WriteOperation>]) -> Result<(), StoreError> {
    if all.is_empty() {
        return Ok(());
    }
    match run_batch(tables, all) {
        Err(Stopped::ByWork) => transaction(tables, || run_with_savepoints(tables, all)),
        Err(Stopped::ByStore(error)) => Err(error),
        Ok(()) => Ok(()),
    }
}

/// The reason of a rollback.
enum Stopped {
    /// An operation failed.
    ByWork,
    /// The transaction could not begin or commit.
    ByStore(StoreError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::ByStore(error)
    }
}

/// Runs all operations without savepoints: nearly always all of them succeed. A failure rolls
/// everything back.
fn run_batch(tables: &Tables, all: &mut [Box<dyn WriteOperation>]) -> Result<(), Stopped> {
    transaction(tables, || {
        if !all.iter_mut().all(|work| work.run(tables).is_ok()) {
            return Err(Stopped::ByWork);
        }
        tables.dedup_index().compact(tables).map_err(|error| {
            tracing::warn!(%error, "the deduplication keys were not moved to their table");
            Stopped::ByWork
        })
    })
}

/// Runs each operation in a savepoint of its own. A failure rolls back only that operation.
fn run_with_savepoints(
    tables: &Tables,
    all: &mut [Box<dyn WriteOperation>],
) -> Result<(), StoreError> {
    for work in all {
        tables.execute_batch("SAVEPOINT work").map_err(fault)?;
        let mark = tables.dedup_index().mark();
        let end = match work.run(tables) {
            Ok(()) => "RELEASE work",
            // A full disk rolls the whole transaction back, whichever operation found it.
            Err(error) if tables.is_autocommit() => return Err(error),
            Err(_) => {
                tables.dedup_index().back_to(mark);
                "ROLLBACK TO work; RELEASE work"
            }
        };
        tables.execute_batch(end).map_err(fault)?;
    }
    Ok(())
}

/// Runs a function in a transaction. An error rolls the transaction back.
fn transaction<E: From<StoreError>>(
    tables: &Tables,
    run: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    let execute = |sql| tables.execute_batch(sql).map_err(fault);
    execute("BEGIN IMMEDIATE")?;
    let ended = run().and_then(|()| Ok(execute("COMMIT")?));
    match ended {
        Ok(()) => tables.dedup_index().committed(),
        Err(_) => {
            // SQLite may have rolled back already, on a full disk.
            let _ = execute("ROLLBACK");
            tables.dedup_index().undo();
        }
    }
    ended
}
