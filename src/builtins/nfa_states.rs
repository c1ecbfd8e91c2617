//! The cost of a search for a pattern, estimated from the number of its NFA states.
//!
//! A search is linear in the text, and its cost for each byte is the number of active NFA states.
//! This is usually one, because the search caches the state sets it meets and meets them again. A
//! sender can craft a text that always meets new sets, for patterns such as `[ab]*a[ab]{300}`. Each
//! byte then costs as much as the pattern has states, so it is counted that many times. Knows
//! neither texts nor limits.

use regex_syntax::hir::{Hir, HirKind};

/// Maximum number of states of a pattern that counts each byte once. Such a pattern meets all its
/// state sets soon, for any text.
const MAX_CHEAP_STATES: usize = 8;

/// Bytes of a literal that count as one state: few other states are active while a literal is
/// matched.
const LITERAL: usize = 8;

/// Returns the weight of a pattern: the number of times that each byte of the text counts in a
/// search.
pub(super) fn weight(parsed: &Hir) -> usize {
    let places = places(parsed);
    // Unicode word boundaries are tested position by position, however few states the pattern has.
    let looks = parsed.properties().look_set();
    let is_plain = !looks.contains_word_unicode();
    if places <= MAX_CHEAP_STATES && is_plain { 1 } else { places.max(1) }
}

/// Counts the states: each character, class and condition, multiplied by bounded repetitions.
/// Recursion is as deep as the pattern parser allows patterns to nest.
fn places(part: &Hir) -> usize {
    match part.kind() {
        HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len().div_ceil(LITERAL),
        HirKind::Capture(capture) => places(&capture.sub),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1);
            places(&repetition.sub).saturating_mul(usize::try_from(times).unwrap_or(usize::MAX))
        }
        HirKind::Concat(parts) => sum(parts),
        // Alternatives that are all literals are searched at the same time.
        HirKind::Alternation(parts) if parts.iter().all(is_literal) => 1,
        HirKind::Alternation(parts) => sum(parts),
    }
}

fn sum(parts: &[Hir]) -> usize {
    parts.iter().map(places).fold(0, usize::saturating_add)
}

fn is_literal(part: &Hir) -> bool {
    matches!(part.kind(), HirKind::Literal(_))
}

#[cfg(test)]
mod tests {
    fn weight(pattern: &str) -> usize {
        super::weight(&regex_syntax::parse(pattern).unwrap())
    }

    #[test]
    fn ordinary_patterns_have_the_lowest_cost() {
        for pattern in [
            "a long text that stands there as it is",
            r"^[A-Z]+-\d+",
            r"\s*,\s*",
            "<[^>]*>",
            r"\w+@\w+",
            "foo|bar|baz",
        ] {
            assert_eq!(weight(pattern), 1, "{pattern}");
        }
    }

    #[test]
    fn pattern_cost_is_the_number_of_nfa_states() {
        for (pattern, expected) in [
            (r"^\d{4}-\d{2}-\d{2}$", 12),
            ("[ab]*a[ab]{300}c", 303),
            ("(a|b)*a(a|b){1000}c", 1003),
            ("(?:[ab]{0,100}a){1,30}c", 3031),
            ("(?:[ab]{10,}){10}", 110),
            (r"\bword\b", 3),
            ("(?:^a|b$){100}", 400),
            ("([a-c]{1000}){1000}", 1_000_000),
        ] {
            assert_eq!(weight(pattern), expected, "{pattern}");
        }
    }
}
