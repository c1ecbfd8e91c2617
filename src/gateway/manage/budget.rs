//! The bounds of the management address: the memory of all answers together, and open streams.
//!
//! A call reserves what building its answer can take before it reads anything. What is left of the
//! reservation when the answer is built stays with the bytes of the answer, until the last of them
//! is written or its connection ends. So answers that nobody reads are counted too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::call::Fault;
use crate::gateway::http::Memory;
use crate::gateway::settings::Limits;

/// A permit stands for this many bytes.
const PERMIT_BYTES: usize = 1024;

/// A tenant may hold one part in this many of the memory.
const TENANT_SHARE: usize = 4;

/// How long a call waits for memory before it is told to come again.
const RESERVE_TIMEOUT: Duration = Duration::from_secs(5);

const MEMORY_USED: &str =
    "answers hold all the memory that they may (`limits.management_memory`); try again later";
const STREAMS_USED: &str = "as many streams are open as may be (`limits.streams`, \
     `limits.streams_per_tenant`); try again later";

/// The bounds, shared by all calls.
#[derive(Debug)]
pub struct Budget {
    /// Memory of request bodies, apart from that of senders.
    pub(super) forms: Memory,
    memory: Arc<Semaphore>,
    /// Permits of one tenant at most.
    share: usize,
    tenants: Mutex<HashMap<String, Arc<Semaphore>>>,
    streams: Arc<Mutex<HashMap<String, usize>>>,
}

impl Budget {
    pub(in crate::gateway) fn new(limits: &Limits) -> Self {
        let permits = permits(limits.management_memory).min(Semaphore::MAX_PERMITS);
        Self {
            forms: Memory::new(limits.management_memory / 4),
            memory: Arc::new(Semaphore::new(permits)),
            share: permits.div_ceil(TENANT_SHARE),
            tenants: Mutex::default(),
            streams: Arc::default(),
        }
    }

    /// Waits for memory, and gives up after a few seconds.
    pub(super) async fn reserve(&self, tenant: &str, bytes: usize) -> Result<Reservation, Fault> {
        let reserved = tokio::time::timeout(RESERVE_TIMEOUT, self.wait(tenant, bytes)).await;
        reserved.unwrap_or(Err(Fault::Many(MEMORY_USED)))
    }

    /// Waits for memory: first for that of the tenant, so that its own answers are what a tenant
    /// waits for. A call that asks for more than the share of a tenant gets all of the share.
    pub(super) async fn wait(&self, tenant: &str, bytes: usize) -> Result<Reservation, Fault> {
        let wanted = permits(bytes).min(self.share);
        let wanted = u32::try_from(wanted).map_err(|_| Fault::Many(MEMORY_USED))?;
        let take = |from: Arc<Semaphore>| async move {
            from.acquire_many_owned(wanted).await.map_err(|_| Fault::Many(MEMORY_USED))
        };
        let share = take(self.share_of(tenant)).await?;
        let memory = take(Arc::clone(&self.memory)).await?;
        Ok(Reservation { share, memory })
    }

    /// The memory of a tenant. Tenants are made by operators, so there are few of them.
    fn share_of(&self, tenant: &str) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Arc::new(Semaphore::new(self.share));
        Arc::clone(tenants.entry(tenant.to_owned()).or_insert_with(fresh))
    }

    /// Opens a stream of a tenant, unless there are too many.
    pub(super) fn open_stream(&self, limits: &Limits, tenant: &str) -> Result<OpenStream, Fault> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = streams.values().sum();
        let own = streams.entry(tenant.to_owned()).or_default();
        if *own >= limits.streams_per_tenant || all >= limits.streams {
            return Err(Fault::Many(STREAMS_USED));
        }
        *own += 1;
        Ok(OpenStream { streams: Arc::clone(&self.streams), tenant: tenant.to_owned() })
    }
}

fn permits(bytes: usize) -> usize {
    bytes.div_ceil(PERMIT_BYTES).max(1)
}

/// A stream that is open; it is counted until it is dropped.
#[derive(Debug)]
pub(super) struct OpenStream {
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
pub(super) struct Reservation {
    share: OwnedSemaphorePermit,
    memory: OwnedSemaphorePermit,
}

/// Bytes of an answer, with the memory that is counted for them.
struct Held {
    bytes: Box<[u8]>,
    _reservation: Reservation,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Reservation {
    /// Gives back what the bytes do not need, and keeps the rest as long as the bytes are kept.
    pub(super) fn hold(mut self, bytes: Vec<u8>) -> Bytes {
        // Without what the buffer has room for besides.
        let bytes = bytes.into_boxed_slice();
        let needed = permits(bytes.len());
        for held in [&mut self.share, &mut self.memory] {
            let rest = held.num_permits().saturating_sub(needed);
            drop(held.split(rest));
        }
        Bytes::from_owner(Held { bytes, _reservation: self })
    }
}
