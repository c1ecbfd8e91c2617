//! The lock of a store: one gateway at a time, whichever name it uses for the file.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::gateway::file_modes::private;
use crate::gateway::store::StoreError;

/// The locks of a gateway. They end with the process, or when this is dropped.
///
/// One is on a file beside the store, the other on the file of the database itself, by inode: a
/// hard link has another name and so another file beside it. The second is a `flock`, which does
/// not collide with the `fcntl` locks of SQLite. Closing a file drops all `fcntl` locks that the
/// process has on it, so this has to be dropped after the connections.
pub(super) struct Lock {
    _beside: File,
    _database: File,
}

impl Lock {
    /// Takes the locks.
    ///
    /// # Errors
    /// If another gateway has one of them.
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

/// Refuses to work beside a gateway that has the same file open by another hard link: SQLite names
/// the write-ahead log by the database, so each name would have a log of its own.
///
/// # Errors
/// If a gateway runs on the store by another name.
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

/// The real path of a database, without symbolic links. A file that does not exist is created
/// first, for its owner alone: SQLite gives the files beside it the same mode.
///
/// # Errors
/// If it can be neither found nor created.
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

/// The path of a file beside the database.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
