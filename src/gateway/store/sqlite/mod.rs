//! The embedded store: SQLite with a write-ahead log, synced at each commit.
//!
//! One thread writes. What waits for it goes into one transaction, so many requests share one
//! sync; each is answered only after the commit it is in. Reading has connections of its own.

mod deliveries;
mod notes;
mod packed;
mod reads;
mod recent;
mod schema;
mod writer;
mod writes;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use self::notes::Notes;
use self::recent::Recent;
use self::writer::{Tables, Writer};
use self::writes::Prepared;
use super::{
    AuditRecord, ChallengeRecord, Entry, EventFilter, EventRecord, Kept, Key, NoteCounters,
    NotePolicy, Pruned, RequestFilter, RequestRecord, Retention, Store, StoreError, Tenant,
};

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
            recent_keys: recent::MOST,
        }
    }
}

/// A store in a file.
pub struct SqliteStore {
    path: PathBuf,
    writer: Writer,
    notes: Arc<Notes>,
    readers: Arc<Mutex<Vec<Connection>>>,
    /// Held as long as the store is open, so that there is one gateway on it.
    _lock: Option<File>,
}

/// How long one process waits for another's transaction.
const BUSY: Duration = Duration::from_secs(5);

impl SqliteStore {
    /// Opens a store; a file that is not there is made.
    ///
    /// # Errors
    /// Where another gateway has it, it is damaged or of a newer version, or cannot be opened.
    pub fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        let lock = match options.mode {
            Mode::Serve => Some(lock(&options.path)?),
            Mode::Command => None,
        };
        let mut connection = connect(&options.path, OpenFlags::default())?;
        schema::migrate(&mut connection)?;
        if let Some(pages) = options.max_pages {
            connection.pragma_update(None, "max_page_count", pages).map_err(fault)?;
        }
        let notes = Arc::new(Notes::new(options.notes));
        let mut recent = Recent::new(options.recent_keys);
        if options.mode == Mode::Serve {
            recent.load(&connection).map_err(fault)?;
        }
        let tables = Tables::new(connection, recent);
        let writer = Writer::begin(tables, Arc::clone(&notes), &options.path)?;
        let readers = Arc::default();
        Ok(Self { path: options.path, writer, notes, readers, _lock: lock })
    }

    /// Runs a read on a connection of its own, away from what must not wait.
    async fn read<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (path, pool) = (self.path.clone(), Arc::clone(&self.readers));
        let read = move || {
            let free = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match free {
                Some(connection) => connection,
                None => connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?,
            };
            let answer = run(&connection).map_err(fault);
            pool.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            answer
        };
        let joined = tokio::task::spawn_blocking(read).await;
        joined.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
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
             PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864;
             PRAGMA cache_size = -4000; PRAGMA temp_store = MEMORY;",
        )
        .map_err(fault)?;
    Ok(connection)
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let shown = PathBuf::from(&name).display().to_string();
    let unavailable = |error: &std::io::Error| StoreError::Unavailable(format!("{shown}: {error}"));
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(|error| unavailable(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(shown)),
        Err(TryLockError::Error(error)) => Err(unavailable(&error)),
    }
}

/// What SQLite says, in words for an operator.
fn fault(error: rusqlite::Error) -> StoreError {
    let message = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full(message),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Damaged(message),
        _ => StoreError::Unavailable(message),
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn keep(&self, entry: Entry, now: i64) -> Result<Kept, StoreError> {
        let prepared = Prepared::of(entry);
        self.writer.run(move |connection| writes::keep(connection, &prepared, now)).await
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

    async fn server_secret(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let name = name.to_owned();
        self.writer.run(move |connection| writes::server_secret(connection, &name, fresh)).await
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
        let retention = *retention;
        self.writer.run(move |connection| writes::prune(connection, &retention, now, step)).await
    }

    async fn backup(&self, path: &Path) -> Result<(), StoreError> {
        let shown = path.display().to_string();
        if path.exists() {
            return Err(StoreError::Exists(shown));
        }
        let target = shown.clone();
        // One read transaction, so the copy is of one moment; writing goes on meanwhile.
        self.read(move |connection| connection.execute("VACUUM INTO ?1", [target]).map(drop))
            .await?;
        let synced = File::open(path).and_then(|file| file.sync_all());
        synced.map_err(|error| StoreError::Unavailable(format!("{shown}: {error}")))
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.writer.run(|tables| schema::write_version(tables)).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.flush().await?;
        self.writer.end();
        Ok(())
    }
}
