//! The token bucket of a rate limiter: pure functions over a bucket, a policy and the time.
//!
//! A bucket stores one number: the time at which it would be empty again (the generic cell rate
//! algorithm of ITU-T I.371). Knows no clock: the caller passes the time.

use std::time::Duration;

/// The rate limit for requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Number of requests in each period.
    pub requests: u64,
    /// The period.
    pub per: Duration,
    /// Maximum number of requests at once after a pause.
    pub burst: u64,
}

impl Policy {
    /// Five requests a second, with a burst of ten seconds' worth: for verified senders.
    pub const SECURED: Self = Self { requests: 5, per: Duration::from_secs(1), burst: 50 };

    /// One request in ten seconds: for senders that no secret verifies.
    pub const UNSECURED: Self = Self { requests: 1, per: Duration::from_secs(10), burst: 1 };

    /// 100 requests a second, with a burst of 1,000: for verified senders that never send a refused
    /// delivery again. A request past the limit is an event that is lost.
    pub const NOT_RETRIED: Self = Self { requests: 100, per: Duration::from_secs(1), burst: 1000 };

    /// Returns the limit of a listener that sets none. `secured` is true if a secret verifies the
    /// sender; `retries` tells if the provider sends a refused delivery again, where that is known.
    pub fn usual(secured: bool, retries: Option<bool>) -> Self {
        match (secured, retries) {
            (false, _) => Self::UNSECURED,
            (true, Some(false)) => Self::NOT_RETRIED,
            (true, _) => Self::SECURED,
        }
    }

    /// Returns the interval between requests, in microseconds.
    fn interval(self) -> i64 {
        let per = i64::try_from(self.per.as_micros()).unwrap_or(i64::MAX);
        (per / i64::try_from(self.requests.max(1)).unwrap_or(i64::MAX)).max(1)
    }

    /// Returns the capacity of the bucket as a time, in microseconds.
    fn depth(self) -> i64 {
        self.interval().saturating_mul(i64::try_from(self.burst.max(1)).unwrap_or(i64::MAX))
    }
}

/// The used part of a bucket, stored as the time at which nothing of it is in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket {
    empty_at: i64,
}

impl Bucket {
    /// Returns true if nothing of the bucket is in use: it equals a new one.
    pub fn is_unused(self, now: i64) -> bool {
        self.empty_at <= now
    }
}

/// The answer of a rate limiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The request may continue.
    Admitted {
        /// Number of further requests that may follow at once.
        remaining: u64,
    },
    /// The request exceeds the limit.
    Refused {
        /// Time until the next request may continue; never zero.
        retry_after: Duration,
    },
}

/// Takes a token for a request from a bucket, if there is one. The time is in microseconds since
/// the epoch.
///
/// ```
/// use hookgate::listener::rate::{Admission, Bucket, Policy, admit};
/// use std::time::Duration;
///
/// let mut bucket = Bucket::default();
/// assert_eq!(admit(&mut bucket, Policy::UNSECURED, 0), Admission::Admitted { remaining: 0 });
/// let refused = Admission::Refused { retry_after: Duration::from_secs(6) };
/// assert_eq!(admit(&mut bucket, Policy::UNSECURED, 4_000_000), refused);
/// assert_eq!(admit(&mut bucket, Policy::UNSECURED, 10_000_000), Admission::Admitted { remaining: 0 });
/// ```
pub fn admit(bucket: &mut Bucket, policy: Policy, now: i64) -> Admission {
    let (interval, depth) = (policy.interval(), policy.depth());
    // The bucket can exceed its capacity only if the clock was set back since. It is then reset, so
    // that no sender is blocked until the clock has caught up.
    let is_beyond = bucket.empty_at > now.saturating_add(depth);
    let empty_at = if is_beyond { now } else { bucket.empty_at.max(now) };
    let next = empty_at.saturating_add(interval);
    let ahead = next.saturating_sub(now);
    if ahead > depth {
        bucket.empty_at = empty_at;
        let wait = u64::try_from(ahead.saturating_sub(depth)).unwrap_or(1);
        return Admission::Refused { retry_after: Duration::from_micros(wait.max(1)) };
    }
    bucket.empty_at = next;
    let left = depth.saturating_sub(ahead) / interval;
    Admission::Admitted { remaining: u64::try_from(left).unwrap_or(0) }
}

/// Returns true if [`admit`] would take a token. Takes none.
pub fn has_room(mut bucket: Bucket, policy: Policy, now: i64) -> bool {
    matches!(admit(&mut bucket, policy, now), Admission::Admitted { .. })
}
