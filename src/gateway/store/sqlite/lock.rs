//! The lock of a store: one gateway at a time, under any name of the file. Knows nothing of the
//! content.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::gateway::ops::file_modes::private;
use crate::gateway::store::StoreError;

/// The locks of a gateway. They are released when the process ends or when this is dropped.
///
/// One lock is on a file beside the store. The other is on the inode of the database file: a hard
/// link has another name, and so another lock file. The second lock is a `flock`, which does not
/// conflict with the `fcntl` locks of SQLite. Closing a file drops all `fcntl` locks that the
/// process has on it, so this must be dropped after the connections.
pub(super) struct Lock {
    _beside: File,
    _database: File,
}

impl Lock {
    /// Takes the locks.
    ///
    /// # Errors
    /// Returns an error if another gateway holds one of them.
    pub(super) fn take(database: &Path) -> Result<Self, StoreError> {
        let name = beside(database, ".lock");
        let options = || private().create(true).truncate(false).write(true).open(&name);
        let lock = taken(&name, options())?;
        Ok(Self { _beside: lock, _database: taken(database, File::open(database))? })
    }
}

fn taken(path: &Path, file: io::Result<File>) -> Result<File, StoreError> {
    let shown = path.display();
    let unavailable = |error: io::Error| StoreError::Unavailable(format!("{shown}: {error}"));
    let file = file.map_err(unavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(shown.to_string())),
        Err(TryLockError::Error(error)) => Err(unavailable(error)),
    }
}

/// Refuses to open a store while a gateway uses the same file through another hard link. SQLite
/// derives the name of the write-ahead log from the name of the database, so each name would have
/// its own log.
///
/// # Errors
/// Returns an error if a gateway runs on the store under another name.
pub(super) fn refuse_other_name(database: &Path) -> Result<(), StoreError> {
    let links = std::fs::metadata(database).map_or(1, |metadata| metadata.nlink());
    if links < 2 || is_locked(&beside(database, ".lock")) || !is_locked(database) {
        return Ok(());
    }
    Err(StoreError::Locked(database.display().to_string()))
}

fn is_locked(path: &Path) -> bool {
    let locked = |file: File| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    File::open(path).is_ok_and(locked)
}

/// Returns the real path of a database, without symbolic links. Creates a missing file first, for
/// its owner only: SQLite gives the same mode to the files beside it.
///
/// # Errors
/// Returns an error if the file can be neither found nor created.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    let resolved = path.canonicalize().or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            private().create(true).truncate(false).write(true).open(path)?;
            path.canonicalize()
        }
        _ => Err(error),
    });
    resolved.map_err(|error| StoreError::Unavailable(format!("{}: {error}", path.display())))
}

/// Returns the path of a file beside the database.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
