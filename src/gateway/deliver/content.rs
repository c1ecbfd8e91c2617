//! The memory for the content of one delivery: its event and its body. Memory for large content is
//! reserved before the content is read. Does not know how a body is made.

use std::time::Duration;

use super::shared::SharedByWorkers;
use crate::gateway::ops::shares::{Class, Permit};
use crate::gateway::store::{LEASED_BYTES, LeasedDelivery, Store, StoreError};

/// Copies of the content while the body is made: the event, the body, and one more in programs.
const CONTENT_COPIES: usize = 3;

/// Copies of the body while it is sent and its result is stored.
const BODY_COPIES: usize = 2;

/// Bytes of one unit of the memory that tenants share.
const UNIT_BYTES: usize = 16 << 10;

/// Longest wait for memory. It is short, because a delivery that waits takes the place of others of
/// its subscription, whose content may be small.
const MEMORY_TIMEOUT: Duration = Duration::from_secs(1);

/// Returns the units of a number of bytes.
pub(super) fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT_BYTES)
}

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
    reserved: Option<Permit>,
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
        (shared, store): (&SharedByWorkers, &dyn Store),
        (tenant, class): (&str, Class),
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
        let reserve =
            shared.memory.acquire_many(tenant, class, units(bytes.saturating_mul(CONTENT_COPIES)));
        let reserved = tokio::time::timeout(MEMORY_TIMEOUT, reserve).await;
        self.reserved = Some(reserved.map_err(|_| ContentError::Busy)?);
        if let Some(content) = store.delivery_content(work.delivery.id).await? {
            (work.event, work.body) = (content.event, content.body);
        }
        Ok(())
    }

    /// Releases the memory that is not needed once the body is made.
    pub(super) fn keep_body(&mut self, body: usize) {
        if let Some(reserved) = &mut self.reserved {
            reserved.shrink(units(body.saturating_mul(BODY_COPIES)));
        }
    }

    /// Returns true if the reserved memory is enough for a body.
    pub(super) fn holds(&self, body: &str) -> bool {
        body.len() <= self.body
    }
}
