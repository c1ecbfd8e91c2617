//! The limits of the management address: the memory of all answers together, and the number of open
//! streams. Knows no operation.
//!
//! A call reserves the memory that its answer may take before it reads anything. When the answer is
//! built, the part of the reservation that its bytes need is kept until the last byte is written or
//! the connection ends. So answers that the client does not read are counted too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::gateway::config::settings::Limits;
use crate::gateway::http::Memory;

/// Bytes that one permit of the semaphore stands for.
const PERMIT_BYTES: usize = 1024;

/// Divisor of the memory that gives the share of one tenant.
const TENANT_SHARE: usize = 4;

/// Longest time that a call waits for memory.
const RESERVE_TIMEOUT: Duration = Duration::from_secs(5);

/// A limit of the management address that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::gateway) enum BudgetError {
    /// The answers hold all the memory.
    #[error("the answers hold all memory of `limits.management_memory`; try again later")]
    Memory,
    /// The maximum number of streams is open.
    #[error(
        "the maximum number of streams is open (`limits.streams`, `limits.streams_per_tenant`); \
         try again later"
    )]
    Streams,
}

/// The limits, shared by all calls.
#[derive(Debug)]
pub struct Budget {
    /// Memory budget of request bodies, separate from that of senders.
    pub(in crate::gateway) forms: Memory,
    memory: Arc<Semaphore>,
    /// Permits that one tenant may hold.
    share: usize,
    tenants: Mutex<HashMap<String, Arc<Semaphore>>>,
    streams: Arc<Mutex<HashMap<String, usize>>>,
    /// Permits to look up the key of a caller, who is not known yet.
    pub(in crate::gateway) look_ups: Semaphore,
}

/// Maximum look-ups of keys at a time.
const LOOK_UPS: usize = 4;

impl Budget {
    pub(in crate::gateway) fn new(limits: &Limits) -> Self {
        let permits = permits(limits.management_memory).min(Semaphore::MAX_PERMITS);
        Self {
            forms: Memory::new(limits.management_memory / 4),
            memory: Arc::new(Semaphore::new(permits)),
            share: permits.div_ceil(TENANT_SHARE),
            tenants: Mutex::default(),
            streams: Arc::default(),
            look_ups: Semaphore::new(LOOK_UPS),
        }
    }

    /// Reserves memory, and waits for it for at most `RESERVE_TIMEOUT`.
    pub(in crate::gateway) async fn reserve(
        &self,
        tenant: &str,
        bytes: usize,
    ) -> Result<AnswerReservation, BudgetError> {
        let reserved = tokio::time::timeout(RESERVE_TIMEOUT, self.wait(tenant, bytes)).await;
        reserved.unwrap_or(Err(BudgetError::Memory))
    }

    /// Reserves memory, and waits for it without a timeout.
    ///
    /// The share of the tenant comes first, so that a tenant waits for its own answers. A call for
    /// more than the share gets the whole share.
    pub(in crate::gateway) async fn wait(
        &self,
        tenant: &str,
        bytes: usize,
    ) -> Result<AnswerReservation, BudgetError> {
        let wanted = permits(bytes).min(self.share);
        let wanted = u32::try_from(wanted).map_err(|_| BudgetError::Memory)?;
        let take = |from: Arc<Semaphore>| async move {
            from.acquire_many_owned(wanted).await.map_err(|_| BudgetError::Memory)
        };
        let share = take(self.share_of(tenant)).await?;
        let memory = take(Arc::clone(&self.memory)).await?;
        Ok(AnswerReservation { share, memory })
    }

    /// Returns the share of a tenant. Operators create the tenants, so this map stays small.
    fn share_of(&self, tenant: &str) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Arc::new(Semaphore::new(self.share));
        Arc::clone(tenants.entry(tenant.to_owned()).or_insert_with(fresh))
    }

    /// Opens a stream of a tenant, unless too many are open.
    pub(in crate::gateway) fn open_stream(
        &self,
        limits: &Limits,
        tenant: &str,
    ) -> Result<OpenStream, BudgetError> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = streams.values().sum();
        let own = streams.entry(tenant.to_owned()).or_default();
        if *own >= limits.streams_per_tenant || all >= limits.streams {
            return Err(BudgetError::Streams);
        }
        *own += 1;
        Ok(OpenStream { streams: Arc::clone(&self.streams), tenant: tenant.to_owned() })
    }
}

fn permits(bytes: usize) -> usize {
    bytes.div_ceil(PERMIT_BYTES).max(1)
}

/// An open stream, counted until it is dropped.
#[derive(Debug)]
pub(in crate::gateway) struct OpenStream {
    streams: Arc<Mutex<HashMap<String, usize>>>,
    tenant: String,
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = streams.get_mut(&self.tenant) {
            *own = own.saturating_sub(1);
        }
    }
}

/// Memory that a call may use.
#[derive(Debug)]
pub(in crate::gateway) struct AnswerReservation {
    share: OwnedSemaphorePermit,
    memory: OwnedSemaphorePermit,
}

/// Bytes of an answer, with their memory reservation.
struct ReservedBytes {
    bytes: Box<[u8]>,
    _reservation: AnswerReservation,
}

impl AsRef<[u8]> for ReservedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AnswerReservation {
    /// Releases the memory that the bytes do not need, and keeps the rest until the bytes are
    /// dropped.
    pub(in crate::gateway) fn hold(mut self, bytes: Vec<u8>) -> Bytes {
        // Without the spare capacity of the buffer.
        let bytes = bytes.into_boxed_slice();
        let needed = permits(bytes.len());
        for held in [&mut self.share, &mut self.memory] {
            let rest = held.num_permits().saturating_sub(needed);
            drop(held.split(rest));
        }
        Bytes::from_owner(ReservedBytes { bytes, _reservation: self })
    }
}
