//! What comes after an attempt.

use std::time::Duration;

use super::attempt::Ended;
use super::policy::{LONGEST, Policy, Trigger};

/// What is known of a delivery when an attempt has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// Attempts so far, this one too.
    pub attempts: u32,
    /// How this one ended.
    pub ended: Ended,
    /// How long the receiver asks to wait.
    pub retry_after: Option<Duration>,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The receiver took it.
    Delivered,
    /// It is tried again.
    Again {
        /// When, in microseconds since the epoch.
        at: i64,
        /// What failed.
        trigger: Trigger,
    },
    /// It is given up, and the policy says what else is done.
    GivenUp {
        /// What failed.
        trigger: Trigger,
        /// Whether it is kept, to be sent again by hand.
        divert: bool,
    },
    /// It is given up, and the policy is not for such failures.
    Ignored,
}

/// What comes after an attempt. `now` is in microseconds since the epoch; `jitter`, from 0 to 1,
/// makes the wait longer by up to a tenth, so that what failed together is not tried together.
///
/// ```
/// use hookgate::delivery::{Ended, History, Next, Policy, Retry, Trigger, next_attempt};
///
/// let policy = Policy { retry: Some(Retry::exponential(10, 3)), ..Policy::indifferent() };
/// let history = History { attempts: 2, ended: Ended::Answered(503), retry_after: None };
/// let next = next_attempt(&policy, &history, 0, 0.0);
/// assert_eq!(next, Next::Again { at: 20_000_000, trigger: Trigger::Class(5) });
/// ```
pub fn next_attempt(policy: &Policy, history: &History, now: i64, jitter: f64) -> Next {
    if history.ended.is_success() {
        return Next::Delivered;
    }
    let Some(trigger) = policy.trigger(history.ended) else {
        return Next::Ignored;
    };
    // An address does not become a good one by waiting, and neither does a `transform`.
    let hopeless = matches!(history.ended, Ended::Forbidden | Ended::Unmade);
    let wait = policy.retry.filter(|_| !hopeless).and_then(|retry| retry.wait(history.attempts));
    match wait {
        Some(wait) => {
            let asked = history.retry_after.unwrap_or_default();
            let wait = jittered(wait, jitter).max(asked.min(Duration::from_secs(LONGEST)));
            let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
            Next::Again { at: now.saturating_add(wait), trigger }
        }
        None => Next::GivenUp { trigger, divert: policy.divert },
    }
}

/// A wait that is up to a tenth longer.
fn jittered(wait: Duration, jitter: f64) -> Duration {
    let longer = wait.mul_f64(jitter.clamp(0.0, 1.0) / 10.0);
    wait.saturating_add(longer)
}
