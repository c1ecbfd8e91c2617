//! The failure policy of a subscription: which failures count, how often to try again, and what
//! happens when it is given up.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::attempt::Ended;

/// What is done about deliveries that fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The failures that it is for; any other ends a delivery at once, and nothing else happens.
    pub triggers: Vec<Trigger>,
    /// How to try again; none: it is not tried again.
    pub retry: Option<Retry>,
    /// Whether what is given up is kept, to be sent again by hand.
    pub divert: bool,
    /// When the subscription is suspended.
    pub suspend: Suspend,
}

/// A failure that a policy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trigger {
    /// One status: `404`.
    Status(u16),
    /// A class of statuses by its first digit: `4xx`, `5xx`.
    Class(u16),
    /// No answer: it took too long, nobody could be reached, or nothing could be sent.
    Timeout,
    /// Anything but success.
    Any,
}

impl Trigger {
    /// The trigger of a name: a status from 400 to 599, `4xx`, `5xx`, `timeout`.
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

    /// Whether it is for this end of an attempt.
    pub fn is_for(self, ended: Ended) -> bool {
        match (self, ended) {
            (_, ended) if ended.is_success() => false,
            (Self::Any, _) => true,
            (Self::Status(status), Ended::Answered(answered)) => status == answered,
            (Self::Class(class), Ended::Answered(answered)) => answered / 100 == class,
            (Self::Timeout, ended) => ended.status() == 0,
            _ => false,
        }
    }
}

/// As it is written in a policy.
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

/// How the times between attempts grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pattern {
    /// They stay the same.
    Linear,
    /// Each is twice the last.
    Exponential,
}

/// How to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// How the times between attempts grow.
    pub pattern: Pattern,
    /// The time before the first retry, in seconds.
    pub interval: u64,
    /// How often it is tried again after the first time.
    pub attempts: u32,
    /// No time between attempts is longer, in seconds.
    pub longest: u64,
}

/// No wait is longer than a day, whatever is configured or asked for.
pub(super) const LONGEST: u64 = 86_400;

/// What waits longer than this was planned by a clock that was wrong: the longest wait, and the
/// tenth that chance may add to it.
pub const LONGEST_WAIT: Duration = Duration::from_secs(LONGEST + LONGEST / 10);

impl Retry {
    /// Tries again at equal times.
    pub fn linear(interval: u64, attempts: u32) -> Self {
        Self { pattern: Pattern::Linear, interval, attempts, longest: LONGEST }
    }

    /// Tries again at times that double.
    pub fn exponential(interval: u64, attempts: u32) -> Self {
        Self { pattern: Pattern::Exponential, interval, attempts, longest: LONGEST }
    }

    /// The wait before a retry, counted from 1; none where there are no more.
    pub fn wait(&self, retry: u32) -> Option<Duration> {
        if retry == 0 || retry > self.attempts {
            return None;
        }
        let factor = match self.pattern {
            Pattern::Linear => 1,
            Pattern::Exponential => 1_u64.checked_shl(retry - 1).unwrap_or(u64::MAX),
        };
        let longest = self.longest.min(LONGEST);
        Some(Duration::from_secs(self.interval.saturating_mul(factor).min(longest)))
    }
}

/// When a subscription is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Suspend {
    /// Never.
    Never,
    /// When the first delivery is given up.
    GivenUp,
    /// When more attempts than so many failed with no success between them.
    Beyond(u32),
}

impl Policy {
    /// What Socotra documents for a webhook without a policy: indifference to whether a delivery
    /// succeeds (its webhooks guide).
    pub fn indifferent() -> Self {
        Self {
            triggers: vec![Trigger::Class(4), Trigger::Class(5), Trigger::Timeout],
            retry: None,
            divert: false,
            suspend: Suspend::Never,
        }
    }

    /// What awork documents for every webhook: ten retries, and a pause when more than ten
    /// attempts fail without a success (its webhooks guide). The times are ours.
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

    /// For a sink on this machine: it is tried until it works.
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

    /// For notices of failures: three retries, and no notice of a notice.
    pub fn notices() -> Self {
        Self {
            triggers: vec![Trigger::Any],
            retry: Some(Retry::exponential(10, 3)),
            divert: false,
            suspend: Suspend::Never,
        }
    }

    /// The trigger that matches an end of an attempt, the most particular first.
    pub fn trigger(&self, ended: Ended) -> Option<Trigger> {
        self.triggers.iter().copied().filter(|trigger| trigger.is_for(ended)).min()
    }
}
