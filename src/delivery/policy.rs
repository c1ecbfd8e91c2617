//! The failure policy of a subscription: the failures that count, the retries with their backoff,
//! and the action after the last one. Knows no clock.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::attempt::AttemptResult;

/// The failure policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The failures that the policy handles. Any other failure ends the delivery.
    pub triggers: Vec<Trigger>,
    /// The retries; `None` for no retry.
    pub retry: Option<Retry>,
    /// True if an exhausted delivery goes to the dead-letter queue.
    pub divert: bool,
    /// The condition of suspension.
    pub suspend: Suspend,
}

/// A failure that a policy handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trigger {
    /// One status: `404`.
    Status(u16),
    /// A class of statuses by its first digit: `4xx`, `5xx`.
    Class(u16),
    /// No response: timeout, receiver not reachable, or message not sent.
    Timeout,
    /// Any failure.
    Any,
}

impl Trigger {
    /// Returns the trigger with a name: a status from 400 to 599, `4xx`, `5xx`, `timeout`.
    ///
    /// ```
    /// use hookgate::delivery::Trigger;
    ///
    /// assert_eq!(Trigger::find("404"), Some(Trigger::Status(404)));
    /// assert_eq!(Trigger::find("5xx"), Some(Trigger::Class(5)));
    /// assert_eq!(Trigger::find("200"), None);
    /// ```
    pub fn find(name: &str) -> Option<Self> {
        match name {
            "timeout" => Some(Self::Timeout),
            "4xx" => Some(Self::Class(4)),
            "5xx" => Some(Self::Class(5)),
            _ if name.len() == 3 => {
                let status = name.parse().ok().filter(|status| (400..600).contains(status));
                status.map(Self::Status)
            }
            _ => None,
        }
    }

    /// Returns true if the trigger matches the result of an attempt.
    pub fn is_for(self, ended: AttemptResult) -> bool {
        match (self, ended) {
            (_, ended) if ended.is_success() => false,
            (Self::Any, _) => true,
            (Self::Status(status), AttemptResult::Answered(answered)) => status == answered,
            (Self::Class(class), AttemptResult::Answered(answered)) => answered / 100 == class,
            (Self::Timeout, ended) => ended.status() == 0,
            _ => false,
        }
    }
}

/// The spelling in a policy.
impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Class(class) => write!(f, "{class}xx"),
            Self::Timeout => f.write_str("timeout"),
            Self::Any => f.write_str("any"),
        }
    }
}

/// The growth of the backoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pattern {
    /// Constant.
    Linear,
    /// Doubled after each retry.
    Exponential,
}

/// The retries of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// The growth of the backoff.
    pub pattern: Pattern,
    /// The wait before the first retry, in seconds.
    pub interval: u64,
    /// The number of retries after the first attempt.
    pub attempts: u32,
    /// The maximum wait between two attempts, in seconds.
    pub longest: u64,
}

/// Maximum wait, in seconds: one day, whatever is configured or requested by the receiver.
pub(super) const MAX_WAIT_SECONDS: u64 = 86_400;

/// Maximum wait with its jitter of a tenth. A delivery that waits longer was planned while the
/// clock was ahead (clock skew).
pub const MAX_WAIT: Duration = Duration::from_secs(MAX_WAIT_SECONDS + MAX_WAIT_SECONDS / 10);

impl Retry {
    /// Returns retries with a constant wait.
    pub fn linear(interval: u64, attempts: u32) -> Self {
        Self { pattern: Pattern::Linear, interval, attempts, longest: MAX_WAIT_SECONDS }
    }

    /// Returns retries with a wait that doubles.
    pub fn exponential(interval: u64, attempts: u32) -> Self {
        Self { pattern: Pattern::Exponential, interval, attempts, longest: MAX_WAIT_SECONDS }
    }

    /// Returns the wait before a retry, counted from 1. `None` if there is no such retry.
    pub fn wait(&self, retry: u32) -> Option<Duration> {
        if retry == 0 || retry > self.attempts {
            return None;
        }
        let factor = match self.pattern {
            Pattern::Linear => 1,
            Pattern::Exponential => 1_u64.checked_shl(retry - 1).unwrap_or(u64::MAX),
        };
        let longest = self.longest.min(MAX_WAIT_SECONDS);
        Some(Duration::from_secs(self.interval.saturating_mul(factor).min(longest)))
    }
}

/// The condition that suspends a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Suspend {
    /// Never.
    Never,
    /// The first delivery that fails for good.
    GivenUp,
    /// More than this number of failed attempts in a row.
    Beyond(u32),
}

impl Policy {
    /// Returns Socotra's documented policy for a webhook without one: failures have no effect (its
    /// webhooks guide).
    pub fn indifferent() -> Self {
        Self {
            triggers: vec![Trigger::Class(4), Trigger::Class(5), Trigger::Timeout],
            retry: None,
            divert: false,
            suspend: Suspend::Never,
        }
    }

    /// Returns awork's documented policy for every webhook: ten retries, and a pause after more
    /// than ten failed attempts in a row (its webhooks guide). The waits are our own.
    pub fn awork() -> Self {
        let retry =
            Retry { pattern: Pattern::Exponential, interval: 10, attempts: 10, longest: 3600 };
        Self {
            triggers: vec![Trigger::Any],
            retry: Some(retry),
            divert: false,
            suspend: Suspend::Beyond(10),
        }
    }

    /// Returns the policy of a sink on this machine: retries until it works.
    pub fn sink() -> Self {
        let retry =
            Retry { pattern: Pattern::Exponential, interval: 1, attempts: u32::MAX, longest: 60 };
        Self {
            triggers: vec![Trigger::Any],
            retry: Some(retry),
            divert: false,
            suspend: Suspend::Never,
        }
    }

    /// Returns the policy of failure notices: three retries, and no notice about a notice.
    pub fn notices() -> Self {
        Self {
            triggers: vec![Trigger::Any],
            retry: Some(Retry::exponential(10, 3)),
            divert: false,
            suspend: Suspend::Never,
        }
    }

    /// Returns the trigger that matches the result of an attempt, the most specific first.
    pub fn trigger(&self, ended: AttemptResult) -> Option<Trigger> {
        self.triggers.iter().copied().filter(|trigger| trigger.is_for(ended)).min()
    }
}
