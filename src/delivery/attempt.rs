//! How an attempt ended, and what a receiver's answer asks for.

use std::time::Duration;

use crate::value::Time;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// There was an answer, with this status.
    Answered(u16),
    /// There was none in time.
    TimedOut,
    /// Nobody could be reached, or the connection broke before there was an answer.
    Unreachable,
    /// The address is one that nothing may be sent to.
    Forbidden,
    /// There is nothing that could be sent: the `transform` failed.
    Unmade,
}

impl Ended {
    /// Whether the receiver took it: any status of the 2xx class. A redirect is none.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Answered(200..=299))
    }

    /// The status, or 0 where there was no answer.
    pub fn status(self) -> u16 {
        match self {
            Self::Answered(status) => status,
            _ => 0,
        }
    }
}

/// How long `Retry-After` asks to wait: seconds, or a date (RFC 9110, section 10.2.3).
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
