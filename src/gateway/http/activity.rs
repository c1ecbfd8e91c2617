//! Activity of a connection: one clock for all of its stages.
//!
//! The parts of a connection only record here when something begins and ends. One timer of the
//! connection reads the record, so a request needs no timer of its own. This file closes nothing:
//! it only reports the stage that expired.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::gateway::config::settings::Limits;

/// Requests of one connection that may wait for memory at the same time. The limit leaves room for
/// the requests of other connections.
const WAITING: u32 = 4;

/// Refused heads after which a connection is closed. A head that is too large costs more work than
/// a request that is answered.
const REFUSED: u32 = 16;

/// The activity of one connection. Times are milliseconds since the connection began; zero means
/// that the event has not happened.
#[derive(Debug)]
pub(super) struct Activity {
    began: Instant,
    /// Requests whose answer is not completely written.
    in_progress: AtomicU32,
    /// Requests in progress whose body was read completely.
    working: AtomicU32,
    /// Requests in progress that wait for memory.
    waiting: AtomicU32,
    /// Requests since the connection began, and those of them whose head was refused.
    requests: AtomicU64,
    refused: AtomicU32,
    /// Start of a head that has not ended.
    head_since: AtomicU64,
    /// End of the last request.
    idle_since: AtomicU64,
    /// Bytes read since the last request began.
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

    /// Returns the milliseconds since the connection began; at least 1, because zero has a meaning.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Records that a request begins. Returns true for the first request of the connection.
    pub(super) fn begin(&self) -> bool {
        self.in_progress.fetch_add(1, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// Records that a request ends.
    pub(super) fn end(&self) {
        if self.in_progress.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.idle_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Records that the body of a request was read completely.
    pub(super) fn work(&self) {
        self.working.fetch_add(1, Ordering::Relaxed);
    }

    /// Records that the work on a request ends.
    pub(super) fn rest(&self) {
        self.working.fetch_sub(1, Ordering::Relaxed);
    }

    /// Records that a head was refused. Returns false once the connection has too many refused
    /// heads.
    pub(super) fn refuse(&self) -> bool {
        self.refused.fetch_add(1, Ordering::Relaxed) < REFUSED
    }

    /// Records that a request waits for memory. Returns false if too many requests of this
    /// connection wait already.
    pub(super) fn wait(&self) -> bool {
        if self.waiting.fetch_add(1, Ordering::Relaxed) < WAITING {
            return true;
        }
        self.go_on();
        false
    }

    /// Records that a request no longer waits for memory.
    pub(super) fn go_on(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Records that a head begins, unless a head is already open.
    pub(super) fn head_begins(&self) {
        if self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Records that the head ended.
    pub(super) fn head_ends(&self) {
        self.head_since.store(0, Ordering::Relaxed);
    }

    /// Adds bytes that were read. Returns the number of bytes since the last request began.
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

    /// Returns the time until the next stage may expire.
    ///
    /// `since` is the time at which the connection was ready for its first head.
    ///
    /// # Errors
    /// Returns the stage that has expired.
    pub(super) fn due(&self, limits: &Limits, since: Instant) -> Result<Duration, Expired> {
        let now = self.now();
        let left = |since: u64, limit: Duration| {
            limit.saturating_sub(Duration::from_millis(now.saturating_sub(since)))
        };
        let head = self.head_since.load(Ordering::Relaxed);
        if head > 0 && left(head, limits.header_timeout).is_zero() {
            return Err(Expired::Head);
        }
        if !self.is_idle() {
            return Ok(limits.header_timeout.min(limits.idle_timeout));
        }
        if !self.had_requests() {
            let left = limits.header_timeout.saturating_sub(since.elapsed());
            return if left.is_zero() { Err(Expired::Head) } else { Ok(left) };
        }
        let idle = left(self.idle_since.load(Ordering::Relaxed), limits.idle_timeout);
        if head > 0 {
            return Ok(left(head, limits.header_timeout).min(limits.idle_timeout));
        }
        if idle.is_zero() { Err(Expired::Idle) } else { Ok(idle) }
    }
}
