//! Memory that several owners share. Knows sizes, not what the memory is for.
//!
//! Each owner (the address of a sender, or a tenant) has a share. A reservation takes its bytes from
//! the share of its owner first, then from the pool. So the reservations of one owner wait for each
//! other, and cannot hold the memory that others need.
//!
//! A reservation that has to wait signals memory pressure, so that work that holds memory and stalls
//! can give way.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::gateway::ids::TenantId;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Bytes that one permit of the semaphore stands for.
const PERMIT_BYTES: usize = 1024;

/// Shortest time between two signals of memory pressure. Each signal wakes all bodies that are
/// being read; those that have stalled for long enough by then give way.
const PRESSURE_INTERVAL: Duration = Duration::from_millis(25);

/// Divisor of the memory that gives the share of one owner.
const OWNER_SHARE_DIVISOR: usize = 4;

/// Too many reservations wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many wait for memory")]
pub(in crate::gateway) struct TooManyWait;

/// The owner of a share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::gateway) enum Owner {
    /// The network of a sender.
    Address(IpAddr),
    /// A tenant.
    Tenant(TenantId),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Tenant(tenant) => f.write_str(tenant),
        }
    }
}

/// Memory that owners share.
#[derive(Debug)]
pub(in crate::gateway) struct MemoryPool {
    all: PoolShare,
    /// The shares of the owners that have a reservation.
    shares: Mutex<HashMap<Owner, Weak<PoolShare>>>,
}

/// Memory of a pool, until this is dropped.
#[derive(Debug)]
pub(in crate::gateway) struct PoolReservation {
    share: Arc<PoolShare>,
    _of_share: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

/// An amount of memory.
#[derive(Debug)]
pub(in crate::gateway) struct PoolShare {
    free: Arc<Semaphore>,
    all: usize,
    waiting: AtomicUsize,
    most_waiting: usize,
    pressed: Notify,
    /// Time of the last signal of memory pressure, in milliseconds since `began`.
    pressed_at: AtomicU64,
    began: Instant,
}

impl MemoryPool {
    /// Returns a pool of `bytes` bytes, for which up to `max_waiting` reservations may wait.
    pub(in crate::gateway) fn new(bytes: usize, max_waiting: usize) -> Self {
        Self { all: PoolShare::new(bytes, max_waiting), shares: Mutex::default() }
    }

    /// Returns the memory of all owners together.
    pub(in crate::gateway) fn all(&self) -> &PoolShare {
        &self.all
    }

    /// Reserves memory, and waits for it if necessary. A reservation that is larger than a share
    /// gets the whole share.
    ///
    /// # Errors
    /// Returns an error if too many reservations wait already.
    pub(in crate::gateway) async fn reserve(
        &self,
        owner: &Owner,
        bytes: usize,
    ) -> Result<PoolReservation, TooManyWait> {
        let share = self.share_of(owner);
        let of_share = share.acquire(bytes).await?;
        let of_all = self.all.acquire(bytes.min(share.bytes())).await?;
        Ok(PoolReservation { share, _of_share: of_share, _of_all: of_all })
    }

    fn share_of(&self, owner: &Owner) -> Arc<PoolShare> {
        // The map is consistent at any time, so a panic elsewhere leaves nothing half done.
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(owner).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share =
            Arc::new(PoolShare::new(self.all.bytes() / OWNER_SHARE_DIVISOR, self.all.most_waiting));
        shares.insert(owner.clone(), Arc::downgrade(&share));
        share
    }
}

impl PoolReservation {
    /// Returns the share that the memory was taken from.
    pub(in crate::gateway) fn share(&self) -> &PoolShare {
        &self.share
    }
}

impl PoolShare {
    /// Returns `bytes` bytes, for which up to `most_waiting` reservations may wait.
    pub(in crate::gateway) fn new(bytes: usize, most_waiting: usize) -> Self {
        let all = permits(bytes).clamp(1, Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(all));
        Self {
            free,
            all,
            waiting: AtomicUsize::new(0),
            most_waiting,
            pressed: Notify::new(),
            pressed_at: AtomicU64::new(0),
            began: Instant::now(),
        }
    }

    fn bytes(&self) -> usize {
        self.all.saturating_mul(PERMIT_BYTES)
    }

    /// Returns true if reservations wait.
    pub(in crate::gateway) fn has_waiters(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Returns true if reservations wait, or may soon have to: less than an eighth is free.
    pub(in crate::gateway) fn is_scarce(&self) -> bool {
        self.has_waiters() || self.free.available_permits() < self.all / 8
    }

    /// Resolves at the next signal of memory pressure.
    pub(in crate::gateway) fn pressed(&self) -> Notified<'_> {
        self.pressed.notified()
    }

    /// Reserves memory without waiting. Returns `None` if not enough is free.
    pub(in crate::gateway) fn try_acquire(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_many_owned(self.permits_for(bytes)).ok()
    }

    /// Signals memory pressure: work that stalls gives way.
    pub(in crate::gateway) fn signal_pressure(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = self.pressed_at.load(Ordering::Relaxed);
        if Duration::from_millis(now.saturating_sub(last)) >= PRESSURE_INTERVAL
            && self
                .pressed_at
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            self.pressed.notify_waiters();
        }
    }

    /// Reserves memory, and signals memory pressure while it waits.
    ///
    /// # Errors
    /// Returns an error if too many reservations wait already.
    pub(in crate::gateway) async fn acquire(
        &self,
        bytes: usize,
    ) -> Result<OwnedSemaphorePermit, TooManyWait> {
        if let Some(taken) = self.try_acquire(bytes) {
            return Ok(taken);
        }
        let _waiting = self.wait()?;
        let wanted = self.permits_for(bytes);
        let mut taken = std::pin::pin!(Arc::clone(&self.free).acquire_many_owned(wanted));
        loop {
            self.signal_pressure();
            tokio::select! {
                taken = &mut taken => return taken.map_err(|_| TooManyWait),
                () = tokio::time::sleep(PRESSURE_INTERVAL * 2) => {}
            }
        }
    }

    /// Returns the permits for a number of bytes. A larger number than the whole gets the whole.
    fn permits_for(&self, bytes: usize) -> u32 {
        u32::try_from(permits(bytes).min(self.all)).unwrap_or(u32::MAX)
    }

    fn wait(&self) -> Result<WaitingReservation<'_>, TooManyWait> {
        let place = WaitingReservation(&self.waiting);
        match self.waiting.fetch_add(1, Ordering::Relaxed) {
            before if before < self.most_waiting => Ok(place),
            _ => Err(TooManyWait),
        }
    }
}

/// A place among the reservations that wait, until it is dropped.
struct WaitingReservation<'p>(&'p AtomicUsize);

impl Drop for WaitingReservation<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns the permits for a number of bytes.
pub(in crate::gateway) fn permits(bytes: usize) -> usize {
    bytes.div_ceil(PERMIT_BYTES)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use super::{MemoryPool, Owner, PoolReservation};

    const MIB: usize = 1 << 20;

    async fn reserve(memory: &MemoryPool, owner: &Owner) -> Option<PoolReservation> {
        let reserving = memory.reserve(owner, 2 * MIB);
        tokio::time::timeout(Duration::from_millis(20), reserving).await.ok()?.ok()
    }

    #[tokio::test]
    async fn long_bodies_of_one_owner_leave_memory_budget_to_others() {
        let memory = MemoryPool::new(24 * MIB, 16);
        let address = |last: u8| Owner::Address(IpAddr::from([192, 0, 2, last]));
        let owners = [address(1), Owner::Tenant("acme".into())];
        let mut all = Vec::new();
        for owner in &owners {
            let mut held = Vec::new();
            while let Some(one) = reserve(&memory, owner).await {
                held.push(one);
                assert!(held.len() < 8, "{owner:?} holds all");
            }
            assert!(held.len() >= 2, "{owner:?}: {}", held.len());
            all.push(held);
        }
        assert!(reserve(&memory, &address(2)).await.is_some(), "another finds no memory");
        all.clear();
        assert!(reserve(&memory, &address(1)).await.is_some());
        assert_eq!(memory.shares.lock().unwrap().len(), 1, "shares without a body stay");
    }

    #[tokio::test]
    async fn a_body_waiting_for_memory_affects_only_bodies_of_its_owner() {
        let memory = MemoryPool::new(24 * MIB, 16);
        let owner = Owner::Tenant("acme".into());
        let mut held = Vec::new();
        while let Some(one) = reserve(&memory, &owner).await {
            held.push(one);
        }
        let share = held[0].share();
        let waits = memory.reserve(&owner, 2 * MIB);
        assert!(!share.has_waiters());
        let pressed = tokio::select! {
            biased;
            () = share.pressed() => "the share",
            () = memory.all().pressed() => "all",
            _ = waits => "none",
        };
        assert_eq!(pressed, "the share");
    }
}
