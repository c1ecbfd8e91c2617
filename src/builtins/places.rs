//! What a search for a pattern costs, by how many places the pattern has.
//!
//! A search is linear in the text, and a byte of it costs what can be going on there: mostly one
//! thing, since states of the pattern are made as they are met and are met again. A text can be
//! made that meets new ones all the time, where the pattern is `[ab]*a[ab]{300}` or the like; then
//! each byte costs as much as the pattern has places. So it counts that often.

use regex_syntax::hir::{Hir, HirKind};

/// Patterns with no more places than these meet all their states soon, whatever the text.
const FEW: usize = 8;

/// Bytes of a literal that are a place: little else goes on while one is read.
const LITERAL: usize = 8;

/// How often a byte of the text counts in a search for a pattern.
pub(super) fn weight(parsed: &Hir) -> usize {
    let places = places(parsed);
    // Words of other letters than ASCII's are told apart place by place, however few.
    let looks = parsed.properties().look_set();
    let is_plain = !looks.contains_word_unicode();
    if places <= FEW && is_plain { 1 } else { places.max(1) }
}

/// Each character, class and condition, as often as repetitions with an end repeat it. Recurses
/// as deep as the parser of patterns lets them nest.
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
        // Words of which any may stand there are searched for all at once.
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
    fn everyday_patterns_count_once() {
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
    fn patterns_count_as_often_as_they_have_places() {
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
