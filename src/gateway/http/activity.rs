//! What a connection is doing, as one clock for all of its stages.
//!
//! The parts of a connection only store what begins and ends here; one timer of the connection
//! looks at it. So a request costs no timer.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::gateway::settings::Limits;

/// Requests of one connection that may wait for memory at a time: other connections find a place
/// beside it.
const WAITING: u32 = 4;

/// Heads of one connection that may be refused: a head that is too large costs more than one that
/// is answered.
const REFUSED: u32 = 16;

/// The activity of one connection. Times are milliseconds since the connection began, and zero
/// where there is none.
#[derive(Debug)]
pub(super) struct Activity {
    began: Instant,
    /// Requests whose answer was not written yet.
    in_progress: AtomicU32,
    /// Those of them whose body was read: they are being worked on.
    working: AtomicU32,
    /// Those of them that wait for memory.
    waiting: AtomicU32,
    /// Requests so far, and those of them whose head was refused.
    requests: AtomicU64,
    refused: AtomicU32,
    /// When a head began that has not ended.
    head_since: AtomicU64,
    /// When the last request ended.
    idle_since: AtomicU64,
    /// Bytes that were read since the last request began.
    bytes: AtomicUsize,
}

/// The stage whose timeout passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expired {
    Head,
    Idle,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            in_progress: AtomicU32::new(0),
            working: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            requests: AtomicU64::new(0),
            refused: AtomicU32::new(0),
            head_since: AtomicU64::new(0),
            idle_since: AtomicU64::new(0),
            bytes: AtomicUsize::new(0),
        }
    }

    /// Milliseconds since the connection began, and never zero.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Notes that a request begins; true for the first.
    pub(super) fn begin(&self) -> bool {
        self.in_progress.fetch_add(1, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// Notes that a request ends.
    pub(super) fn end(&self) {
        if self.in_progress.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.idle_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Notes that the body of a request is there.
    pub(super) fn work(&self) {
        self.working.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that the work on a request ends.
    pub(super) fn rest(&self) {
        self.working.fetch_sub(1, Ordering::Relaxed);
    }

    /// Notes that the head of a request was refused; false once the connection had too many.
    pub(super) fn refuse(&self) -> bool {
        self.refused.fetch_add(1, Ordering::Relaxed) < REFUSED
    }

    /// Notes that a request waits for memory; false where too many of this connection do.
    pub(super) fn wait(&self) -> bool {
        if self.waiting.fetch_add(1, Ordering::Relaxed) < WAITING {
            return true;
        }
        self.go_on();
        false
    }

    /// Notes that a request waits no longer.
    pub(super) fn go_on(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Notes that a head begins, unless one began before.
    pub(super) fn head_begins(&self) {
        if self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Notes that a head ended.
    pub(super) fn head_ends(&self) {
        self.head_since.store(0, Ordering::Relaxed);
    }

    /// Counts bytes that were read; answers how many since the last request began.
    pub(super) fn read(&self, bytes: usize) -> usize {
        self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_progress.load(Ordering::Relaxed) == 0
    }

    pub(super) fn is_working(&self) -> bool {
        self.working.load(Ordering::Relaxed) > 0
    }

    fn had_requests(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > 0
    }

    /// How long it is until a stage may be over, or the stage that is. `since` is when the
    /// connection was ready for its first head.
    pub(super) fn due(&self, limits: &Limits, since: Instant) -> Result<Duration, Expired> {
        let now = self.now();
        let left = |since: u64, limit: Duration| {
            limit.saturating_sub(Duration::from_millis(now.saturating_sub(since)))
        };
        let head = self.head_since.load(Ordering::Relaxed);
        if head > 0 && left(head, limits.header_time).is_zero() {
            return Err(Expired::Head);
        }
        if !self.is_idle() {
            return Ok(limits.header_time.min(limits.idle_timeout));
        }
        if !self.had_requests() {
            let left = limits.header_time.saturating_sub(since.elapsed());
            return if left.is_zero() { Err(Expired::Head) } else { Ok(left) };
        }
        let idle = left(self.idle_since.load(Ordering::Relaxed), limits.idle_timeout);
        if head > 0 {
            return Ok(left(head, limits.header_time).min(limits.idle_timeout));
        }
        if idle.is_zero() { Err(Expired::Idle) } else { Ok(idle) }
    }
}
