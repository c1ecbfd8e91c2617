//! Durations as users write them: `90`, `90s`, `10m`, `24h`, `30d`. Knows no configuration key.

use std::time::Duration;

use crate::document::Node;

/// Parses a duration: a whole number followed by `s`, `m`, `h` or `d`. A number without a unit is
/// in seconds.
///
/// ```
/// use hookgate::config::duration;
/// use std::time::Duration;
///
/// assert_eq!(duration::parse("10m"), Some(Duration::from_secs(600)));
/// assert_eq!(duration::parse("10 minutes"), None);
/// ```
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit).map(Duration::from_secs)
}

/// Reads a duration of a document: a text, or a number of seconds.
pub(crate) fn of(node: &Node) -> Option<Duration> {
    let seconds = node.as_count().map(Duration::from_secs);
    seconds.or_else(|| node.as_str().and_then(parse))
}
