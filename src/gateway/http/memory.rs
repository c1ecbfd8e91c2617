//! The memory budget that all requests share. Knows sizes, not requests.
//!
//! The budget has two parts. A request reserves its head and the first bytes of its body from the
//! first part. A long body reserves its largest possible size from the second part, at once. So
//! long bodies cannot use up the memory for short requests, and two long bodies cannot wait for
//! each other.
//!
//! A request that finds no memory signals memory pressure. Bodies that stall then give way at once,
//! and the request waits for their memory. A third part of the budget is for the heads of waiting
//! requests. A head that does not fit there is dropped before anything else is read.

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

/// Divisor of the memory of long bodies that gives the share of one address.
const OWNER_SHARE: usize = 4;

/// The memory budget of all requests.
#[derive(Debug)]
pub struct Memory {
    short: Part,
    long: Part,
    /// For the heads of requests that wait for memory.
    queued: Arc<Semaphore>,
    /// The shares of the addresses that have a long body.
    shares: Mutex<HashMap<IpAddr, Weak<Semaphore>>>,
    pressed: Notify,
    /// Time of the last signal, in milliseconds since `began`.
    pressed_at: AtomicU64,
    began: Instant,
}

#[derive(Debug)]
struct Part {
    free: Arc<Semaphore>,
    all: usize,
    waiting: AtomicUsize,
    most_waiting: usize,
}

/// The memory reservation of one request, until it is dropped.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Reservation {
    short: Option<OwnedSemaphorePermit>,
    long: Option<OwnedSemaphorePermit>,
    /// The bytes of a long body in the share of its address.
    share: Option<OwnedSemaphorePermit>,
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
            pressed: Notify::new(),
            pressed_at: AtomicU64::new(0),
            began: Instant::now(),
        }
    }

    /// Returns true if less than an eighth of a part is free: the next requests may have to wait.
    pub(super) fn is_scarce(&self) -> bool {
        self.short.is_scarce() || self.long.is_scarce()
    }

    /// Resolves at the next signal of memory pressure.
    pub(super) fn pressed(&self) -> Notified<'_> {
        self.pressed.notified()
    }

    /// Reserves memory for a head without waiting. Returns `None` if no memory is free.
    pub(super) fn try_admit(&self, bytes: usize) -> Option<Reservation> {
        let wanted = self.short.wanted(bytes);
        if self.short.is_scarce() {
            // Early, while some memory is left: the next request then does not have to wait.
            self.press();
        }
        let short = Arc::clone(&self.short.free).try_acquire_many_owned(wanted).ok()?;
        Some(Reservation { short: Some(short), ..Reservation::default() })
    }

    /// Returns the share of an address in the memory of long bodies.
    fn share_of(&self, owner: IpAddr) -> Arc<Semaphore> {
        // The map is consistent at any time, so a panic elsewhere leaves nothing half done.
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&owner).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let permits = usize::try_from(self.share_permits()).unwrap_or(1);
        let share = Arc::new(Semaphore::new(permits));
        shares.insert(owner, Arc::downgrade(&share));
        share
    }

    fn share_permits(&self) -> u32 {
        u32::try_from(self.long.all / OWNER_SHARE).unwrap_or(u32::MAX).max(1)
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
        Ok(Reservation {
            short: Some(self.take(&self.short, bytes).await?),
            ..Reservation::default()
        })
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

    /// Reserves memory from a part, and signals memory pressure while it waits.
    async fn take(&self, part: &Part, bytes: usize) -> Result<OwnedSemaphorePermit, Outcome> {
        let wanted = part.wanted(bytes);
        if let Ok(taken) = Arc::clone(&part.free).try_acquire_many_owned(wanted) {
            return Ok(taken);
        }
        let _place = part.wait()?;
        let mut taken = std::pin::pin!(Arc::clone(&part.free).acquire_many_owned(wanted));
        loop {
            self.press();
            tokio::select! {
                taken = &mut taken => return taken.map_err(|_| Outcome::Unavailable),
                () = tokio::time::sleep(PRESS * 2) => {}
            }
        }
    }
}

impl Part {
    fn new(bytes: usize, most_waiting: usize) -> Self {
        let all = permits(bytes).clamp(1, Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(all));
        Self { free, all, waiting: AtomicUsize::new(0), most_waiting }
    }

    fn is_scarce(&self) -> bool {
        self.free.available_permits() < self.all / 8
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
    /// An address first takes the bytes from its share: its bodies wait for each other, and cannot
    /// hold the memory that others need.
    pub(super) async fn long(
        &mut self,
        memory: &Memory,
        owner: Option<IpAddr>,
        bytes: usize,
    ) -> Result<(), Outcome> {
        if self.long.is_some() {
            return Ok(());
        }
        if let Some(owner) = owner {
            let share = memory.share_of(owner);
            let wanted = memory.long.wanted(bytes).min(memory.share_permits());
            let taken = share.acquire_many_owned(wanted).await;
            self.share = Some(taken.map_err(|_| Outcome::Unavailable)?);
        }
        self.long = Some(memory.take(&memory.long, bytes).await?);
        Ok(())
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

    use super::{Memory, Reservation};

    const MIB: usize = 1 << 20;

    #[tokio::test]
    async fn long_bodies_of_one_address_leave_memory_to_those_of_others() {
        let memory = Memory::new(64 * MIB);
        let address = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        let reserve = async |last: u8| {
            let mut held = Reservation::default();
            let reserving = held.long(&memory, address(last), 2 * MIB);
            let reserved = tokio::time::timeout(Duration::from_millis(20), reserving).await;
            reserved.is_ok_and(|reserved| reserved.is_ok()).then_some(held)
        };
        let mut held = Vec::new();
        while let Some(one) = reserve(1).await {
            held.push(one);
            assert!(held.len() < 8, "one address holds all");
        }
        assert!(held.len() >= 2, "{}", held.len());
        assert!(reserve(2).await.is_some(), "another address finds no memory");
        held.clear();
        assert!(reserve(1).await.is_some());
    }
}
