//! The memory that requests may hold, all of them together.
//!
//! The budget has two parts. A request takes its head and the beginning of its body from the first
//! part, and a long body takes all that it may come to from the second. So a short request finds
//! room whatever long ones hold, and no two long bodies wait for what the other has.
//!
//! A request that finds no room presses: bodies that stall give way at once, and the request waits
//! for what they held. The heads of requests that wait have a part of the budget of their own; a
//! head that does not fit there is dropped before anything else is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::listener::Outcome;

/// Bytes of a body that are its beginning: they are counted with the head, so that no request that
/// began waits for them.
pub(in crate::gateway) const BEGINNING: usize = 16 << 10;

/// A permit stands for so many bytes.
const PERMIT: usize = 1024;

/// Heads that may wait for memory at a time. Past that they are refused.
const HEADS: usize = 1024;

/// Long bodies that may wait: each holds its beginning.
const BODIES: usize = 256;

/// How often requests that wait press: each time, more bodies have stalled for long enough to give
/// way, and all that stall are woken.
const PRESS: Duration = Duration::from_millis(25);

/// The memory budget of all requests.
#[derive(Debug)]
pub struct Memory {
    short: Part,
    long: Part,
    /// For the heads of requests that wait for room.
    queued: Arc<Semaphore>,
    pressed: Notify,
    /// When it was pressed last, in milliseconds since the beginning.
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

/// A reservation of one request, for as long as it exists.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Held {
    short: Option<OwnedSemaphorePermit>,
    long: Option<OwnedSemaphorePermit>,
}

/// The place of a head that waits for room.
#[derive(Debug)]
pub(super) struct Queued {
    place: OwnedSemaphorePermit,
}

impl Memory {
    /// A budget of so many bytes: half is for heads and the beginnings of bodies, an eighth for
    /// heads that wait.
    pub(in crate::gateway) fn new(bytes: usize) -> Self {
        Self {
            short: Part::new(bytes / 2, HEADS),
            long: Part::new(bytes - bytes / 2 - bytes / 8, BODIES),
            queued: Arc::new(Semaphore::new(permits(bytes / 8).min(Semaphore::MAX_PERMITS))),
            pressed: Notify::new(),
            pressed_at: AtomicU64::new(0),
            began: Instant::now(),
        }
    }

    /// Whether requests that come soon have to wait.
    pub(super) fn is_scarce(&self) -> bool {
        self.short.is_scarce() || self.long.is_scarce()
    }

    /// Resolves when a request finds no room.
    pub(super) fn pressed(&self) -> Notified<'_> {
        self.pressed.notified()
    }

    /// Reserves room for a head, if there is some.
    pub(super) fn try_admit(&self, bytes: usize) -> Option<Held> {
        let wanted = self.short.wanted(bytes);
        if self.short.is_scarce() {
            // Before there is none: then the next request finds room without waiting.
            self.press();
        }
        let short = Arc::clone(&self.short.free).try_acquire_many_owned(wanted).ok()?;
        Some(Held { short: Some(short), long: None })
    }

    /// A place among the heads that wait for room; none where they hold as much as they may.
    pub(super) fn queue(&self, bytes: usize) -> Option<Queued> {
        let wanted = u32::try_from(permits(bytes)).ok()?;
        Arc::clone(&self.queued).try_acquire_many_owned(wanted).ok().map(|place| Queued { place })
    }

    /// Waits for room for a head.
    ///
    /// # Errors
    /// `Unavailable` where too many wait already.
    pub(super) async fn admit(&self, queued: Queued, bytes: usize) -> Result<Held, Outcome> {
        let _place = queued.place;
        Ok(Held { short: Some(self.take(&self.short, bytes).await?), long: None })
    }

    /// Asks bodies that stall to give way.
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

    /// Takes from a part, and presses for as long as it has to wait.
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

    /// A request that wants more than all there is gets all.
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

/// A place among those that wait.
struct Place<'p>(&'p AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Held {
    /// Takes all that a long body may come to, once.
    pub(super) async fn long(&mut self, memory: &Memory, bytes: usize) -> Result<(), Outcome> {
        if self.long.is_none() {
            self.long = Some(memory.take(&memory.long, bytes).await?);
        }
        Ok(())
    }

    /// Takes room for a copy of a head that is made now; without any, the copy is not made.
    ///
    /// # Errors
    /// `Unavailable` where there is none: whoever holds a body does not wait for others.
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
