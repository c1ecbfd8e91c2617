//! Maintenance: pruning, backups, checks and the end of a store.

use std::path::Path;

use async_trait::async_trait;

use super::StoreError;
use crate::gateway::ops::clock::UnixMicros;

/// The retention of each kind of row, in microseconds, and the size limit of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Retention of the logs of accepted requests.
    pub requests_us: i64,
    /// Retention of events.
    pub events_us: i64,
    /// Retention of ended deliveries, with their attempts.
    pub deliveries_us: i64,
    /// Retention of dead letters.
    pub diverted_us: i64,
    /// Retention of the rejected-request log.
    pub refused_us: i64,
    /// Retention of the challenge history.
    pub challenges_us: i64,
    /// Retention of the audit log.
    pub audit_us: i64,
    /// Maximum bytes of the whole store. `None`: no limit.
    pub max_bytes: Option<u64>,
}

/// The result of one pruning step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Rows that were deleted.
    pub rows: usize,
    /// Rows that were examined.
    pub examined: usize,
    /// True if more rows may be deleted now.
    pub more: bool,
}

/// The kind of process that opens a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A gateway. Only one gateway can open a store at a time.
    Serve,
    /// A command beside the gateway, with a few reads and writes.
    Command,
}

/// Maintenance of a store.
#[async_trait]
pub trait MaintenanceStore: Send + Sync {
    /// Deletes rows that are past their retention, and the oldest rows of a store above its size
    /// limit. Examines at most `step` rows of each kind in each pass.
    async fn prune(
        &self,
        retention: &Retention,
        now: UnixMicros,
        step: usize,
    ) -> Result<Pruned, StoreError>;

    /// Writes a copy of the store while it is in use. Never overwrites an existing file.
    async fn backup(&self, path: &Path) -> Result<(), StoreError>;

    /// Returns an error if the store cannot accept writes.
    async fn check(&self) -> Result<(), StoreError>;

    /// Returns true if a recent write found no space on the volume.
    fn is_full(&self) -> bool;

    /// Waits until all writes that were submitted before are stored.
    async fn flush(&self) -> Result<(), StoreError>;

    /// Writes the queued data and stops the store.
    async fn close(&self) -> Result<(), StoreError>;
}
