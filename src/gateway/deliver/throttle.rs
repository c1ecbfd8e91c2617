//! The throttle of a receiver: adaptive concurrency, rate limit (token bucket) and backoff. Knows no
//! deliveries.

use std::time::{Duration, Instant};

use crate::gateway::config::settings::Delivery;
use crate::gateway::ops::shares::Class;

/// The throttle of a receiver: adaptive concurrency, rate limit and backoff. It outlives the
/// worker.
pub(super) struct Throttle {
    /// Maximum attempts at a time. It is 1 for a new receiver and after a failure, and doubles with
    /// each quick success up to the full concurrency (slow start). So a hanging receiver holds few
    /// of the shared permits.
    pub(super) window: usize,
    /// Failed attempts since the last quick success.
    failures: u32,
    /// Time before which no attempt begins.
    not_before: Instant,
    /// Tokens of the token bucket: attempts that may begin now. The configured rate is both its
    /// capacity and its refill in a second.
    left: f64,
    at: Instant,
}

/// Time without an attempt after which a healthy receiver counts as new.
const IDLE_TIME: Duration = Duration::from_secs(60);

/// Backoff after the second failure in a row. Each further failure doubles it.
const BACKOFF_BASE: Duration = Duration::from_millis(10);

/// Maximum backoff between attempts to a receiver. The failure policy sets the retry time of a
/// single delivery.
const MAX_BACKOFF: Duration = Duration::from_secs(1);

impl Throttle {
    pub(super) fn new(settings: &Delivery) -> Self {
        let (rate, now) = (f64::from(settings.rate), Instant::now());
        Self { window: 1, failures: 0, not_before: now, left: rate, at: now }
    }

    /// Returns true if the throttle can be forgotten: the receiver is healthy and idle.
    pub(super) fn is_idle(&self) -> bool {
        self.failures == 0 && self.at.elapsed() > IDLE_TIME
    }

    /// Returns the class of the receiver by its last attempts.
    pub(super) fn class(&self) -> Class {
        if self.failures > 0 { Class::Failing } else { Class::Steady }
    }

    pub(super) fn after(&mut self, ok: bool, settings: &Delivery) {
        if ok {
            self.window = (self.window * 2).min(settings.concurrency);
            self.failures = 0;
            return;
        }
        self.window = 1;
        // A single failure does not predict that the next attempt fails too.
        let doubled = BACKOFF_BASE.saturating_mul(1 << self.failures.min(10)) / 2;
        let pause = if self.failures == 0 { Duration::ZERO } else { doubled.min(MAX_BACKOFF) };
        self.not_before = Instant::now() + pause;
        self.failures = self.failures.saturating_add(1);
    }

    pub(super) fn allows(&mut self, settings: &Delivery) -> usize {
        let (now, rate) = (Instant::now(), f64::from(settings.rate));
        self.left = (now - self.at).as_secs_f64().mul_add(rate, self.left).min(rate);
        self.at = now;
        // Between 0 and the rate.
        if now < self.not_before { 0 } else { self.left.max(0.0) as usize }
    }

    pub(super) fn begun(&mut self, number: usize) {
        self.left -= f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    }

    /// Returns the time until one more attempt may begin.
    pub(super) fn wait(&self, settings: &Delivery) -> Duration {
        let paced = (1.0 - self.left) / f64::from(settings.rate);
        let paced = Duration::from_secs_f64(paced.clamp(0.001, 1.0));
        paced.max(self.not_before.saturating_duration_since(Instant::now()))
    }
}
