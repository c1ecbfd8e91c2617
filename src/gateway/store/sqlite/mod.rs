//! The embedded store: SQLite with a write-ahead log, synced at each commit.
//!
//! One thread writes, with group commit: the waiting writes share one transaction and so one sync.
//! Each caller gets its answer after the commit. Reads use connections of their own. The store does
//! not know the meaning of what it stores.

mod audit;
mod backlog;
mod backup;
mod checkpoint;
mod compression;
mod decode;
mod dedup_index;
mod deliveries;
mod encryption;
mod events;
mod fanout;
mod keys;
mod lock;
mod maintenance;
mod prune;
mod query;
mod rejected_log;
mod requests;
mod reserve;
mod schema;
mod secrets;
mod space;
mod subscriptions;
mod tables;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::Semaphore;

use self::dedup_index::DedupIndex;
use self::lock::{Lock, beside, refuse_other_name, resolve};
use self::prune::Rounds;
use self::rejected_log::RejectedLog;
use self::space::{MIN_LOG_BYTES, Space};
use self::tables::Tables;
use self::writer::Writer;
use super::{Mode, RejectedLogPolicy, StoreError};
use crate::gateway::ops::file_modes::restrict;

/// The options of an open store.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The database file.
    pub path: PathBuf,
    /// The kind of process.
    pub mode: Mode,
    /// The limits of the rejected-request log.
    pub rejected_log: RejectedLogPolicy,
    /// Maximum pages of the file, 4096 bytes each. Tests use it to fill the store.
    pub max_pages: Option<u32>,
    /// Size of the write-ahead log, in bytes, at which a checkpoint copies it into the database and
    /// restarts it.
    pub wal_bytes: u64,
    /// Time limit of one read. A read keeps the pages that it may still need in the write-ahead
    /// log.
    pub read_time: Duration,
    /// Deduplication keys in the in-memory index. More keys go to the index on disk.
    pub recent_keys: usize,
}

impl SqliteOptions {
    /// Returns the default options.
    pub fn new(path: impl Into<PathBuf>, mode: Mode) -> Self {
        Self {
            path: path.into(),
            mode,
            rejected_log: RejectedLogPolicy::default(),
            max_pages: None,
            wal_bytes: WAL_BYTES,
            read_time: READ_TIME,
            recent_keys: dedup_index::DEFAULT_CAPACITY,
        }
    }
}

/// Default size of the write-ahead log at which it is restarted, in bytes.
pub(crate) const WAL_BYTES: u64 = 64 << 20;

/// A store in a SQLite file.
pub struct SqliteStore {
    writer: Writer,
    rejected_log: Arc<RejectedLog>,
    rounds: Mutex<Rounds>,
    readers: Arc<Readers>,
}

/// The reader connections, and the lock of the store.
struct Readers {
    space: Arc<Space>,
    /// Open connections that no read uses.
    free: Mutex<Vec<Connection>>,
    /// Permits for reads. Each read uses a thread and a connection.
    permits: Arc<Semaphore>,
    read_time: Duration,
    /// The lock lives as long as the connections, so that only one gateway has the store open.
    _lock: Option<Lock>,
}

/// Maximum reads at a time. It bounds the connections, which stay open, and the threads.
const MAX_READS: usize = 16;

/// Time limit for the wait for a transaction of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Page cache of a connection for reading, in KiB as SQLite's `cache_size` takes them.
const READER_CACHE_KIB: i32 = -1000;

/// Default time limit of one read.
const READ_TIME: Duration = Duration::from_secs(10);

/// Time limit of one read while readers keep the write-ahead log from restarting.
const SHORT_READ_TIME: Duration = Duration::from_secs(1);

/// SQLite instructions between two checks of the time limit.
const TIME_CHECK_INSTRUCTIONS: i32 = 4096;

/// Suffixes of the database and the files beside it. Only the owner may read these files.
const STORE_FILE_SUFFIXES: [&str; 6] = ["", "-wal", "-shm", ".lock", ".reserve", ".key"];

impl SqliteStore {
    /// Opens a store. Creates the file if it does not exist.
    ///
    /// # Errors
    /// Returns an error if another gateway has the store open, if the file is damaged or of a newer
    /// version, or if the file cannot be opened.
    pub fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        let path = resolve(&options.path)?;
        let serves = options.mode == Mode::Serve;
        let lock = if serves {
            Some(Lock::take(&path)?)
        } else {
            refuse_other_name(&path)?;
            None
        };
        if serves {
            STORE_FILE_SUFFIXES.iter().for_each(|suffix| restrict(&beside(&path, suffix)));
        }
        let wal_bytes = options.wal_bytes.max(MIN_LOG_BYTES);
        let space = Arc::new(Space::new(&path, wal_bytes, options.max_pages, serves));
        space.prepare_to_open();
        let mut connection = match migrated(&path) {
            // The reserve exists for this case.
            Err(StoreError::Full(_) | StoreError::Unavailable(_)) if space.release_reserve() => {
                migrated(&path)?
            }
            opened => opened?,
        };
        let rejected_log = Arc::new(RejectedLog::new(options.rejected_log));
        let mut dedup_index = DedupIndex::new(options.recent_keys);
        if serves {
            dedup_index.load(&connection).map_err(fault)?;
        }
        space.follow(&mut connection).map_err(fault)?;
        let tables = Tables::new(connection, dedup_index);
        let writer = Writer::begin(tables, Arc::clone(&rejected_log), Arc::clone(&space))?;
        let (read_time, free) = (options.read_time, Mutex::default());
        let permits = Arc::new(Semaphore::new(MAX_READS));
        let readers = Arc::new(Readers { space, free, permits, read_time, _lock: lock });
        Ok(Self { writer, rejected_log, rounds: Mutex::default(), readers })
    }

    /// Runs a read on a connection of its own, outside the async threads. A read above the time
    /// limit is interrupted.
    async fn read<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        let permit = Arc::clone(&readers.permits).acquire_owned().await;
        let permit = permit.map_err(|_| StoreError::Closed)?;
        let read = move || {
            // Held until the read ends, even if the caller no longer waits.
            let _permit = permit;
            let mut connection = readers.take()?;
            let answer = readers.limit(&mut connection).and_then(|()| run(&connection));
            readers.give_back(connection);
            answer.map_err(fault)
        };
        let joined = tokio::task::spawn_blocking(read).await;
        joined.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
}

impl Readers {
    fn take(&self) -> Result<Connection, StoreError> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match free {
            Some(connection) => Ok(connection),
            None => {
                let connection = connect(self.space.database(), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
                let set = connection.pragma_update(None, "cache_size", READER_CACHE_KIB);
                set.map(|()| connection).map_err(fault)
            }
        }
    }

    fn give_back(&self, connection: Connection) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    /// Sets the time limit of the next read.
    fn limit(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let (began, space, time) = (Instant::now(), Arc::clone(&self.space), self.read_time);
        let is_over = move || {
            let pinned = space.pinned.load(Relaxed);
            began.elapsed() > if pinned { time.min(SHORT_READ_TIME) } else { time }
        };
        connection.progress_handler(TIME_CHECK_INSTRUCTIONS, Some(is_over))
    }
}

/// Opens a database and migrates its schema to the current version.
fn migrated(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = connect(path, OpenFlags::default())?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fault)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Without this, SQLite plans a statement again for each bound value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(fault)?;
    // The first access to the file. Reports a file that is not a database.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
             PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -4000; PRAGMA temp_store = MEMORY;",
        )
        .map_err(fault)?;
    Ok(connection)
}

/// Converts an error of SQLite into one for an operator.
fn fault(error: rusqlite::Error) -> StoreError {
    let error = match decode::decoding_error(error) {
        Ok(undecodable) => return undecodable,
        Err(error) => error,
    };
    let message = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full(message),
        Some(ErrorCode::OperationInterrupted) => {
            StoreError::Unavailable("the read took too long; ask for less at a time".to_owned())
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Damaged(message),
        _ => StoreError::Unavailable(message),
    }
}
