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

/// The words that people write for the units.
const UNIT_WORDS: &[(&str, &[&str])] = &[
    ("s", &["s", "sec", "secs", "second", "seconds"]),
    ("m", &["m", "min", "mins", "minute", "minutes"]),
    ("h", &["h", "hr", "hrs", "hour", "hours"]),
    ("d", &["d", "day", "days"]),
];

/// Returns the help for a text that is not a duration.
pub(crate) fn advice(text: &str) -> Option<String> {
    let digits = text.get(..text.find(|c: char| !c.is_ascii_digit())?)?;
    let word = text.get(digits.len()..)?.trim().to_ascii_lowercase();
    if digits.is_empty() {
        return None;
    }
    let days = |factor: u64| Some(digits.parse::<u64>().ok()?.checked_mul(factor)?.to_string());
    let span = match &*word {
        "w" | "week" | "weeks" => format!("{}d", days(7)?),
        "y" | "year" | "years" => format!("{}d", days(365)?),
        word => {
            let (unit, _) = UNIT_WORDS.iter().find(|(_, words)| words.contains(&word))?;
            format!("{digits}{unit}")
        }
    };
    Some(format!("write `{span}`"))
}

#[cfg(test)]
mod tests {
    use super::{advice, parse};

    #[test]
    fn a_mistyped_duration_gets_its_right_form() {
        for (text, span) in [("14 days", "14d"), ("1 minute", "1m"), ("2w", "14d"), ("3 H", "3h")] {
            assert_eq!(advice(text), Some(format!("write `{span}`")), "{text}");
            assert!(parse(text).is_none() && parse(span).is_some(), "{text}");
        }
        for text in ["", "days", "10 x", "1.5h"] {
            assert_eq!(advice(text), None, "{text}");
        }
    }
}
