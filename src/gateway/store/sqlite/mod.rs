//! The embedded store: SQLite with a write-ahead log, synced at each commit.
//!
//! One thread writes. What waits for it goes into one transaction, so many requests share one
//! sync; each is answered only after the commit it is in. Reading has connections of its own.

mod backlog;
mod backup;
mod checkpoint;
mod deliveries;
mod encryption;
mod fanout;
mod lock;
mod notes;
mod packed;
mod prune;
mod reads;
mod recent;
mod reserve;
mod schema;
mod space;
mod writer;
mod writes;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use self::lock::{Lock, beside, refuse_other_name, resolve};
use self::notes::Notes;
use self::prune::Rounds;
use self::recent::Recent;
use self::space::{LEAST_LOG, Space};
use self::writer::{Tables, Writer};
use self::writes::Prepared;
use super::{
    AuditRecord, ChallengeRecord, Entry, EventFilter, EventRecord, Kept, Key, NoteCounters,
    NotePolicy, Pruned, RequestFilter, RequestRecord, Retention, Store, StoreError, Tenant,
};
use crate::gateway::file_modes::restrict;

/// Who opens a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A gateway: there is one at a time.
    Serve,
    /// A command beside it, that reads and writes a little.
    Command,
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The file.
    pub path: PathBuf,
    /// Who opens it.
    pub mode: Mode,
    /// How refused requests are logged.
    pub notes: NotePolicy,
    /// Pages of 4096 bytes that the file may have; for tests of what happens when it is full.
    pub max_pages: Option<u32>,
    /// Bytes of the write-ahead log at which it is copied into the database and restarted.
    pub wal_bytes: u64,
    /// How long one read may take. It keeps the pages that it may still read in the write-ahead log.
    pub read_time: Duration,
    /// Keys of repeats that are found by an index in memory, before they go to one on disk.
    pub recent_keys: usize,
}

impl SqliteOptions {
    /// The usual ones.
    pub fn new(path: impl Into<PathBuf>, mode: Mode) -> Self {
        Self {
            path: path.into(),
            mode,
            notes: NotePolicy::default(),
            max_pages: None,
            wal_bytes: WAL_BYTES,
            read_time: READ_TIME,
            recent_keys: recent::MOST,
        }
    }
}

/// Bytes of the write-ahead log at which it is restarted, where the options do not say.
pub(crate) const WAL_BYTES: u64 = 64 << 20;

/// A store in a file.
pub struct SqliteStore {
    writer: Writer,
    notes: Arc<Notes>,
    rounds: Mutex<Rounds>,
    readers: Arc<Readers>,
}

/// Connections that read, and what holds the store open.
struct Readers {
    space: Arc<Space>,
    free: Mutex<Vec<Connection>>,
    read_time: Duration,
    /// Held as long as there are connections, so that there is one gateway on the store.
    _lock: Option<Lock>,
}

/// How long one process waits for another's transaction.
const BUSY: Duration = Duration::from_secs(5);

/// How long one read may take, where the options do not say.
const READ_TIME: Duration = Duration::from_secs(10);

/// The same while the log is too long.
const SHORT_READ_TIME: Duration = Duration::from_secs(1);

/// Instructions of SQLite between two looks at the time.
const INSTRUCTIONS: i32 = 4096;

/// Files beside the database, which only its owner may read.
const BESIDE: [&str; 6] = ["", "-wal", "-shm", ".lock", ".reserve", ".key"];

impl SqliteStore {
    /// Opens a store; a file that is not there is made.
    ///
    /// # Errors
    /// Where another gateway has it, it is damaged or of a newer version, or cannot be opened.
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
            BESIDE.iter().for_each(|suffix| restrict(&beside(&path, suffix)));
        }
        let wal_bytes = options.wal_bytes.max(LEAST_LOG);
        let space = Arc::new(Space::new(&path, wal_bytes, options.max_pages, serves));
        space.prepare_to_open();
        let mut connection = match migrated(&path) {
            // The reserve is there for this.
            Err(StoreError::Full(_) | StoreError::Unavailable(_)) if space.release_reserve() => {
                migrated(&path)?
            }
            opened => opened?,
        };
        let notes = Arc::new(Notes::new(options.notes));
        let mut recent = Recent::new(options.recent_keys);
        if serves {
            recent.load(&connection).map_err(fault)?;
        }
        space.follow(&mut connection).map_err(fault)?;
        let tables = Tables::new(connection, recent);
        let writer = Writer::begin(tables, Arc::clone(&notes), Arc::clone(&space))?;
        let (read_time, free) = (options.read_time, Mutex::default());
        let readers = Arc::new(Readers { space, free, read_time, _lock: lock });
        Ok(Self { writer, notes, rounds: Mutex::default(), readers })
    }

    /// Runs a read on a connection of its own, away from what must not wait. A read that takes too
    /// long is ended.
    async fn read<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        let read = move || {
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
            None => connect(self.space.database(), OpenFlags::SQLITE_OPEN_READ_WRITE),
        }
    }

    fn give_back(&self, connection: Connection) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    /// Limits the time of the next read.
    fn limit(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let (began, space, time) = (Instant::now(), Arc::clone(&self.space), self.read_time);
        let is_over = move || {
            let pinned = space.pinned.load(Relaxed);
            began.elapsed() > if pinned { time.min(SHORT_READ_TIME) } else { time }
        };
        connection.progress_handler(INSTRUCTIONS, Some(is_over))
    }
}

/// Opens a database, and brings it to the version that this program knows.
fn migrated(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = connect(path, OpenFlags::default())?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(BUSY).map_err(fault)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Else a statement is planned again for each value that it is run with.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(fault)?;
    // The first look at the file: whether it is a database at all.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
             PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -4000; PRAGMA temp_store = MEMORY;",
        )
        .map_err(fault)?;
    Ok(connection)
}

/// What SQLite says, in words for an operator.
fn fault(error: rusqlite::Error) -> StoreError {
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

#[async_trait]
impl Store for SqliteStore {
    async fn keep(&self, entry: Entry, now: i64) -> Result<Kept, StoreError> {
        let prepared = Prepared::of(entry);
        let bytes = prepared.bytes();
        let keep = move |tables: &Tables| writes::keep(tables, &prepared, now);
        self.writer.run_with(bytes, keep).await
    }

    fn note(&self, request: RequestRecord) {
        self.notes.add(request);
    }

    fn note_with(&self, listener_id: &str, at: i64, make: &mut dyn FnMut() -> RequestRecord) {
        if self.notes.admit(listener_id, at) {
            self.notes.push(make());
        }
    }

    fn noted(&self) -> NoteCounters {
        self.notes.counters()
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.writer.write_notes().await
    }

    async fn requests(&self, filter: &RequestFilter) -> Result<Vec<RequestRecord>, StoreError> {
        let filter = filter.clone();
        self.read(move |connection| reads::requests(connection, &filter)).await
    }

    async fn request(&self, id: &str) -> Result<Option<RequestRecord>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| reads::request(connection, &id)).await
    }

    async fn raw(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| reads::raw(connection, &id)).await
    }

    async fn events(&self, filter: &EventFilter) -> Result<Vec<EventRecord>, StoreError> {
        let filter = filter.clone();
        self.read(move |connection| reads::events(connection, &filter)).await
    }

    async fn event(&self, id: &str) -> Result<Option<EventRecord>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| reads::event(connection, &id)).await
    }

    async fn last_place(&self) -> Result<i64, StoreError> {
        let last = "SELECT coalesce(max(place), 0) FROM events";
        self.read(move |connection| connection.query_row(last, [], |row| row.get(0))).await
    }

    async fn challenges(
        &self,
        listener_id: &str,
        limit: usize,
    ) -> Result<Vec<ChallengeRecord>, StoreError> {
        let id = listener_id.to_owned();
        self.read(move |connection| reads::challenges(connection, &id, limit)).await
    }

    async fn create_tenant(&self, tenant: Tenant) -> Result<(), StoreError> {
        self.writer.run(move |connection| writes::create_tenant(connection, &tenant)).await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.read(reads::tenants).await
    }

    async fn create_key(&self, key: Key) -> Result<(), StoreError> {
        self.writer.run(move |connection| writes::create_key(connection, &key)).await
    }

    async fn key(&self, id: &str) -> Result<Option<Key>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| reads::key(connection, &id)).await
    }

    async fn keys(&self, tenant: Option<&str>) -> Result<Vec<Key>, StoreError> {
        let tenant = tenant.map(ToOwned::to_owned);
        self.read(move |connection| reads::keys(connection, tenant.as_deref())).await
    }

    async fn revoke_key(&self, id: &str, now: i64) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer.run(move |connection| writes::revoke_key(connection, &id, now)).await
    }

    fn touch_key(&self, id: &str, now: i64) {
        self.notes.touch(id, now);
    }

    async fn put_secret(
        &self,
        listener_id: &str,
        name: &str,
        sealed: Vec<u8>,
        now: i64,
    ) -> Result<bool, StoreError> {
        let (listener, name) = (listener_id.to_owned(), name.to_owned());
        self.writer
            .run(move |connection| writes::put_secret(connection, &listener, &name, &sealed, now))
            .await
    }

    async fn secrets(&self, listener_id: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let id = listener_id.to_owned();
        self.read(move |connection| reads::secrets(connection, &id)).await
    }

    async fn server_secret(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let name = name.to_owned();
        self.writer.run(move |connection| writes::server_secret(connection, &name, &fresh)).await
    }

    async fn audit(&self, record: AuditRecord) -> Result<(), StoreError> {
        self.writer.run(move |connection| writes::audit(connection, &record)).await
    }

    async fn audits(&self, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
        self.read(move |connection| reads::audits(connection, limit)).await
    }

    async fn prune(
        &self,
        retention: &Retention,
        now: i64,
        step: usize,
    ) -> Result<Pruned, StoreError> {
        let (retention, log) = (*retention, self.readers.space.measure().log);
        let rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let prune = move |tables: &Tables| {
            let mut rounds = rounds.clone();
            let pruned = prune::prune(tables, &mut rounds, &retention, log, now, step)?;
            Ok((pruned, rounds))
        };
        let (pruned, rounds) = self.writer.run(prune).await?;
        // Only what is committed counts as examined.
        *self.rounds.lock().unwrap_or_else(PoisonError::into_inner) = rounds;
        Ok(pruned)
    }

    async fn backup(&self, path: &Path) -> Result<(), StoreError> {
        let (space, path) = (Arc::clone(&self.readers.space), path.to_owned());
        let copied = tokio::task::spawn_blocking(move || backup::write(&space, &path)).await;
        copied.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.writer.run(|tables| schema::check_room(tables)).await
    }

    fn is_full(&self) -> bool {
        self.readers.space.is_full()
    }

    async fn close(&self) -> Result<(), StoreError> {
        let flushed = self.flush().await;
        self.writer.end();
        match flushed {
            // Events are on disk before they are acknowledged; only logs of refused requests wait.
            Err(error @ StoreError::Full(_)) => {
                tracing::warn!(%error, "the last logs of refused requests were not written");
                Ok(())
            }
            flushed => flushed,
        }
    }
}
