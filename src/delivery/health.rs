//! The health of a subscription: failures in a row, and suspension. Knows no store.

use super::policy::{Policy, Suspend};

/// The health of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubscriptionHealth {
    /// Failed attempts since the last success.
    pub failures: u32,
    /// The time of suspension, in microseconds since the epoch.
    pub suspended_at: Option<i64>,
}

/// The effect of an attempt on the health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptEffect {
    /// True if the receiver accepted the delivery.
    pub taken: bool,
    /// True if a delivery failed for good and the policy suspends for that.
    pub suspends: bool,
    /// The number of failures in a row above which the subscription is suspended.
    pub beyond: Option<u32>,
}

impl AttemptEffect {
    /// Returns the effect of an attempt under a policy. `given_up`: the delivery failed for good
    /// with this attempt.
    pub fn of(policy: &Policy, taken: bool, given_up: bool) -> Self {
        let (suspends, beyond) = match policy.suspend {
            Suspend::Never => (false, None),
            Suspend::GivenUp => (given_up, None),
            Suspend::Beyond(most) => (false, Some(most)),
        };
        Self { taken, suspends, beyond }
    }
}

impl SubscriptionHealth {
    /// Returns the health after an attempt. A success resets the failure count but does not end a
    /// suspension. Only the owner does that.
    ///
    /// ```
    /// use hookgate::delivery::{Policy, SubscriptionHealth, AttemptEffect};
    ///
    /// let failed = AttemptEffect::of(&Policy::awork(), false, false);
    /// let after_ten = (0..10).fold(SubscriptionHealth::default(), |health, _| health.after(failed, 7));
    /// assert_eq!(after_ten.suspended_at, None);
    /// assert_eq!(after_ten.after(failed, 7).suspended_at, Some(7));
    /// ```
    #[must_use]
    pub fn after(self, effect: AttemptEffect, now: i64) -> Self {
        let failures = if effect.taken { 0 } else { self.failures.saturating_add(1) };
        let too_many = effect.beyond.is_some_and(|most| failures > most);
        let now = (effect.suspends || too_many).then_some(now);
        Self { failures, suspended_at: self.suspended_at.or(now) }
    }
}
