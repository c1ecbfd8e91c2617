//! Maintenance: pruning, backups, the check of free space, and the end of the store.

use std::path::Path;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;

use super::tables::Tables;
use super::{SqliteStore, backup, prune, schema};
use crate::gateway::ops::clock::UnixMicros;
use crate::gateway::store::{MaintenanceStore, Pruned, Retention, StoreError};

#[async_trait]
impl MaintenanceStore for SqliteStore {
    async fn prune(
        &self,
        retention: &Retention,
        now: UnixMicros,
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
        // Only committed rows count as examined.
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

    async fn flush(&self) -> Result<(), StoreError> {
        self.writer.write_rejected().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        let flushed = self.flush().await;
        self.writer.end();
        match flushed {
            // Events are on disk before they are acknowledged. Only the rejected-request log is
            // buffered.
            Err(error @ StoreError::Full(_)) => {
                tracing::warn!(%error, "last entries of the rejected-request log not written");
                Ok(())
            }
            flushed => flushed,
        }
    }
}
