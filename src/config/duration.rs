//! Time spans as people write them: `90`, `90s`, `10m`, `24h`, `30d`.

use std::time::Duration;

/// Reads a time span: a whole number with `s`, `m`, `h` or `d`; without, seconds.
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
