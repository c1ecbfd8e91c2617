//! Rate limits in memory: buckets by listener, and by listener and sender.
//!
//! The arithmetic is [`crate::listener::rate`]'s; here is where the buckets are.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::address::group;
use crate::listener::Limiter;
use crate::listener::rate::{Admission, Bucket, Policy, admit};

/// All buckets of a gateway. They are kept when the configuration is read again.
#[derive(Debug, Default)]
pub struct Buckets(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    listeners: HashMap<Box<str>, Bucket>,
    challenges: HashMap<Box<str>, Bucket>,
    failures: HashMap<(Box<str>, Option<IpAddr>), Bucket>,
}

/// So many senders are told apart. Beyond, the oldest are forgotten together: a flood from many
/// addresses must not fill the memory.
const MOST_SENDERS: usize = 100_000;

/// The limits of one request.
#[derive(Debug)]
pub(super) struct Meter<'b> {
    /// The buckets.
    pub buckets: &'b Buckets,
    /// The listener's id.
    pub listener: &'b str,
    /// The sender.
    pub sender: Option<IpAddr>,
    /// Failures of one sender in a minute.
    pub failures: u64,
    /// Challenges of one listener in a minute.
    pub challenges: u64,
    /// The time in microseconds.
    pub now: i64,
}

fn per_minute(requests: u64) -> Policy {
    Policy { requests, per: Duration::from_secs(60), burst: requests }
}

impl Limiter for Meter<'_> {
    fn admit(&mut self, policy: Policy) -> Admission {
        self.buckets.with(|state| {
            let bucket = state.listeners.entry(self.listener.into()).or_default();
            admit(bucket, policy, self.now)
        })
    }

    fn fail(&mut self) -> Admission {
        let key = (self.listener.into(), self.sender.map(group));
        self.buckets.with(|state| {
            if state.failures.len() >= MOST_SENDERS && !state.failures.contains_key(&key) {
                state.failures.clear();
            }
            admit(state.failures.entry(key).or_default(), per_minute(self.failures), self.now)
        })
    }

    fn challenge(&mut self) -> Admission {
        self.buckets.with(|state| {
            let bucket = state.challenges.entry(self.listener.into()).or_default();
            admit(bucket, per_minute(self.challenges), self.now)
        })
    }
}

impl Buckets {
    fn with<T>(&self, run: impl FnOnce(&mut State) -> T) -> T {
        // A bucket holds one number, so a panic elsewhere leaves none half written.
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
