//! The thread that writes: whatever waits shares one transaction, and one sync.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::checkpoint::{self, Bounds};
use super::fault;
use super::notes::Notes;
use super::recent::Recent;
use super::space::Space;
use crate::gateway::store::StoreError;

/// What is asked of the thread that writes.
enum Asked {
    /// To do this in the next transaction, which brings so many bytes.
    Work(Box<dyn Work>, u64),
    /// To do this in one of the next transactions, beside what senders wait for.
    Later(Box<dyn Work>, Rank),
    /// To write the logs that wait, and tell when that is done.
    Notes(Told),
}

/// Where work stands among that which senders do not wait for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rank {
    /// Before all: there is little of it, and much waits for it.
    First,
    /// Behind what came before.
    Last,
}

/// Who waits to be told that something was written.
type Told = oneshot::Sender<Result<(), StoreError>>;

/// What work is done with: the connection, and what is kept in memory beside it.
pub(super) struct Tables {
    connection: Connection,
    recent: RefCell<Recent>,
    crowded: Cell<bool>,
    /// How long one piece of work takes that senders do not wait for, lately.
    pace: Cell<Duration>,
}

impl Tables {
    /// With the index of what came lately.
    pub(super) fn new(connection: Connection, recent: Recent) -> Self {
        let recent = RefCell::new(recent);
        let (crowded, pace) = (Cell::new(false), Cell::new(Duration::ZERO));
        Self { connection, recent, crowded, pace }
    }

    /// Whether senders wait for this transaction, so that other work should be short.
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded.get()
    }

    /// Work that senders do not wait for took so long.
    fn learn_pace(&self, took: Duration) {
        self.pace.set((self.pace.get() * 7 + took) / 8);
    }

    /// How much of that work fits into a time: a few pieces at least, so that it goes on.
    fn fitting(&self, time: Duration, most: usize) -> usize {
        let pace = self.pace.get().as_nanos().max(1);
        let fitting = usize::try_from(time.as_nanos() / pace).unwrap_or(usize::MAX);
        fitting.clamp(LATER_LEAST, LATER_LEAST.max(most))
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

    /// Whether it found no space.
    fn is_full(&self) -> bool;

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

    fn is_full(&self) -> bool {
        matches!(&self.answer, Some(Err(StoreError::Full(_))))
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

/// So much where there is little space: each may write some pages of every tree.
const SMALL_BATCH: usize = 32;

/// How long work that senders do not wait for may take in a transaction that they wait for.
pub(super) const BESIDE_SENDERS: Duration = Duration::from_millis(3);

/// The same where nobody waits: whoever comes next waits for it.
pub(super) const ALONE: Duration = Duration::from_millis(10);

/// So many pieces of it go into a transaction, however long they take.
const LATER_LEAST: usize = 4;

/// How long the log of a refused request may wait.
const NOTES: Duration = Duration::from_millis(200);

/// Hands work to the thread that writes.
pub(super) struct Writer {
    queue: Mutex<Option<SyncSender<Asked>>>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

impl Writer {
    /// Starts the threads.
    pub(super) fn begin(
        tables: Tables,
        notes: Arc<Notes>,
        space: Arc<Space>,
    ) -> Result<Self, StoreError> {
        let (queue, work) = sync_channel(QUEUE);
        let (wake, woken) = sync_channel(1);
        let unavailable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let bounds = Bounds::new(Arc::clone(&space), wake);
        let writing = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || Writing { tables, notes, bounds }.run(&work))
            .map_err(unavailable)?;
        let copying = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || checkpoint::run(&space, &woken))
            .map_err(unavailable)?;
        Ok(Self { queue: Mutex::new(Some(queue)), threads: Mutex::new(vec![writing, copying]) })
    }

    /// Runs work in the next transaction, and answers when that is on disk. The work may be done
    /// twice, the first time being undone.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        run: impl Fn(&Tables) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run_with(0, run).await
    }

    /// The same, for work that brings many bytes: a transaction has no more of them than the
    /// write-ahead log has space for.
    pub(super) async fn run_with<T: Send + 'static>(
        &self,
        bytes: usize,
        run: impl Fn(&Tables) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.send(Asked::Work(Box::new(Job { run, answer: None, tell }), bytes))?;
        told.await.map_or(Err(StoreError::Closed), |(answer, _)| answer)
    }

    /// Runs work that senders do not wait for: a part of it in each transaction, so that the work
    /// of one tenant's deliveries does not keep the senders of others waiting.
    pub(super) async fn run_later<T: Send + 'static>(
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
        self.send(Asked::Later(Box::new(Job { run, answer: None, tell }), rank))?;
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

/// The thread that writes.
struct Writing {
    tables: Tables,
    notes: Arc<Notes>,
    bounds: Bounds,
}

impl Writing {
    fn run(mut self, asked: &Receiver<Asked>) {
        let mut noted = Instant::now();
        let mut queue = Queue { asked, later: VecDeque::new() };
        self.bounds.hold(&self.tables);
        loop {
            match queue.next(&self.tables, &self.bounds) {
                Ok(batch) => {
                    self.tables.crowded.set(batch.crowded);
                    self.transact(batch.work);
                    if let Some(tell) = batch.tell {
                        // Whoever asked may be gone.
                        let _ = tell.send(write_notes(&self.tables, &self.notes));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if noted.elapsed() >= NOTES || self.notes.is_pressing() {
                tell_of_notes(write_notes(&self.tables, &self.notes));
                noted = Instant::now();
            }
            self.bounds.hold(&self.tables);
        }
        tell_of_notes(write_notes(&self.tables, &self.notes));
        self.bounds.hold(&self.tables);
    }

    /// Runs all work, and tells when that is on disk. Work that finds no space is tried again when
    /// space was made.
    fn transact(&mut self, mut all: Vec<Box<dyn Work>>) {
        let committed = attempt(&self.tables, &mut all);
        if !any_full(&committed, &all) {
            return tell_all(all, &committed);
        }
        let full = is_full(&committed);
        let (mut short, done) = all.into_iter().partition(|work| full || work.is_full());
        tell_all(done, &committed);
        if !self.bounds.make_room(&self.tables) {
            return tell_all(short, &committed);
        }
        let committed = attempt(&self.tables, &mut short);
        if any_full(&committed, &short) {
            self.bounds.found_full();
        }
        tell_all(short, &committed);
    }
}

fn is_full(committed: &Result<(), StoreError>) -> bool {
    matches!(committed, Err(StoreError::Full(_)))
}

/// Whether some of the work found no space.
fn any_full(committed: &Result<(), StoreError>, all: &[Box<dyn Work>]) -> bool {
    is_full(committed) || all.iter().any(|work| work.is_full())
}

fn tell_all(all: Vec<Box<dyn Work>>, committed: &Result<(), StoreError>) {
    for work in all {
        work.tell(committed.clone());
    }
}

/// What waits for the thread that writes.
struct Queue<'q> {
    asked: &'q Receiver<Asked>,
    /// Work that senders do not wait for.
    later: VecDeque<Box<dyn Work>>,
}

/// What is done in one transaction.
#[derive(Default)]
struct Batch {
    work: Vec<Box<dyn Work>>,
    /// Whether senders wait for it.
    crowded: bool,
    /// Who wants to know that the logs are written.
    tell: Option<Told>,
}

impl Queue<'_> {
    /// Waits for work, for a while. What senders wait for is taken whole; of the other work a
    /// part, so that neither waits for ever.
    fn next(&mut self, tables: &Tables, bounds: &Bounds) -> Result<Batch, RecvTimeoutError> {
        let most = if bounds.is_tight() { SMALL_BATCH } else { BATCH };
        let mut room = bounds.batch_bytes();
        let mut batch = Batch::default();
        let mut next = match self.later.is_empty() {
            true => Some(self.asked.recv_timeout(NOTES)?),
            false => self.asked.try_recv().ok(),
        };
        while let Some(one) = next {
            match one {
                Asked::Work(work, bytes) => {
                    batch.work.push(work);
                    room = room.saturating_sub(bytes);
                }
                Asked::Later(work, Rank::First) => self.later.push_front(work),
                Asked::Later(work, Rank::Last) => self.later.push_back(work),
                Asked::Notes(tell) => {
                    batch.tell = Some(tell);
                    break;
                }
            }
            let more = batch.work.len() < most && room > 0;
            next = more.then(|| self.asked.try_recv().ok()).flatten();
        }
        batch.crowded = !batch.work.is_empty();
        let part = match (&batch.tell, batch.crowded) {
            // Everything that was given before is to be stored.
            (Some(_), _) => usize::MAX,
            (None, true) => tables.fitting(BESIDE_SENDERS, most),
            (None, false) => tables.fitting(ALONE, most),
        };
        batch.work.extend(self.later.drain(..part.min(self.later.len())));
        Ok(batch)
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

/// Runs all work in one transaction. Answers whether that is on disk.
fn attempt(tables: &Tables, all: &mut [Box<dyn Work>]) -> Result<(), StoreError> {
    if all.is_empty() {
        return Ok(());
    }
    match together(tables, all) {
        Err(Stopped::ByWork) => transaction(tables, || apart(tables, all)),
        Err(Stopped::ByStore(error)) => Err(error),
        Ok(()) => Ok(()),
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
