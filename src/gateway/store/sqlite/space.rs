//! The space of the volume: the limits of the write-ahead log and of the database. Measures files,
//! and knows nothing of their content.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use rustix::fs::statvfs;

use super::lock::beside;
use super::reserve::Reserve;

/// Bytes of a database page.
pub(super) const PAGE_BYTES: u64 = 4096;

/// Bytes of a page in the log, with its header.
pub(super) const FRAME_BYTES: u64 = PAGE_BYTES + 24;

/// Divisor: the log may take this part of the usable space.
const LOG_SHARE_DIVISOR: u64 = 8;

/// Minimum limit of the log, in bytes. Below this, each transaction would be a checkpoint.
pub(super) const MIN_LOG_BYTES: u64 = 512 << 10;

/// Free bytes below which opening the store and small deletions need the reserve.
pub(super) const MIN_FREE_BYTES: u64 = 128 << 10;

/// Time for which a store counts as full after a transaction found no space.
const FULL_TIME: Duration = Duration::from_secs(10);

/// Maximum pages of a SQLite database.
const MAX_PAGES: i64 = 0xffff_fffe;

/// A measurement of the volume and of the files of the store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// Free bytes of the volume.
    pub(super) free: u64,
    /// Bytes of the whole volume.
    pub(super) total: u64,
    /// Bytes of the write-ahead log file.
    pub(super) log: u64,
    /// Bytes of the database file.
    pub(super) database: u64,
}

impl Measured {
    /// Returns the current limit of the log, in bytes: the configured one, but at most its share.
    fn log_limit(&self, set: u64) -> u64 {
        set.min(self.share()).max(MIN_LOG_BYTES)
    }

    /// Returns the share of the log in the usable space. The usable space includes the log.
    fn share(&self) -> u64 {
        self.free.saturating_add(self.log) / LOG_SHARE_DIVISOR
    }

    /// Returns the maximum pages of the database. New pages go to the log first, and the checkpoint
    /// then needs the same space again. So growth takes at most half of the free space.
    fn page_limit(&self, missing: u64, log_limit: u64) -> i64 {
        let kept = missing.saturating_add(log_limit.saturating_sub(self.log));
        let growth = self.free.saturating_sub(kept) / 2;
        let pages = self.database.saturating_add(growth) / PAGE_BYTES;
        i64::try_from(pages).unwrap_or(MAX_PAGES).clamp(1, MAX_PAGES)
    }
}

/// The limits that follow from the last measurement. One thread measures, others read.
pub(super) struct Space {
    database: PathBuf,
    log: PathBuf,
    /// Configured limit of the log, in bytes, for a volume with enough space.
    set: u64,
    /// Maximum pages of the database, whatever the space.
    most_pages: i64,
    /// The reserve; `None` for commands.
    reserve: Option<Reserve>,
    tight: AtomicBool,
    log_limit: AtomicU64,
    page_limit: AtomicI64,
    /// Frames in the log after the last transaction of the writer thread.
    frames: AtomicU64,
    /// True if the writer thread has to restart the log.
    pub(super) restart: AtomicBool,
    /// True if a checkpoint found no space.
    pub(super) short: AtomicBool,
    /// True if readers keep a long log from restarting.
    pub(super) pinned: AtomicBool,
    /// The time of the last transaction that found no space, even after space was made.
    full: Mutex<Option<Instant>>,
}

impl Space {
    /// Returns the space of a database, with the configured limit of its log in bytes.
    pub(super) fn new(database: &Path, set: u64, most_pages: Option<u32>, reserved: bool) -> Self {
        let mut space = Self {
            database: database.to_owned(),
            log: beside(database, "-wal"),
            set,
            most_pages: most_pages.map_or(MAX_PAGES, i64::from),
            reserve: None,
            tight: AtomicBool::new(false),
            log_limit: AtomicU64::new(set),
            page_limit: AtomicI64::new(MAX_PAGES),
            frames: AtomicU64::new(0),
            restart: AtomicBool::new(false),
            short: AtomicBool::new(false),
            pinned: AtomicBool::new(false),
            full: Mutex::default(),
        };
        space.reserve = reserved.then(|| Reserve::of(database, space.measure().total));
        space
    }

    /// Makes sure that a store can be opened on a full volume: SQLite has to create the
    /// shared-memory file.
    pub(super) fn prepare_to_open(&self) {
        let measured = self.measure();
        if measured.free < MIN_FREE_BYTES {
            self.release_reserve();
        }
        self.restore_reserve(&measured);
        self.set_limits(&self.measure());
    }

    /// Measures the volume and the files.
    pub(super) fn measure(&self) -> Measured {
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        // A file system without this information counts as large.
        let volume = statvfs(&self.database).ok();
        let bytes = |blocks: fn(&rustix::fs::StatVfs) -> u64| {
            let volume = volume.as_ref();
            volume.map_or(u64::MAX / 4, |volume| blocks(volume).saturating_mul(volume.f_frsize))
        };
        Measured {
            free: bytes(|volume| volume.f_bavail),
            total: bytes(|volume| volume.f_blocks),
            log: length(&self.log),
            database: length(&self.database),
        }
    }

    /// Derives the limits from a measurement.
    pub(super) fn set_limits(&self, measured: &Measured) {
        let log_limit = measured.log_limit(self.set);
        let tight = measured.share() < self.set;
        let missing = self.reserve.as_ref().map_or(0, Reserve::missing);
        let pages = if tight { measured.page_limit(missing, log_limit) } else { MAX_PAGES };
        self.log_limit.store(log_limit, Relaxed);
        self.page_limit.store(pages.min(self.most_pages), Relaxed);
        self.tight.store(tight, Relaxed);
    }

    /// Returns true if there is so little space that the log is checked after each transaction.
    pub(super) fn is_tight(&self) -> bool {
        self.tight.load(Relaxed)
    }

    /// Returns the current limit of the log, in bytes.
    pub(super) fn log_limit(&self) -> u64 {
        self.log_limit.load(Relaxed)
    }

    /// Counts the frames of the log at each commit of a connection.
    pub(super) fn follow(self: &Arc<Self>, connection: &mut Connection) -> rusqlite::Result<()> {
        let space = Arc::clone(self);
        connection.wal_hook(Some(move |_: &mut Wal, frames| {
            space.frames.store(u64::try_from(frames).unwrap_or(0), Relaxed);
            Ok(())
        }))
    }

    /// Returns the bytes of the log in use.
    pub(super) fn log_bytes(&self) -> u64 {
        self.frames.load(Relaxed).saturating_mul(FRAME_BYTES)
    }

    /// Records that the next transaction starts at the beginning of the log.
    pub(super) fn log_restarts(&self) {
        self.frames.store(0, Relaxed);
    }

    /// Returns the maximum pages of the database.
    pub(super) fn page_limit(&self) -> i64 {
        self.page_limit.load(Relaxed)
    }

    /// Records that a transaction found no space.
    pub(super) fn found_full(&self) {
        *self.full.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Returns true if a transaction found no space recently.
    pub(super) fn is_full(&self) -> bool {
        let full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        full.is_some_and(|at| at.elapsed() < FULL_TIME)
    }

    /// Returns the path of the write-ahead log.
    pub(super) fn log_file(&self) -> &Path {
        &self.log
    }

    /// Returns the path of the database.
    pub(super) fn database(&self) -> &Path {
        &self.database
    }

    /// Releases the reserve. Returns true if there was one.
    pub(super) fn release_reserve(&self) -> bool {
        self.reserve.as_ref().is_some_and(Reserve::release)
    }

    /// Allocates the reserve again if the volume has enough space.
    pub(super) fn restore_reserve(&self, measured: &Measured) {
        if let Some(reserve) = &self.reserve {
            reserve.restore(measured.free);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MIN_LOG_BYTES, Measured, PAGE_BYTES};

    const MIB: u64 = 1 << 20;

    fn volume(free: u64, log: u64) -> Measured {
        Measured { free, total: 64 * MIB, log, database: 4 * MIB }
    }

    #[test]
    fn write_ahead_log_limit_is_the_setting_or_a_share_of_free_space() {
        assert_eq!(volume(10_000 * MIB, 0).log_limit(64 * MIB), 64 * MIB);
        assert_eq!(volume(56 * MIB, 8 * MIB).log_limit(64 * MIB), 8 * MIB);
        assert_eq!(volume(0, 0).log_limit(64 * MIB), MIN_LOG_BYTES);
    }

    #[test]
    fn database_growth_leaves_space_for_its_checkpoint() {
        let measured = volume(40 * MIB, 2 * MIB);
        assert_eq!(measured.page_limit(0, 2 * MIB), (24 * MIB / PAGE_BYTES) as i64);
        // Growth must not use the space of a released reserve.
        assert_eq!(volume(4 * MIB, MIB).page_limit(4 * MIB, MIB), (4 * MIB / PAGE_BYTES) as i64);
    }
}
