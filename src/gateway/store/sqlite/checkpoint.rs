//! Checkpoints: the write-ahead log is copied into the database, and then written from its start.
//!
//! A thread of its own copies, when nobody writes or when the log has reached its limit. Only when
//! all of the log is copied can it be restarted, and under load there is always a little more. So
//! the thread that writes copies the rest between two transactions; and it copies everything when
//! the log has twice its limit.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::space::{FRAME, LEAST_FREE, Space};
use super::{BUSY, connect};

/// How often the log and the volume are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// So many looks without a commit between them, and nobody writes.
const IDLE: u32 = 3;

/// How long the thread that writes waits for readers of the log, at a time.
const RESTART_WAIT: Duration = Duration::from_millis(25);

/// How long until it waits for them again: twice as long each time, up to a second.
const RESTART_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How often the thread that copies is woken.
const WAKE_PAUSE: Duration = Duration::from_millis(20);

/// How long the thread that writes waits for it, if the log is much too long.
const COPY_WAIT: Duration = Duration::from_millis(5);

/// How long until space is looked for again where there was none.
const ROOM_PAUSE: Duration = Duration::from_secs(1);

/// How often a log that readers keep is told of.
const TELL: Duration = Duration::from_secs(60);

/// Frames of the log.
#[derive(Debug, Clone, Copy, Default)]
struct Frames {
    /// How many it has.
    all: u64,
    /// How many of them are in the database.
    copied: u64,
}

impl Frames {
    fn bytes(self) -> u64 {
        self.all.saturating_mul(FRAME)
    }

    fn left(self) -> u64 {
        self.all.saturating_sub(self.copied).saturating_mul(FRAME)
    }
}

/// How a checkpoint ended.
enum Ended {
    /// It did what it could, perhaps not all.
    Some(Frames),
    /// It did all of it.
    All,
}

/// Runs a checkpoint of a mode. `NOOP` only counts.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Ended> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let (busy, frames) = connection.prepare_cached(&sql)?.query_row([], |row| {
        Ok((row.get(0)?, Frames { all: count(row.get(1)?), copied: count(row.get(2)?) }))
    })?;
    Ok(if busy || frames.left() > 0 { Ended::Some(frames) } else { Ended::All })
}

fn frames(connection: &Connection) -> rusqlite::Result<Frames> {
    connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?.query_row([], |row| {
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(Frames { all: count(row.get(1)?), copied: count(row.get(2)?) })
    })
}

/// A number that changes with every commit of another connection.
fn data_version(connection: &Connection) -> i64 {
    connection.pragma_query_value(None, "data_version", |row| row.get(0)).unwrap_or(0)
}

/// Whether there was no space. A file that may not grow is an input or output error.
pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure))
}

/// Looks at the log now and then and when it is woken, until the store ends, and copies it.
pub(super) fn run(space: &Arc<Space>, woken: &Receiver<()>) {
    let Ok(connection) = connect(space.database(), OpenFlags::SQLITE_OPEN_READ_WRITE) else {
        tracing::error!("no checkpoints run: the store cannot be opened again");
        return;
    };
    let mut checkpoints =
        Checkpoints { space, connection, version: 0, idle: 0, told: None, failed: false };
    while !matches!(woken.recv_timeout(LOOK), Err(RecvTimeoutError::Disconnected)) {
        if let Err(error) = checkpoints.look() {
            checkpoints.fail(&error);
        }
    }
}

/// The thread that copies.
struct Checkpoints<'s> {
    space: &'s Space,
    connection: Connection,
    version: i64,
    /// Looks since the last commit.
    idle: u32,
    told: Option<Instant>,
    failed: bool,
}

impl Checkpoints<'_> {
    fn look(&mut self) -> rusqlite::Result<()> {
        let measured = self.space.measure();
        self.space.restore_reserve(&measured);
        self.space.set_limits(&measured);
        let version = data_version(&self.connection);
        self.idle = if version == self.version { self.idle.saturating_add(1) } else { 0 };
        self.version = version;
        let mut frames = frames(&self.connection)?;
        let limit = self.space.log_limit();
        if frames.left() > 0 && (frames.bytes() >= limit || self.idle >= IDLE) {
            if let Ended::Some(left) = checkpoint(&self.connection, "PASSIVE")? {
                frames = left;
            } else {
                frames = Frames::default();
            }
            self.failed = false;
        }
        let over = frames.bytes() >= limit && frames.left() > 0;
        let much = frames.bytes() / 2 >= limit;
        self.space.restart.store(over && (much || frames.left() <= limit / 4), Relaxed);
        self.tell_pinned(over && much && frames.left() > limit, frames);
        Ok(())
    }

    /// Readers of old pages keep the log: those of this process are then told to end.
    fn tell_pinned(&mut self, pinned: bool, frames: Frames) {
        self.space.pinned.store(pinned, Relaxed);
        if pinned && self.told.is_none_or(|told| told.elapsed() > TELL) {
            self.told = Some(Instant::now());
            let bytes = frames.bytes();
            tracing::warn!(
                bytes,
                "a reader of the store keeps its write-ahead log from restarting"
            );
        }
    }

    fn fail(&mut self, error: &rusqlite::Error) {
        self.space.short.store(is_full(error), Relaxed);
        if !self.failed {
            tracing::warn!(%error, "the write-ahead log was not copied into the database");
        }
        self.failed = true;
    }
}

/// What the thread that writes does to keep the log and the database within their limits.
pub(super) struct Bounds {
    space: Arc<Space>,
    /// Wakes the thread that copies.
    wake: SyncSender<()>,
    wake_at: Instant,
    /// The limits that the connection has.
    pages: i64,
    log: u64,
    /// When the log may be restarted next, and the pause after that.
    restart_at: Instant,
    pause: Duration,
    /// When space may be looked for next.
    room_at: Instant,
}

impl Bounds {
    /// The bounds of a store.
    pub(super) fn new(space: Arc<Space>, wake: SyncSender<()>) -> Self {
        let now = Instant::now();
        Self {
            space,
            wake,
            wake_at: now,
            pages: 0,
            log: 0,
            restart_at: now,
            pause: RESTART_PAUSE,
            room_at: now,
        }
    }

    /// Whether there is so little space that transactions have to be small.
    pub(super) fn is_tight(&self) -> bool {
        self.space.is_tight()
    }

    /// Bytes that one transaction may bring.
    pub(super) fn batch_bytes(&self) -> u64 {
        self.space.log_limit() / 4
    }

    /// Before and after each transaction: applies limits, and restarts a log that is too long.
    pub(super) fn hold(&mut self, connection: &Connection) {
        if let Err(error) = self.apply(connection) {
            tracing::warn!(%error, "the limits of the store are not set");
        }
        if self.space.short.swap(false, Relaxed) {
            self.make_room(connection);
        }
        let (bytes, limit) = (self.space.log_bytes(), self.space.log_limit());
        if bytes >= limit {
            self.wake();
        }
        let long = bytes >= if self.space.is_tight() { limit } else { limit.saturating_mul(2) };
        if long || self.space.restart.load(Relaxed) {
            self.restart(connection);
        }
    }

    fn wake(&mut self) {
        let now = Instant::now();
        if now >= self.wake_at {
            self.wake_at = now + WAKE_PAUSE;
            // It is awake already if the channel is full.
            let _ = self.wake.try_send(());
        }
    }

    /// Gives the connection the limits that hold now.
    fn apply(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let (pages, log) = (self.space.page_limit(), self.space.log_limit());
        if pages != self.pages {
            connection.pragma_update(None, "max_page_count", pages)?;
            self.pages = pages;
        }
        if log != self.log {
            let bytes = i64::try_from(log).unwrap_or(i64::MAX);
            connection.pragma_update(None, "journal_size_limit", bytes)?;
            self.log = log;
        }
        Ok(())
    }

    /// Copies the rest of the log, and waits a moment for readers of it, so that the next
    /// transaction is written at its start.
    fn restart(&mut self, connection: &Connection) {
        let now = Instant::now();
        if now < self.restart_at {
            return;
        }
        match waiting_a_moment(connection, "RESTART") {
            Ok(Ended::All) => {
                self.pause = RESTART_PAUSE;
                self.space.restart.store(false, Relaxed);
                self.space.log_restarts();
            }
            // The other thread copies just now. It must not be left behind.
            Ok(Ended::Some(frames)) if frames.all == 0 => {
                if self.space.log_bytes() / 4 >= self.space.log_limit() {
                    std::thread::sleep(COPY_WAIT);
                }
            }
            Ok(Ended::Some(_)) => {
                self.restart_at = now + self.pause;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
            Err(error) if is_full(&error) => {
                self.restart_at = now + LONGEST_PAUSE;
                self.make_room(connection);
            }
            Err(error) => tracing::warn!(%error, "the write-ahead log was not restarted"),
        }
    }

    /// Makes what space can be made on a full volume: the log goes into the database, for which the
    /// reserve is given up where nothing else is left. Returns whether it was tried.
    pub(super) fn make_room(&mut self, connection: &Connection) -> bool {
        if Instant::now() < self.room_at {
            return false;
        }
        let truncate = || matches!(waiting_a_moment(connection, "TRUNCATE"), Ok(Ended::All));
        if !truncate() {
            // A transaction that found no space leaves what it wrote in the file.
            if let Err(error) = cut_tail(connection, &self.space) {
                tracing::debug!(%error, "the end of the write-ahead log was not cut");
            }
            if !truncate() && (!self.space.release_reserve() || !truncate()) {
                // Each try holds the transactions that wait.
                self.room_at = Instant::now() + ROOM_PAUSE / 4;
            }
        }
        if self.space.measure().free < LEAST_FREE {
            self.space.release_reserve();
        }
        self.space.set_limits(&self.space.measure());
        if let Err(error) = self.apply(connection) {
            tracing::warn!(%error, "the limits of the store are not set");
        }
        true
    }

    /// Space was made, and it was not enough.
    pub(super) fn found_full(&mut self) {
        self.space.found_full();
        self.room_at = Instant::now() + ROOM_PAUSE;
    }
}

/// Runs a checkpoint that waits a moment for readers.
fn waiting_a_moment(connection: &Connection, mode: &str) -> rusqlite::Result<Ended> {
    connection.busy_timeout(RESTART_WAIT)?;
    let ended = checkpoint(connection, mode);
    connection.busy_timeout(BUSY)?;
    ended
}

/// Cuts the file of the log behind the last commit.
fn cut_tail(connection: &Connection, space: &Space) -> rusqlite::Result<()> {
    let version = data_version(connection);
    let end = frames(connection)?.bytes().saturating_add(32);
    connection.execute_batch("BEGIN IMMEDIATE")?;
    // Nobody writes now; and nobody else did since the frames were counted.
    if version == data_version(connection)
        && let Ok(file) = std::fs::File::options().write(true).open(space.log_file())
        && file.metadata().is_ok_and(|log| log.len() > end)
        && let Err(error) = file.set_len(end)
    {
        tracing::debug!(%error, "the end of the write-ahead log was not cut");
    }
    connection.execute_batch("ROLLBACK")
}
