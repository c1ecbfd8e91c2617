//! Backups: a consistent copy of the database while others write.
//!
//! The copy is one long read, and the write-ahead log cannot be restarted during it. So the backup
//! stops before the log or the copy fills the volume. It does not know what the rows mean.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::statvfs;

use super::space::{Measured, Space};
use super::{TIME_CHECK_INSTRUCTIONS, connect, fault};
use crate::gateway::ops::file_modes::private;
use crate::gateway::store::StoreError;

/// Maximum size of the log during a backup, as a multiple of its limit.
const LOG_FACTOR: u64 = 8;

/// Divisor: this part of the free space of a volume must stay free.
const FREE_SHARE_DIVISOR: u64 = 8;

/// Time between two checks of the log and the volume.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Writes a copy to a new file.
pub(super) fn write(space: &Arc<Space>, path: &Path) -> Result<(), StoreError> {
    let shown = path.display().to_string();
    let unavailable = |error: io::Error| StoreError::Unavailable(format!("{shown}: {error}"));
    // Only the owner can read the file, even before it has content.
    match private().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(StoreError::Exists(shown));
        }
        made => drop(made.map_err(unavailable)?),
    }
    let copied = copy(space, path)
        .and_then(|()| File::open(path).and_then(|file| file.sync_all()).map_err(unavailable));
    if copied.is_err() {
        // An incomplete copy only takes space.
        let _ = std::fs::remove_file(path);
    }
    copied
}

fn copy(space: &Arc<Space>, path: &Path) -> Result<(), StoreError> {
    let mut connection = connect(space.database(), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let limits = BackupLimits::new(space, path);
    limits.refuse_if_large(&connection)?;
    let mut looked = Instant::now();
    let stop = move || {
        if looked.elapsed() < CHECK_INTERVAL {
            return false;
        }
        looked = Instant::now();
        limits.are_exceeded()
    };
    connection.progress_handler(TIME_CHECK_INSTRUCTIONS, Some(stop)).map_err(fault)?;
    // One read transaction, so the copy is consistent. Writes continue meanwhile.
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

/// The limits of a backup.
struct BackupLimits {
    space: Arc<Space>,
    /// The directory of the copy.
    folder: PathBuf,
    /// Maximum bytes of the log.
    log: u64,
    /// Bytes that must stay free: on the volume of the store, and on that of the copy.
    left: u64,
    left_of_copy: u64,
}

impl BackupLimits {
    fn new(space: &Arc<Space>, path: &Path) -> Self {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        let Measured { free, log, .. } = space.measure();
        let growth = space.log_limit().saturating_mul(LOG_FACTOR).min(free / 2);
        Self {
            space: Arc::clone(space),
            left_of_copy: free_in(&folder) / FREE_SHARE_DIVISOR,
            folder,
            log: log.saturating_add(growth),
            left: free / FREE_SHARE_DIVISOR,
        }
    }

    /// Refuses a copy that does not fit on the volume.
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
    // A file system without this information counts as large.
    statvfs(folder).map_or(u64::MAX / 4, |volume| volume.f_bavail.saturating_mul(volume.f_frsize))
}
