//! Checkpoints: the write-ahead log is copied into the database, and then restarted from its
//! beginning.
//!
//! The checkpoint thread copies while the writer is idle, or when the log has reached its limit.
//! The log can be restarted only when all of it is copied, and under load there is always a small
//! rest. So the writer thread copies the rest between two transactions. It copies everything when
//! the log has twice its limit. This module does not know what the transactions write.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::space::{FRAME_BYTES, MIN_FREE_BYTES, Space};
use super::{BUSY_TIMEOUT, connect};

/// Time between two checks of the log and the volume.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Checks in a row without a commit, after which the writer counts as idle.
const IDLE_CHECKS: u32 = 3;

/// Time that the writer waits for readers of the log in one checkpoint.
const RESTART_WAIT: Duration = Duration::from_millis(25);

/// Shortest pause between two restarts of the log that readers blocked. Each pause is twice the
/// last.
const RESTART_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause between two such restarts.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Shortest time between two wake-ups of the checkpoint thread.
const WAKE_PAUSE: Duration = Duration::from_millis(20);

/// Time that the writer sleeps while the checkpoint thread copies a log of four times its limit.
const COPY_WAIT: Duration = Duration::from_millis(5);

/// Time until the writer tries again to make space, after it found too little.
const SPACE_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Time between two warnings about a log that readers keep from restarting.
const TELL: Duration = Duration::from_secs(60);

/// The frames of the write-ahead log.
#[derive(Debug, Clone, Copy, Default)]
struct LogFrames {
    /// Frames in the log.
    all: u64,
    /// Frames that are copied into the database.
    copied: u64,
}

impl LogFrames {
    fn bytes(self) -> u64 {
        self.all.saturating_mul(FRAME_BYTES)
    }

    fn left(self) -> u64 {
        self.all.saturating_sub(self.copied).saturating_mul(FRAME_BYTES)
    }
}

/// The result of a checkpoint.
enum Ended {
    /// A part of the log may be left.
    Some(LogFrames),
    /// The whole log is copied.
    All,
}

/// Runs a checkpoint in a mode of SQLite. The mode `NOOP` only counts.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Ended> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    // SQLite returns -1 without a log.
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let (busy, frames) = connection.prepare_cached(&sql)?.query_row([], |row| {
        Ok((row.get(0)?, LogFrames { all: count(row.get(1)?), copied: count(row.get(2)?) }))
    })?;
    Ok(if busy || frames.left() > 0 { Ended::Some(frames) } else { Ended::All })
}

fn frames(connection: &Connection) -> rusqlite::Result<LogFrames> {
    connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?.query_row([], |row| {
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(LogFrames { all: count(row.get(1)?), copied: count(row.get(2)?) })
    })
}

/// Returns a number that changes with every commit of another connection.
fn data_version(connection: &Connection) -> i64 {
    connection.pragma_query_value(None, "data_version", |row| row.get(0)).unwrap_or(0)
}

/// Returns true if the error means that no space is left. A file that reached its size limit is an
/// I/O error.
pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure))
}

/// Runs the checkpoint thread until the store closes: checks the log at an interval and when it is
/// woken.
pub(super) fn run(space: &Arc<Space>, woken: &Receiver<()>) {
    let Ok(connection) = connect(space.database(), OpenFlags::SQLITE_OPEN_READ_WRITE) else {
        tracing::error!("no checkpoints run: the store cannot be opened again");
        return;
    };
    let mut checkpoints =
        Checkpoints { space, connection, version: 0, idle: 0, told: None, failed: false };
    while !matches!(woken.recv_timeout(CHECK_INTERVAL), Err(RecvTimeoutError::Disconnected)) {
        if let Err(error) = checkpoints.look() {
            checkpoints.fail(&error);
        }
    }
}

/// The state of the checkpoint thread.
struct Checkpoints<'s> {
    space: &'s Space,
    connection: Connection,
    version: i64,
    /// Checks since the last commit.
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
        if frames.left() > 0 && (frames.bytes() >= limit || self.idle >= IDLE_CHECKS) {
            if let Ended::Some(left) = checkpoint(&self.connection, "PASSIVE")? {
                frames = left;
            } else {
                frames = LogFrames::default();
            }
            self.failed = false;
        }
        let over = frames.bytes() >= limit && frames.left() > 0;
        let much = frames.bytes() / 2 >= limit;
        self.space.restart.store(over && (much || frames.left() <= limit / 4), Relaxed);
        self.log_pinned(over && much && frames.left() > limit, frames);
        Ok(())
    }

    /// Records that readers of old pages keep the log, and warns. The reads of this process then
    /// get a shorter time limit.
    fn log_pinned(&mut self, pinned: bool, frames: LogFrames) {
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
            tracing::warn!(%error, "checkpoint failed");
        }
        self.failed = true;
    }
}

/// The limits that the writer thread keeps for the log and the database.
pub(super) struct LogBounds {
    space: Arc<Space>,
    /// Wakes the checkpoint thread.
    wake: SyncSender<()>,
    wake_at: Instant,
    /// The limits that the connection has now.
    pages: i64,
    log: u64,
    /// The earliest time of the next restart, and the pause after that.
    restart_at: Instant,
    pause: Duration,
    /// The earliest time to make space again.
    room_at: Instant,
}

impl LogBounds {
    /// Returns the bounds of a store. The connection has no limits yet.
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

    /// Returns true if there is so little space that transactions have to be small.
    pub(super) fn is_tight(&self) -> bool {
        self.space.is_tight()
    }

    /// Returns the maximum bytes of one transaction.
    pub(super) fn batch_bytes(&self) -> u64 {
        self.space.log_limit() / 4
    }

    /// Applies the limits and restarts a log that is too long. Runs before and after each
    /// transaction.
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
            // A full channel means that the thread is woken already.
            let _ = self.wake.try_send(());
        }
    }

    /// Sets the current limits on the connection.
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

    /// Copies the rest of the log and waits shortly for its readers, so that the next transaction
    /// starts at the beginning of the log.
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
            // The checkpoint thread copies now. The writer must not outrun it.
            Ok(Ended::Some(frames)) if frames.all == 0 => {
                if self.space.log_bytes() / 4 >= self.space.log_limit() {
                    std::thread::sleep(COPY_WAIT);
                }
            }
            Ok(Ended::Some(_)) => {
                self.restart_at = now + self.pause;
                self.pause = (self.pause * 2).min(MAX_PAUSE);
            }
            Err(error) if is_full(&error) => {
                self.restart_at = now + MAX_PAUSE;
                self.make_room(connection);
            }
            Err(error) => tracing::warn!(%error, "write-ahead log restart failed"),
        }
    }

    /// Makes space on a full volume: copies the log into the database, and releases the reserve if
    /// nothing else helps. Returns false if the last try was too recent.
    pub(super) fn make_room(&mut self, connection: &Connection) -> bool {
        if Instant::now() < self.room_at {
            return false;
        }
        let truncate = || matches!(waiting_a_moment(connection, "TRUNCATE"), Ok(Ended::All));
        if !truncate() {
            // A transaction that found no space leaves its pages in the file.
            if let Err(error) = cut_tail(connection, &self.space) {
                tracing::debug!(%error, "the end of the write-ahead log was not cut");
            }
            if !truncate() && (!self.space.release_reserve() || !truncate()) {
                // Each try delays the waiting transactions.
                self.room_at = Instant::now() + SPACE_RETRY_DELAY / 4;
            }
        }
        if self.space.measure().free < MIN_FREE_BYTES {
            self.space.release_reserve();
        }
        self.space.set_limits(&self.space.measure());
        if let Err(error) = self.apply(connection) {
            tracing::warn!(%error, "the limits of the store are not set");
        }
        true
    }

    /// Records that a transaction found no space, even after space was made.
    pub(super) fn found_full(&mut self) {
        self.space.found_full();
        self.room_at = Instant::now() + SPACE_RETRY_DELAY;
    }
}

/// Runs a checkpoint with a short wait for readers.
fn waiting_a_moment(connection: &Connection, mode: &str) -> rusqlite::Result<Ended> {
    connection.busy_timeout(RESTART_WAIT)?;
    let ended = checkpoint(connection, mode);
    connection.busy_timeout(BUSY_TIMEOUT)?;
    ended
}

/// Truncates the log file after the last commit.
fn cut_tail(connection: &Connection, space: &Space) -> rusqlite::Result<()> {
    let version = data_version(connection);
    let end = frames(connection)?.bytes().saturating_add(32);
    connection.execute_batch("BEGIN IMMEDIATE")?;
    // The transaction keeps other writers out. The version shows that none wrote since the count.
    if version == data_version(connection)
        && let Ok(file) = std::fs::File::options().write(true).open(space.log_file())
        && file.metadata().is_ok_and(|log| log.len() > end)
        && let Err(error) = file.set_len(end)
    {
        tracing::debug!(%error, "the end of the write-ahead log was not cut");
    }
    connection.execute_batch("ROLLBACK")
}
