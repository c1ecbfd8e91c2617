//! The result of an attempt, and the wait that a receiver requests. Knows no policy.

use std::time::Duration;

use crate::value::Time;

/// The result of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptResult {
    /// The receiver responded with this status.
    Answered(u16),
    /// No response within the time limit.
    TimedOut,
    /// The receiver was not reachable, or the connection broke before a response.
    Unreachable,
    /// The address is forbidden (SSRF protection).
    Forbidden,
    /// No message could be built, for example because the `transform` failed.
    Unmade,
}

impl AttemptResult {
    /// Returns true if the receiver accepted the delivery: a 2xx status. A redirect is a failure.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Answered(200..=299))
    }

    /// Returns the status, or 0 without a response.
    pub fn status(self) -> u16 {
        match self {
            Self::Answered(status) => status,
            _ => 0,
        }
    }
}

/// Returns the wait that `Retry-After` requests: seconds, or a date (RFC 9110, section 10.2.3).
///
/// ```
/// use std::time::Duration;
/// use hookgate::delivery::retry_after;
/// use hookgate::engine::Time;
///
/// assert_eq!(retry_after("120", Time::EPOCH), Some(Duration::from_secs(120)));
/// let date = "Thu, 01 Jan 1970 00:01:00 GMT";
/// assert_eq!(retry_after(date, Time::EPOCH), Some(Duration::from_secs(60)));
/// assert_eq!(retry_after("soon", Time::EPOCH), None);
/// ```
pub fn retry_after(text: &str, now: Time) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    Some((date - now.get()).to_std().unwrap_or_default())
}
