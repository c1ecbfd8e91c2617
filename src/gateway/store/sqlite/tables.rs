//! The connection of the writer thread, with the in-memory state that write operations share. Knows no
//! operation.

use std::cell::{Cell, RefCell, RefMut};
use std::ops::Deref;
use std::time::Duration;

use rusqlite::Connection;

use super::dedup_index::DedupIndex;

/// Minimum number of background operations in a transaction, however long they take.
const MIN_BACKGROUND_OPERATIONS: usize = 4;

/// The connection and the in-memory state that operations work on.
pub(super) struct Tables {
    connection: Connection,
    dedup_index: RefCell<DedupIndex>,
    /// True if senders wait for the current transaction.
    crowded: Cell<bool>,
    /// Moving average of the duration of one background operation.
    pace: Cell<Duration>,
}

impl Tables {
    /// Returns tables with an in-memory deduplication index.
    pub(super) fn new(connection: Connection, dedup_index: DedupIndex) -> Self {
        let dedup_index = RefCell::new(dedup_index);
        let (crowded, pace) = (Cell::new(false), Cell::new(Duration::ZERO));
        Self { connection, dedup_index, crowded, pace }
    }

    /// Returns true if senders wait for this transaction. Background operations should then be
    /// short.
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded.get()
    }

    /// Records that senders wait for the current transaction, or that none does.
    pub(super) fn set_crowded(&self, crowded: bool) {
        self.crowded.set(crowded);
    }

    /// Adds the duration of a background operation to the moving average.
    pub(super) fn learn_pace(&self, took: Duration) {
        self.pace.set((self.pace.get() * 7 + took) / 8);
    }

    /// Returns the number of background operations that fit into a time. A few always fit, so that
    /// they make progress.
    pub(super) fn fitting(&self, time: Duration, most: usize) -> usize {
        let pace = self.pace.get().as_nanos().max(1);
        let fitting = usize::try_from(time.as_nanos() / pace).unwrap_or(usize::MAX);
        fitting.clamp(MIN_BACKGROUND_OPERATIONS, MIN_BACKGROUND_OPERATIONS.max(most))
    }

    /// Returns the deduplication index.
    pub(super) fn dedup_index(&self) -> RefMut<'_, DedupIndex> {
        self.dedup_index.borrow_mut()
    }
}

impl Deref for Tables {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}
