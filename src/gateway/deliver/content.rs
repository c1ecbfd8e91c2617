//! The memory for the content of one delivery: its event and its body. Memory for large content is
//! reserved before the content is read. Does not know how a body is made.

use std::time::Duration;

use super::worker::Shared;
use crate::gateway::memory_pool::{Owner, PoolReservation};
use crate::gateway::store::{LEASED_BYTES, LeasedDelivery, Store, StoreError};

/// Copies of the content at the same time: the event, the body, and the copy that the store writes.
const COPIES: usize = 3;

/// Longest wait for memory. It is shorter than the time between an attempt's time limit and the end
/// of its lease.
const MEMORY_TIMEOUT: Duration = Duration::from_secs(10);

/// The reason why the content of a delivery could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ContentError {
    /// Other deliveries hold the memory.
    #[error("other deliveries hold the memory (`delivery.memory`)")]
    Busy,
    /// The store has an error.
    #[error("the event could not be read: {0}")]
    Store(#[from] StoreError),
}

/// The memory that a delivery holds.
#[derive(Debug, Default)]
pub(super) struct ContentMemory {
    reserved: Option<PoolReservation>,
    /// Bytes that the body may have.
    body: usize,
}

impl ContentMemory {
    /// Reads the content of a delivery, after memory for it and for a body of `body` bytes is
    /// reserved. Small content was read with the lease; the number of attempts in flight bounds its
    /// memory.
    ///
    /// # Errors
    /// Returns an error if there is no memory, or the store has an error.
    pub(super) async fn load(
        &mut self,
        (shared, store): (&Shared, &dyn Store),
        tenant: &str,
        work: &mut LeasedDelivery,
        body: usize,
    ) -> Result<(), ContentError> {
        // A delivery that waits for more memory holds none, so that two do not wait for each other.
        *self = Self::default();
        let bytes = work.unread.max(body);
        self.body = bytes.saturating_add(LEASED_BYTES);
        if bytes <= LEASED_BYTES {
            return Ok(());
        }
        work.unload();
        let owner = Owner::Tenant(tenant.to_owned());
        let reserve = shared.memory.reserve(&owner, bytes.saturating_mul(COPIES));
        let reserved = tokio::time::timeout(MEMORY_TIMEOUT, reserve).await;
        self.reserved =
            Some(reserved.map_err(|_| ContentError::Busy)?.map_err(|_| ContentError::Busy)?);
        if let Some(content) = store.delivery_content(work.delivery.id).await? {
            (work.event, work.body) = (content.event, content.body);
        }
        Ok(())
    }

    /// Returns true if the reserved memory is enough for a body.
    pub(super) fn holds(&self, body: &str) -> bool {
        body.len() <= self.body
    }
}
