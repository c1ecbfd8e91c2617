//! Rate limiter: token buckets in memory, for each listener, and for each listener and group of
//! addresses.
//!
//! [`crate::listener::rate`] has the arithmetic; this file holds the buckets. They survive a hot
//! reload: only the limits change.
//!
//! A bucket with a limit per minute equals a new bucket one minute after its last use. The buckets
//! of addresses live in two generations of one minute each. So a bucket is forgotten only when this
//! has no effect, and a sender cannot reset its bucket by filling the table from other addresses.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::gateway::http::client_address::{AddressGroup, Origin};
use crate::listener::rate::{Admission, Bucket, Policy, admit, has_room};
use crate::listener::{Challenger, Limiter};

/// All token buckets of a gateway.
#[derive(Debug, Default)]
pub struct TokenBuckets {
    state: Mutex<LimiterState>,
    /// Time until which a sender may count as failing, in microseconds. After this time, no request
    /// has to look up its bucket.
    failing_until: AtomicI64,
}

#[derive(Debug, Default)]
struct LimiterState {
    listeners: HashMap<Box<str>, ListenerLimits>,
    failures: Generations,
    challenges: Generations,
}

/// The buckets of a listener.
#[derive(Debug)]
struct ListenerLimits {
    /// Number of the listener: a short key for the buckets of its addresses.
    number: u32,
    requests: Bucket,
    /// Challenges that were answered to unverified senders.
    challenges: Bucket,
    /// Challenges that were answered to addresses without another challenge in the last minute,
    /// while `challenges` is used up.
    first_challenges: Bucket,
    /// Challenges that were answered to verified senders.
    verified_challenges: Bucket,
}

/// Addresses with a bucket of their own in each generation, for each of the two limits. Further new
/// addresses share one bucket for each listener.
const MAX_ADDRESSES: usize = 50_000;

/// Duration of a generation in microseconds: the time in which a bucket with a limit per minute
/// becomes equal to a new one.
const GENERATION: i64 = 60_000_000;

/// Number of a listener, and a group of addresses.
type LimitKey = (u32, AddressGroup);

/// The buckets of addresses, in two generations.
#[derive(Debug, Default)]
struct Generations {
    /// Start of the younger generation, in microseconds.
    began: i64,
    young: HashMap<LimitKey, Bucket>,
    old: HashMap<LimitKey, Bucket>,
    /// Buckets that new addresses share when the younger generation is full, by listener.
    shared: HashMap<u32, Bucket>,
}

impl Generations {
    /// Returns the bucket of an address, and moves it to the younger generation.
    fn bucket(&mut self, key: LimitKey, now: i64) -> &mut Bucket {
        self.turn(now);
        let known = self.young.contains_key(&key);
        if !known && self.young.len() >= MAX_ADDRESSES {
            // A bucket of the older generation is used in place, so that it is not forgotten early.
            return match self.old.get_mut(&key) {
                Some(bucket) => bucket,
                None => self.shared.entry(key.0).or_default(),
            };
        }
        if !known && let Some(bucket) = self.old.remove(&key) {
            return self.young.entry(key).or_insert(bucket);
        }
        self.young.entry(key).or_default()
    }

    /// Returns a copy of the address's own bucket, if there is one.
    fn find(&self, key: LimitKey) -> Option<Bucket> {
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    /// Starts a new generation when the younger one is old enough, or the clock was set.
    fn turn(&mut self, now: i64) {
        if now.abs_diff(self.began) >= GENERATION.unsigned_abs() {
            self.began = now;
            self.old = std::mem::take(&mut self.young);
        }
    }
}

/// The rate limiter of one request.
#[derive(Debug)]
pub(in crate::gateway) struct RateLimiter<'b> {
    /// The token buckets.
    pub buckets: &'b TokenBuckets,
    /// Id of the listener.
    pub listener: &'b str,
    /// Origin of the request.
    pub origin: Origin,
    /// Limits.
    pub policies: Policies,
    /// Current time in microseconds.
    pub now: i64,
}

/// Limits per minute.
#[derive(Debug, Clone, Copy)]
pub(in crate::gateway) struct Policies {
    /// Failures of one address.
    pub failures: u64,
    /// Answered challenges of one listener.
    pub challenges: u64,
    /// Challenges of one address.
    pub challenges_per_minute_per_address: u64,
}

impl From<&crate::gateway::config::settings::Limits> for Policies {
    fn from(limits: &crate::gateway::config::settings::Limits) -> Self {
        Self {
            failures: limits.failures_per_minute,
            challenges: limits.challenges_per_minute,
            challenges_per_minute_per_address: limits.challenges_per_minute_per_address,
        }
    }
}

fn per_minute(requests: u64) -> Policy {
    Policy { requests, per: Duration::from_secs(60), burst: requests }
}

impl Limiter for RateLimiter<'_> {
    fn admit(&mut self, policy: Policy) -> Admission {
        self.buckets
            .with(|state| admit(&mut state.listener(self.listener).requests, policy, self.now))
    }

    fn fail(&mut self) -> Admission {
        let policy = per_minute(self.policies.failures);
        let admission = self.buckets.with(|state| {
            let key = (state.listener(self.listener).number, self.origin.host());
            admit(state.failures.bucket(key, self.now), policy, self.now)
        });
        // The last admitted failure leaves no room either.
        if !matches!(admission, Admission::Admitted { remaining: 1.. }) {
            let until = self.now.saturating_add(GENERATION);
            self.buckets.failing_until.fetch_max(until, Ordering::Relaxed);
        }
        admission
    }

    fn challenge(&mut self, challenger: Challenger) -> Admission {
        self.buckets.with(|state| match challenger {
            Challenger::Verified => {
                let policy = per_minute(self.policies.challenges);
                admit(&mut state.listener(self.listener).verified_challenges, policy, self.now)
            }
            Challenger::Stranger => self.challenge_of_stranger(state),
        })
    }

    fn answered(&mut self) {
        let policy = per_minute(self.policies.challenges);
        self.buckets.with(|state| {
            let listener = state.listener(self.listener);
            if let Admission::Refused { .. } = admit(&mut listener.challenges, policy, self.now) {
                // This challenge was admitted as the first of its address.
                admit(&mut listener.first_challenges, policy, self.now);
            }
        });
    }
}

impl RateLimiter<'_> {
    /// Returns true if the next failure of the sender would be refused. Counts nothing.
    pub(in crate::gateway) fn is_failing(&self) -> bool {
        if self.now >= self.buckets.failing_until.load(Ordering::Relaxed) {
            return false;
        }
        let policy = per_minute(self.policies.failures);
        self.buckets.with(|state| {
            let key = (state.listener(self.listener).number, self.origin.host());
            let bucket = state.failures.find(key);
            bucket.is_some_and(|bucket| !has_room(bucket, policy, self.now))
        })
    }

    /// Counts a challenge against its address, and checks the listener's limit.
    ///
    /// When the listener's limit is used up, an address without another challenge in the last
    /// minute still gets its first challenge answered. A second limit of the same size applies to
    /// these. So a few addresses cannot block the challenges of the provider.
    fn challenge_of_stranger(&self, state: &mut LimiterState) -> Admission {
        let own = per_minute(self.policies.challenges_per_minute_per_address);
        let all = per_minute(self.policies.challenges);
        let key = (state.listener(self.listener).number, self.origin.site());
        let bucket = state.challenges.bucket(key, self.now);
        let is_first = bucket.is_unused(self.now);
        let admission = admit(bucket, own, self.now);
        if matches!(admission, Admission::Refused { .. }) {
            return admission;
        }
        let listener = state.listener(self.listener);
        let has_room = has_room(listener.challenges, all, self.now)
            || (is_first && has_room(listener.first_challenges, all, self.now));
        if has_room {
            return admission;
        }
        // Returns a refusal, and so counts nothing.
        admit(&mut listener.challenges, all, self.now)
    }
}

impl LimiterState {
    /// Returns the buckets of a listener. Only ids of the configuration reach this map, so it stays
    /// small.
    fn listener(&mut self, id: &str) -> &mut ListenerLimits {
        let number = u32::try_from(self.listeners.len()).unwrap_or(u32::MAX);
        self.listeners.entry(id.into()).or_insert_with(|| ListenerLimits::new(number))
    }
}

impl ListenerLimits {
    fn new(number: u32) -> Self {
        Self {
            number,
            requests: Bucket::default(),
            challenges: Bucket::default(),
            first_challenges: Bucket::default(),
            verified_challenges: Bucket::default(),
        }
    }
}

impl TokenBuckets {
    fn with<T>(&self, run: impl FnOnce(&mut LimiterState) -> T) -> T {
        // A bucket is one number, so a panic elsewhere leaves no partial change.
        run(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use super::{MAX_ADDRESSES, Origin, Policies, RateLimiter, TokenBuckets};
    use crate::listener::rate::Admission;
    use crate::listener::{Challenger, Limiter};

    const SECOND: i64 = 1_000_000;

    fn rate_limiter(
        buckets: &TokenBuckets,
        address: impl Into<IpAddr>,
        now: i64,
    ) -> RateLimiter<'_> {
        let peer = address.into();
        let policies =
            Policies { failures: 3, challenges: 20, challenges_per_minute_per_address: 5 };
        let origin = Origin { peer, sender: Ok(peer) };
        RateLimiter { buckets, listener: "a", origin, policies, now }
    }

    fn is_admitted(admission: Admission) -> bool {
        matches!(admission, Admission::Admitted { .. })
    }

    /// Sends a challenge from an unverified sender. Returns true if it is admitted and answered.
    fn asks(buckets: &TokenBuckets, address: impl Into<IpAddr>, now: i64) -> bool {
        let mut rate_limiter = rate_limiter(buckets, address, now);
        let admitted = is_admitted(rate_limiter.challenge(Challenger::Stranger));
        if admitted {
            rate_limiter.answered();
        }
        admitted
    }

    fn v4(number: u32) -> Ipv4Addr {
        Ipv4Addr::from(0x0a00_0000 + number)
    }

    #[test]
    fn a_flood_from_many_addresses_keeps_failure_buckets_and_bounds_memory() {
        let buckets = TokenBuckets::default();
        let mut now = SECOND;
        let fails = |address, now| is_admitted(rate_limiter(&buckets, address, now).fail());
        assert!((0..3).all(|_| fails(v4(0), now)));
        assert!(rate_limiter(&buckets, v4(0), now).is_failing());
        let most = u32::try_from(MAX_ADDRESSES).unwrap();
        for number in 1..3 * most {
            now += 50;
            fails(v4(number), now);
        }
        // Seven seconds later, a third of a failure is available again.
        assert!(!fails(v4(0), now), "the flood gave the address a new bucket");
        assert!(rate_limiter(&buckets, v4(0), now).is_failing());
        let held = buckets.with(|state| state.failures.young.len() + state.failures.old.len());
        assert!(held <= 2 * MAX_ADDRESSES, "{held}");
        // New addresses share a bucket. It does not delay addresses that do not fail.
        assert!(!fails(v4(9 * most), now));
        assert!(!rate_limiter(&buckets, v4(9 * most), now).is_failing());
        // Two minutes later, all buckets are full again.
        now += 120 * SECOND;
        assert!((0..3).all(|_| fails(v4(0), now)));
        assert!((0..3).all(|_| fails(v4(9 * most), now)));
    }

    #[test]
    fn a_token_bucket_survives_two_generations_while_it_is_not_empty() {
        let buckets = TokenBuckets::default();
        let fails = |now| is_admitted(rate_limiter(&buckets, v4(0), now).fail());
        assert!((0..3).all(|_| fails(59 * SECOND)));
        // The generation turns, and the bucket moves along.
        assert!(!fails(60 * SECOND));
        assert!(fails(79 * SECOND), "a third of a minute later there is room for one");
        assert!(!fails(80 * SECOND));
    }

    #[test]
    fn challenge_rate_limit_of_one_address_does_not_affect_the_provider() {
        let buckets = TokenBuckets::default();
        // Four a second, for a minute.
        let answered = (0..240).filter(|at| asks(&buckets, v4(1), at * SECOND / 4)).count();
        assert!((5..=10).contains(&answered), "{answered}");
        let provider = (0..5).filter(|_| asks(&buckets, v4(2), 60 * SECOND)).count();
        assert_eq!(provider, 5, "the provider's own are answered");
    }

    #[test]
    fn refused_challenges_count_for_the_address_and_not_for_the_listener() {
        let buckets = TokenBuckets::default();
        for number in 0..100 {
            for _ in 0..5 {
                rate_limiter(&buckets, v4(number), SECOND).challenge(Challenger::Stranger);
            }
        }
        assert!(!asks(&buckets, v4(0), SECOND));
        assert!((0..5).all(|_| asks(&buckets, v4(500), SECOND)));
    }

    #[test]
    fn first_challenge_of_a_new_address_is_answered_past_the_listener_rate_limit() {
        let buckets = TokenBuckets::default();
        let answered = (0..200).filter(|at| asks(&buckets, v4(at % 4), SECOND)).count();
        assert_eq!(answered, 20, "as many as the listener answers, from four addresses");
        assert!(!asks(&buckets, v4(0), SECOND));
        assert!(asks(&buckets, v4(77), SECOND));
        assert!(!asks(&buckets, v4(77), SECOND), "one, and no more");
        // All networks of one IPv6 site count as one address.
        let site = |host: u16| Ipv6Addr::new(0x2001, 0xdb8, 7, host, 0, 0, 0, 1);
        assert_eq!((0..1000).filter(|host| asks(&buckets, site(*host), SECOND)).count(), 1);
        // A verified sender is counted separately.
        assert!((0..20).all(|_| is_admitted(
            rate_limiter(&buckets, v4(0), SECOND).challenge(Challenger::Verified)
        )));
    }
}
