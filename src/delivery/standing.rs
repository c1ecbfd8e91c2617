//! How a subscription stands with its receiver: what suspends it, and what resets that.

use super::policy::{Policy, Suspend};

/// How a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Attempts that failed since the last success.
    pub failures: u32,
    /// When it was suspended, in microseconds since the epoch.
    pub suspended_at: Option<i64>,
}

/// What an attempt means for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the receiver took it.
    pub taken: bool,
    /// Whether a delivery was given up that the policy suspends for.
    pub suspends: bool,
    /// The number of failures in a row that it is suspended beyond.
    pub beyond: Option<u32>,
}

impl Verdict {
    /// What an attempt means by a policy; `given_up` where the delivery ended with it.
    pub fn of(policy: &Policy, taken: bool, given_up: bool) -> Self {
        let (suspends, beyond) = match policy.suspend {
            Suspend::Never => (false, None),
            Suspend::GivenUp => (given_up, None),
            Suspend::Beyond(most) => (false, Some(most)),
        };
        Self { taken, suspends, beyond }
    }
}

impl Standing {
    /// How it stands after an attempt. A success resets the count and lifts nothing: only its
    /// owner ends a suspension.
    ///
    /// ```
    /// use hookgate::delivery::{Policy, Standing, Verdict};
    ///
    /// let failed = Verdict::of(&Policy::awork(), false, false);
    /// let after_ten = (0..10).fold(Standing::default(), |standing, _| standing.after(failed, 7));
    /// assert_eq!(after_ten.suspended_at, None);
    /// assert_eq!(after_ten.after(failed, 7).suspended_at, Some(7));
    /// ```
    #[must_use]
    pub fn after(self, verdict: Verdict, now: i64) -> Self {
        let failures = if verdict.taken { 0 } else { self.failures.saturating_add(1) };
        let too_many = verdict.beyond.is_some_and(|most| failures > most);
        let now = (verdict.suspends || too_many).then_some(now);
        Self { failures, suspended_at: self.suspended_at.or(now) }
    }
}
