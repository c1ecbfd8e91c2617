//! The cost of a regular expression, estimated without compiling it.
//!
//! Parsing a pattern is fast. Compiling takes time in proportion to the size of the compiled form,
//! which the text does not show: `\w{20}` is six bytes of text and almost a megabyte compiled. So
//! the size is estimated from the parsed form. Knows no limits.

use regex_syntax::hir::{Class, Hir, HirKind};
use regex_syntax::utf8::Utf8Sequences;

use super::nfa_states;

/// The estimated cost of a regular expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PatternCost {
    /// The number of times that each byte of a text counts in a search.
    pub(crate) weight: usize,
    /// Upper bound of the compiled form, in bytes.
    pub(crate) bytes: usize,
}

/// Bytes of a state in the compiled form.
const STATE: usize = 32;

/// Bytes of a transition between states for a range of byte values.
const TRANSITION: usize = 16;

/// Bytes of a character class beyond ASCII (`CLASS`), and of each byte in the UTF-8 sequences of
/// its ranges (`STEP`).
const CLASS: usize = 11 * STATE;
const STEP: usize = 21;

/// Maximum number of ranges of a class that are counted one by one. A longer class is extrapolated
/// from its first ranges.
const COUNTED_RANGES: usize = 128;

/// Returns the size limit for the compiler: the given limit with a margin, so that a pattern whose
/// estimate fits always compiles.
pub(super) fn with_slack(limit: usize) -> usize {
    limit.saturating_add(limit / 8)
}

/// Returns the cost of a regular expression, or `None` if it does not parse.
pub(crate) fn pattern_cost(pattern: &str) -> Option<PatternCost> {
    regex_syntax::parse(pattern).ok().map(|parsed| cost_of(&parsed))
}

pub(super) fn cost_of(parsed: &Hir) -> PatternCost {
    PatternCost {
        weight: nfa_states::weight(parsed),
        bytes: bytes(parsed).saturating_add(4 * STATE),
    }
}

/// Estimates the size in bytes. Recursion is as deep as the pattern parser allows patterns to nest.
fn bytes(part: &Hir) -> usize {
    match part.kind() {
        HirKind::Empty | HirKind::Look(_) => STATE,
        HirKind::Literal(literal) => literal.0.len().saturating_mul(STATE),
        HirKind::Class(class) => class_bytes(class),
        HirKind::Capture(capture) => bytes(&capture.sub).saturating_add(3 * STATE),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1);
            let once = bytes(&repetition.sub).saturating_add(2 * STATE);
            once.saturating_mul(usize::try_from(most).unwrap_or(usize::MAX))
        }
        HirKind::Concat(parts) => sum(parts, STATE),
        HirKind::Alternation(parts) => sum(parts, 2 * STATE),
    }
}

fn sum(parts: &[Hir], each: usize) -> usize {
    let sum = parts.iter().map(bytes).fold(0, usize::saturating_add);
    sum.saturating_add(parts.len().saturating_mul(each))
}

fn class_bytes(class: &Class) -> usize {
    match class {
        Class::Bytes(class) => STATE + class.ranges().len() * TRANSITION,
        Class::Unicode(class) if class.is_ascii() => STATE + class.ranges().len() * TRANSITION,
        Class::Unicode(class) => {
            let ranges = class.ranges();
            let counted = ranges.len().clamp(1, COUNTED_RANGES);
            let steps: usize = ranges
                .iter()
                .take(counted)
                .flat_map(|range| Utf8Sequences::new(range.start(), range.end()))
                .map(|sequence| sequence.len())
                .sum();
            CLASS + (steps * ranges.len()).div_ceil(counted) * STEP
        }
    }
}

#[cfg(test)]
mod tests {
    use regex::RegexBuilder;

    use super::pattern_cost;

    /// Returns true if a pattern compiles within a size in bytes.
    fn fits(pattern: &str, bytes: usize) -> bool {
        RegexBuilder::new(pattern).size_limit(bytes).build().is_ok()
    }

    #[test]
    fn the_pattern_size_estimate_is_a_close_upper_bound() {
        for pattern in [
            "a",
            "a long text that stands there as it is",
            r"^[A-Z]+-\d+$",
            r"^[A-Z]+-[0-9]+$",
            r"\w+@\w+\.\w{2,10}",
            r"\w{20}x17",
            r"(\pL{1,10}){1,10}",
            r"\s*,\s*",
            "(?i)grüße|straße|[à-ÿ]{3,40}",
            r"(?i)\p{Greek}{1,50}",
            "[^a-z]{1,60}",
            ".{1,200}",
            "(?s).{1,200}",
            r"(?-u:[\x00-\x7f]{1,200})",
            "(foo|bar|baz){1,50}",
            "(a|b)*a(a|b){100}",
            r"(?<y>\d{4})-(?<m>\d{2})",
            "(?:(?:a?){10}){10}",
            r"\b(?:\W+\w+){1,6}\b",
        ] {
            let bytes = pattern_cost(pattern).unwrap().bytes;
            assert!(fits(pattern, super::with_slack(bytes)), "{pattern}: {bytes} are not enough");
            let far = (bytes / 8).saturating_sub(2_000);
            assert!(far == 0 || !fits(pattern, far), "{pattern}: {bytes} are far too many");
        }
    }

    #[test]
    fn the_size_estimate_of_an_enormous_pattern_is_fast() {
        for pattern in
            [r"(?:\pL{1,100}){1,100}", r"(?:(?:\w{100}){100}){100}", "((a{1000}){1000}){1000}"]
        {
            assert!(pattern_cost(pattern).unwrap().bytes > 1 << 20, "{pattern}");
        }
    }
}
