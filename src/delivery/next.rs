//! The decision after an attempt: retry, or end the delivery. Knows no clock; the caller passes the
//! time.

use std::time::Duration;

use super::attempt::AttemptResult;
use super::policy::{MAX_WAIT_SECONDS, Policy, Trigger};

/// The history of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// Attempts so far, including this one.
    pub attempts: u32,
    /// The result of this attempt.
    pub ended: AttemptResult,
    /// The wait that the receiver requests.
    pub retry_after: Option<Duration>,
}

/// The next step of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The receiver accepted the delivery.
    Delivered,
    /// The delivery is attempted again.
    Again {
        /// The time of the next attempt, in microseconds since the epoch.
        at: i64,
        /// The matching trigger of the policy.
        trigger: Trigger,
    },
    /// The delivery failed for good: it is exhausted, or a retry cannot help.
    GivenUp {
        /// The matching trigger of the policy.
        trigger: Trigger,
        /// True if the event goes to the dead-letter queue.
        divert: bool,
    },
    /// The delivery failed for good, and no trigger of the policy matches.
    Ignored,
}

/// Returns the next step after an attempt. `now` is in microseconds since the epoch. `jitter`, from
/// 0 to 1, extends the backoff by up to a tenth, so that deliveries that failed together are not
/// retried together.
///
/// ```
/// use hookgate::delivery::{AttemptResult, History, Next, Policy, Retry, Trigger, next_attempt};
///
/// let policy = Policy { retry: Some(Retry::exponential(10, 3)), ..Policy::indifferent() };
/// let history = History { attempts: 2, ended: AttemptResult::Answered(503), retry_after: None };
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
    // A retry helps neither a forbidden address nor a failed `transform`.
    let hopeless = matches!(history.ended, AttemptResult::Forbidden | AttemptResult::Unmade);
    let wait = policy.retry.filter(|_| !hopeless).and_then(|retry| retry.wait(history.attempts));
    match wait {
        Some(wait) => {
            let asked = history.retry_after.unwrap_or_default();
            let wait = jittered(wait, jitter).max(asked.min(Duration::from_secs(MAX_WAIT_SECONDS)));
            let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
            Next::Again { at: now.saturating_add(wait), trigger }
        }
        None => Next::GivenUp { trigger, divert: policy.divert },
    }
}

/// Extends a wait by up to a tenth.
fn jittered(wait: Duration, jitter: f64) -> Duration {
    let longer = wait.mul_f64(jitter.clamp(0.0, 1.0) / 10.0);
    wait.saturating_add(longer)
}
