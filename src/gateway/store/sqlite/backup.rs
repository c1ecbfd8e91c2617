//! Backups: a copy of the database at one moment, while others write.
//!
//! The copy is one long read, and the write-ahead log cannot be restarted meanwhile. So the copy
//! ends before the log, or the copy itself, takes the volume.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::statvfs;

use super::space::{Measured, Space};
use super::{INSTRUCTIONS, connect, fault};
use crate::gateway::file_modes::private;
use crate::gateway::store::StoreError;

/// So many times its usual limit may the log have while a backup is made.
const LOG_FACTOR: u64 = 8;

/// Which part of the free space of a volume has to be left.
const LEFT: u64 = 8;

/// How often the log and the volume are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Writes a copy to a new file.
pub(super) fn write(space: &Arc<Space>, path: &Path) -> Result<(), StoreError> {
    let shown = path.display().to_string();
    let unavailable = |error: io::Error| StoreError::Unavailable(format!("{shown}: {error}"));
    // The file is for its owner alone before there is anything in it.
    match private().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(StoreError::Exists(shown));
        }
        made => drop(made.map_err(unavailable)?),
    }
    let copied = copy(space, path)
        .and_then(|()| File::open(path).and_then(|file| file.sync_all()).map_err(unavailable));
    if copied.is_err() {
        // Half a copy only takes space.
        let _ = std::fs::remove_file(path);
    }
    copied
}

fn copy(space: &Arc<Space>, path: &Path) -> Result<(), StoreError> {
    let mut connection = connect(space.database(), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let limits = Limits::new(space, path);
    limits.refuse_if_large(&connection)?;
    let mut looked = Instant::now();
    let stop = move || {
        if looked.elapsed() < LOOK {
            return false;
        }
        looked = Instant::now();
        limits.are_exceeded()
    };
    connection.progress_handler(INSTRUCTIONS, Some(stop)).map_err(fault)?;
    // One read transaction, so the copy is of one moment; writing goes on meanwhile.
    let copied = connection.execute("VACUUM INTO ?1", [path.to_string_lossy()]);
    copied.map(drop).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => StoreError::Backup(
            "it left too little space, or the write-ahead log grew too long meanwhile; write it \
             to another volume, or when there is less load"
                .to_owned(),
        ),
        _ => fault(error),
    })
}

/// What a backup may take.
struct Limits {
    space: Arc<Space>,
    /// The folder of the copy.
    folder: PathBuf,
    /// Bytes of the log.
    log: u64,
    /// Bytes that have to be left free: for the store, and for the copy.
    left: u64,
    left_of_copy: u64,
}

impl Limits {
    fn new(space: &Arc<Space>, path: &Path) -> Self {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        let Measured { free, log, .. } = space.measure();
        let growth = space.log_limit().saturating_mul(LOG_FACTOR).min(free / 2);
        Self {
            space: Arc::clone(space),
            left_of_copy: free_in(&folder) / LEFT,
            folder,
            log: log.saturating_add(growth),
            left: free / LEFT,
        }
    }

    /// Refuses a copy that the volume has no space for.
    fn refuse_if_large(&self, connection: &Connection) -> Result<(), StoreError> {
        let number = |name: &str| {
            let read = connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            read.map(|number| u64::try_from(number).unwrap_or(0)).map_err(fault)
        };
        let pages = number("page_count")?.saturating_sub(number("freelist_count")?);
        let needed = pages.saturating_mul(number("page_size")?);
        let usable = free_in(&self.folder).saturating_sub(self.left_of_copy);
        if needed <= usable {
            return Ok(());
        }
        let folder = self.folder.display();
        Err(StoreError::Backup(format!("it needs {needed} bytes, and {folder} has {usable}")))
    }

    fn are_exceeded(&self) -> bool {
        let Measured { free, log, .. } = self.space.measure();
        log > self.log || free < self.left || free_in(&self.folder) < self.left_of_copy
    }
}

fn free_in(folder: &Path) -> u64 {
    // A file system that does not say is taken for a large one.
    statvfs(folder).map_or(u64::MAX / 4, |volume| volume.f_bavail.saturating_mul(volume.f_frsize))
}
