//! Rate limits: plain functions over a bucket, the policy and the time.
//!
//! The bucket keeps one number: the time at which it would be empty again (the generic cell rate
//! algorithm of ITU-T I.371). It knows no clock; whoever asks says what time it is.

use std::time::Duration;

/// How many requests are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// So many requests…
    pub requests: u64,
    /// …in so much time.
    pub per: Duration,
    /// How many at once, after a pause.
    pub burst: u64,
}

impl Policy {
    /// Five a second, with a burst of ten seconds' worth: for senders that are verified.
    pub const SECURED: Self = Self { requests: 5, per: Duration::from_secs(1), burst: 50 };

    /// One in ten seconds: for senders that nothing secret verifies.
    pub const UNSECURED: Self = Self { requests: 1, per: Duration::from_secs(10), burst: 1 };

    /// Microseconds from one request to the next.
    fn interval(self) -> i64 {
        let per = i64::try_from(self.per.as_micros()).unwrap_or(i64::MAX);
        (per / i64::try_from(self.requests.max(1)).unwrap_or(i64::MAX)).max(1)
    }

    /// Microseconds that the bucket may be ahead of the clock.
    fn depth(self) -> i64 {
        self.interval().saturating_mul(i64::try_from(self.burst.max(1)).unwrap_or(i64::MAX))
    }
}

/// What is used up, as the time at which nothing would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket {
    empty_at: i64,
}

impl Bucket {
    /// Whether nothing of it is used up: it is as good as a new one.
    pub fn is_unused(self, now: i64) -> bool {
        self.empty_at <= now
    }
}

/// What became of a request at a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may go on.
    Admitted {
        /// How many more may follow at once.
        remaining: u64,
    },
    /// It may not, for now.
    Refused {
        /// When the next one may; never zero.
        retry_after: Duration,
    },
}

/// Takes a request from a bucket, if there is one left. The time is in microseconds since the
/// epoch.
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
    // More than it holds can be used up only by a clock that was set back since: it begins anew,
    // so that nobody is locked out until the clock has caught up.
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

/// Whether [`admit`] would take a request; nothing is taken.
pub fn has_room(mut bucket: Bucket, policy: Policy, now: i64) -> bool {
    matches!(admit(&mut bucket, policy, now), Admission::Admitted { .. })
}
