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

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::listener::Outcome;

/// Bytes of a body that are reserved together with the head, so that a request that began does not
/// wait for them.
pub(in crate::gateway) const BEGINNING: usize = 16 << 10;

/// Bytes that one permit of the semaphore stands for.
const PERMIT: usize = 1024;

/// Heads that may wait for memory at the same time. Further heads are refused.
const HEADS: usize = 1024;

/// Long bodies that may wait for memory at the same time. Each of them holds its first bytes.
const BODIES: usize = 256;

/// Shortest time between two signals of memory pressure. Each signal wakes all bodies that are
/// being read; those that have stalled for long enough by then give way.
const PRESS: Duration = Duration::from_millis(25);

/// Divisor of the memory of long bodies that gives the share of one owner.
const OWNER_SHARE: usize = 4;

/// The sender or tenant whose share of the memory a long body takes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::gateway) enum Owner {
    /// The network of a sender.
    Address(IpAddr),
    /// The tenant of an API key.
    Tenant(String),
}

/// The memory budget of all requests.
#[derive(Debug)]
pub struct Memory {
    short: Part,
    long: Part,
    /// For the heads of requests that wait for memory.
    queued: Arc<Semaphore>,
    /// The shares of the owners that have a long body.
    shares: Mutex<HashMap<Owner, Weak<Part>>>,
}

/// A part of the budget.
#[derive(Debug)]
pub(super) struct Part {
    free: Arc<Semaphore>,
    all: usize,
    waiting: AtomicUsize,
    most_waiting: usize,
    pressed: Notify,
    /// Time of the last signal of memory pressure, in milliseconds since `began`.
    pressed_at: AtomicU64,
    began: Instant,
}

/// The memory reservation of one request, until it is dropped.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Reservation {
    short: Option<OwnedSemaphorePermit>,
    long: Option<OwnedSemaphorePermit>,
    /// The share of its owner, and the bytes of a long body in it.
    share: Option<(Arc<Part>, OwnedSemaphorePermit)>,
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
            short: Part::new(bytes / 2, HEADS),
            long: Part::new(bytes - bytes / 2 - bytes / 8, BODIES),
            queued: Arc::new(Semaphore::new(permits(bytes / 8).min(Semaphore::MAX_PERMITS))),
            shares: Mutex::default(),
        }
    }

    /// Returns the part for heads and the first bytes of bodies.
    pub(super) fn short(&self) -> &Part {
        &self.short
    }

    /// Returns the part for long bodies.
    pub(super) fn long(&self) -> &Part {
        &self.long
    }

    /// Reserves memory for a head without waiting. Returns `None` if no memory is free.
    pub(super) fn try_admit(&self, bytes: usize) -> Option<Reservation> {
        let wanted = self.short.wanted(bytes);
        if self.short.is_scarce() {
            // Early, while some memory is left: the next request then does not have to wait.
            self.short.press();
        }
        let short = Arc::clone(&self.short.free).try_acquire_many_owned(wanted).ok()?;
        Some(Reservation { short: Some(short), ..Reservation::default() })
    }

    /// Returns the share of an owner in the memory of long bodies.
    fn share_of(&self, owner: &Owner) -> Arc<Part> {
        // The map is consistent at any time, so a panic elsewhere leaves nothing half done.
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(owner).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let bytes = self.long.all.saturating_mul(PERMIT) / OWNER_SHARE;
        let share = Arc::new(Part::new(bytes, BODIES));
        shares.insert(owner.clone(), Arc::downgrade(&share));
        share
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
    pub(super) async fn admit(&self, queued: Queued, bytes: usize) -> Result<Reservation, Outcome> {
        let _place = queued.place;
        Ok(Reservation { short: Some(self.short.take(bytes).await?), ..Reservation::default() })
    }
}

impl Part {
    fn new(bytes: usize, most_waiting: usize) -> Self {
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

    /// Returns true if requests wait.
    pub(super) fn has_waiters(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Returns true if requests wait, or may soon have to: less than an eighth is free.
    pub(super) fn is_scarce(&self) -> bool {
        self.has_waiters() || self.free.available_permits() < self.all / 8
    }

    /// Resolves at the next signal of memory pressure.
    pub(super) fn pressed(&self) -> Notified<'_> {
        self.pressed.notified()
    }

    /// Signals memory pressure: bodies that stall give way.
    fn press(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = self.pressed_at.load(Ordering::Relaxed);
        if Duration::from_millis(now.saturating_sub(last)) >= PRESS
            && self
                .pressed_at
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            self.pressed.notify_waiters();
        }
    }

    /// Reserves memory, and signals memory pressure while it waits.
    async fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Outcome> {
        let wanted = self.wanted(bytes);
        if let Ok(taken) = Arc::clone(&self.free).try_acquire_many_owned(wanted) {
            return Ok(taken);
        }
        let _place = self.wait()?;
        let mut taken = std::pin::pin!(Arc::clone(&self.free).acquire_many_owned(wanted));
        loop {
            self.press();
            tokio::select! {
                taken = &mut taken => return taken.map_err(|_| Outcome::Unavailable),
                () = tokio::time::sleep(PRESS * 2) => {}
            }
        }
    }

    /// Returns the permits for a number of bytes. A request larger than the whole part gets the
    /// whole part.
    fn wanted(&self, bytes: usize) -> u32 {
        u32::try_from(permits(bytes).min(self.all)).unwrap_or(u32::MAX)
    }

    fn wait(&self) -> Result<Place<'_>, Outcome> {
        let place = Place(&self.waiting);
        match self.waiting.fetch_add(1, Ordering::Relaxed) {
            before if before < self.most_waiting => Ok(place),
            _ => Err(Outcome::Unavailable),
        }
    }
}

/// A place among the requests that wait, until it is dropped.
struct Place<'p>(&'p AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Reservation {
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
        let share = memory.share_of(owner);
        let taken = share.take(bytes).await?;
        self.share = Some((share, taken));
        self.long = Some(memory.long.take(bytes).await?);
        Ok(())
    }

    /// Returns the share of a long body. `None` before its memory is reserved.
    pub(super) fn share(&self) -> Option<&Arc<Part>> {
        self.share.as_ref().map(|(share, _)| share)
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

fn permits(bytes: usize) -> usize {
    bytes.div_ceil(PERMIT)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use super::{Memory, Owner, Reservation};

    const MIB: usize = 1 << 20;

    async fn reserve(memory: &Memory, owner: &Owner) -> Option<Reservation> {
        let mut held = Reservation::default();
        let reserving = held.reserve_long(memory, owner, 2 * MIB);
        let reserved = tokio::time::timeout(Duration::from_millis(20), reserving).await;
        reserved.is_ok_and(|reserved| reserved.is_ok()).then_some(held)
    }

    #[tokio::test]
    async fn long_bodies_of_one_owner_leave_memory_to_those_of_others() {
        let memory = Memory::new(64 * MIB);
        let address = |last: u8| Owner::Address(IpAddr::from([192, 0, 2, last]));
        let owners = [address(1), Owner::Tenant("acme".to_owned())];
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
    async fn a_body_that_waits_for_its_share_presses_the_others_of_its_owner_only() {
        let memory = Memory::new(64 * MIB);
        let owner = Owner::Tenant("acme".to_owned());
        let mut held = Vec::new();
        while let Some(one) = reserve(&memory, &owner).await {
            held.push(one);
        }
        let share = held[0].share().unwrap();
        let mut waiting = Reservation::default();
        let waits = waiting.reserve_long(&memory, &owner, 2 * MIB);
        assert!(!share.has_waiters());
        let pressed = tokio::select! {
            biased;
            () = share.pressed() => "the share",
            () = memory.long().pressed() => "all",
            _ = waits => "none",
        };
        assert_eq!(pressed, "the share");
    }
}
