//! The memory budget that all requests share. Knows sizes, not requests.
//!
//! The budget has three parts. A request reserves its head and the first bytes of its body from the
//! first part. A long body reserves its largest possible size from the second part, at once. So
//! long bodies cannot use up the memory for short requests, and two long bodies cannot wait for
//! each other. Each owner (an address, or a tenant of the management API) has a share of the second
//! part. The third part is for the heads of waiting requests. A head that does not fit there is
//! dropped before anything else is read.
//!
//! A request that finds no memory in a part or in its share signals memory pressure there. Bodies
//! that use it and stall then give way at once, and the request waits for their memory.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::gateway::ops::memory_pool::{MemoryPool, Owner, PoolReservation, PoolShare, permits};
use crate::listener::Outcome;

/// Bytes of a body that are reserved together with the head, so that a request that began does not
/// wait for them.
pub(in crate::gateway) const BEGINNING: usize = 16 << 10;

/// Heads that may wait for memory at the same time. Further heads are refused.
const MAX_WAITING_HEADS: usize = 1024;

/// Long bodies that may wait for memory at the same time. Each of them holds its first bytes.
const MAX_WAITING_BODIES: usize = 256;

/// The memory budget of all requests.
#[derive(Debug)]
pub struct Memory {
    short: PoolShare,
    long: MemoryPool,
    /// For the heads of requests that wait for memory.
    queued: Arc<Semaphore>,
}

/// The memory reservation of one request, until it is dropped.
#[derive(Debug, Default)]
pub(in crate::gateway) struct BodyReservation {
    short: Option<OwnedSemaphorePermit>,
    long: Option<PoolReservation>,
}

/// The place of a waiting head in the queue.
#[derive(Debug)]
pub(super) struct Queued {
    place: OwnedSemaphorePermit,
}

impl Memory {
    /// Returns a budget of `bytes` bytes. Half of it is for heads and the first bytes of bodies, an
    /// eighth for the heads of waiting requests.
    pub(in crate::gateway) fn new(bytes: usize) -> Self {
        Self {
            short: PoolShare::new(bytes / 2, MAX_WAITING_HEADS),
            long: MemoryPool::new(bytes - bytes / 2 - bytes / 8, MAX_WAITING_BODIES),
            queued: Arc::new(Semaphore::new(permits(bytes / 8).min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Returns the part for heads and the first bytes of bodies.
    pub(super) fn short(&self) -> &PoolShare {
        &self.short
    }

    /// Returns the part for long bodies.
    pub(super) fn long(&self) -> &PoolShare {
        self.long.all()
    }

    /// Reserves memory for a head without waiting. Returns `None` if no memory is free.
    pub(super) fn try_admit(&self, bytes: usize) -> Option<BodyReservation> {
        if self.short.is_scarce() {
            // Early, while some memory is left: the next request then does not have to wait.
            self.short.signal_pressure();
        }
        let short = self.short.try_acquire(bytes)?;
        Some(BodyReservation { short: Some(short), ..BodyReservation::default() })
    }

    /// Reserves a place in the queue of heads. Returns `None` if the queue is full.
    pub(super) fn queue(&self, bytes: usize) -> Option<Queued> {
        let wanted = u32::try_from(permits(bytes)).ok()?;
        Arc::clone(&self.queued).try_acquire_many_owned(wanted).ok().map(|place| Queued { place })
    }

    /// Reserves memory for a head, and waits for it if necessary.
    ///
    /// # Errors
    /// Returns `Unavailable` if too many requests wait already.
    pub(super) async fn admit(
        &self,
        queued: Queued,
        bytes: usize,
    ) -> Result<BodyReservation, Outcome> {
        let _place = queued.place;
        let short = self.short.acquire(bytes).await.map_err(|_| Outcome::Unavailable)?;
        Ok(BodyReservation { short: Some(short), ..BodyReservation::default() })
    }
}

impl BodyReservation {
    /// Reserves the largest size that a long body may reach, once.
    ///
    /// The bytes are taken from the share of the owner first. So the bodies of one owner wait for
    /// each other, and cannot hold the memory that others need.
    pub(super) async fn reserve_long(
        &mut self,
        memory: &Memory,
        owner: &Owner,
        bytes: usize,
    ) -> Result<(), Outcome> {
        if self.long.is_some() {
            return Ok(());
        }
        let reserved = memory.long.reserve(owner, bytes).await;
        self.long = Some(reserved.map_err(|_| Outcome::Unavailable)?);
        Ok(())
    }

    /// Returns the share of a long body. `None` before its memory is reserved.
    pub(super) fn share(&self) -> Option<&PoolShare> {
        self.long.as_ref().map(PoolReservation::share)
    }

    /// Reserves memory for a copy, without waiting.
    ///
    /// # Errors
    /// Returns `Unavailable` if there is no memory. A request that holds a body must not wait for
    /// others.
    pub(in crate::gateway) fn copy(
        &mut self,
        memory: &Memory,
        bytes: usize,
    ) -> Result<(), Outcome> {
        if bytes == 0 {
            return Ok(());
        }
        let mut copy = memory.try_admit(bytes).ok_or(Outcome::Unavailable)?;
        match (&mut self.short, copy.short.take()) {
            (Some(held), Some(more)) => held.merge(more),
            (held, more) => *held = more,
        }
        Ok(())
    }
}
