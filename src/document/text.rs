//! Strings of documents: their value, and the source position of each byte of it. Knows no format
//! beyond its quoting style.

use std::ops::Range;

use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// A string.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    /// The value, with escapes resolved.
    pub(crate) value: String,
    /// The position in the source, including the quotes.
    pub(crate) span: Span,
    /// The source offset of each byte of the value, and of its end. Empty if the alignment failed.
    places: Vec<u32>,
}

/// The quoting style of a string, as needed to find a part of the string in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Without escapes. White space at line ends may be folded.
    Plain,
    /// Without escapes except `''`.
    Single,
    /// With escapes that start with a backslash.
    Escaped,
}

impl Text {
    /// Creates a string from its source range without the quotes.
    pub(super) fn new(
        value: String,
        span: Span,
        source: &str,
        inner: Range<usize>,
        style: Style,
    ) -> Self {
        let raw = source.get(inner.clone()).unwrap_or("");
        let places = align(raw, &value, style).unwrap_or_default();
        let start = u32::try_from(inner.start).unwrap_or(u32::MAX);
        let places = places.into_iter().map(|place| place.saturating_add(start)).collect();
        Self { value, span, places }
    }

    /// Returns the source position of a part of the string, or of the whole string if the part
    /// cannot be located.
    pub(crate) fn place(&self, part: Span) -> Span {
        let place = |offset: u32| self.places.get(offset as usize).copied();
        match (place(part.start), place(part.end)) {
            (Some(start), Some(end)) => Span { start, end: end.max(start) },
            _ => self.span,
        }
    }

    /// Moves the labels of a diagnostic from positions in the string to positions in the source.
    pub(crate) fn placed(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        for label in &mut diagnostic.labels {
            label.span = self.place(label.span);
        }
        diagnostic
    }
}

/// Aligns the bytes of a value with its source text. Returns `None` if they do not match: the
/// source then uses an uncommon escape that this function does not support.
fn align(raw: &str, value: &str, style: Style) -> Option<Vec<u32>> {
    let mut places = Vec::with_capacity(value.len() + 1);
    let mut at = 0;
    for (done, character) in value.char_indices() {
        let rest = raw.get(at..)?;
        // A block value ends in a line break that the source may omit.
        if rest.is_empty() && value.get(done..)?.trim().is_empty() {
            places.resize(value.len(), u32::try_from(at).ok()?);
            break;
        }
        let (start, length) = find(rest, character, style)?;
        places.extend(std::iter::repeat_n(u32::try_from(at + start).ok()?, character.len_utf8()));
        at += start + length;
    }
    places.push(u32::try_from(at).ok()?);
    raw.get(at..)?.trim().is_empty().then_some(places)
}

/// Finds the next character of a value in the remaining source. Returns its offset and the length
/// of its spelling in bytes.
fn find(rest: &str, character: char, style: Style) -> Option<(usize, usize)> {
    for (at, written) in rest.char_indices() {
        let after = rest.get(at..)?;
        if style == Style::Escaped && written == '\\' {
            match escape_length(after, character) {
                // A line continuation.
                None => continue,
                Some(length) => return Some((at, length)),
            }
        }
        let folded = character == ' ' && matches!(written, '\n' | '\r');
        if written == character || folded {
            return Some((at, written.len_utf8()));
        }
        let skipped = written.is_whitespace() || (style == Style::Single && written == '\'');
        if !skipped {
            return None;
        }
    }
    None
}

fn escape_length(rest: &str, character: char) -> Option<usize> {
    Some(match rest.as_bytes().get(1)? {
        b'\n' | b'\r' => return None,
        b'x' => 4,
        b'U' => 10,
        b'u' if character > '\u{ffff}' => 12,
        b'u' => 6,
        _ => 1 + rest.chars().nth(1)?.len_utf8(),
    })
}

#[cfg(test)]
mod tests {
    use super::{Style, align};

    #[track_caller]
    fn check(style: Style, raw: &str, value: &str, part: &str, place: &str) {
        let places = align(raw, value, style).unwrap();
        let start = value.find(part).unwrap();
        let range = places[start] as usize..places[start + part.len()] as usize;
        assert_eq!(raw.get(range), Some(place));
    }

    #[test]
    fn spans_are_mapped_through_escapes_and_folded_lines() {
        check(Style::Plain, "a == b", "a == b", "b", "b");
        check(
            Style::Escaped,
            r#"\"é\" == \u0062\ud83d\ude00 x"#,
            "\"é\" == b😀 x",
            "b😀",
            r"\u0062\ud83d\ude00",
        );
        check(Style::Escaped, r"a\/b c", "a/b c", "c", "c");
        check(Style::Escaped, "a \\\n    b", "a b", "b", "b");
        check(Style::Single, "x == ''y'' z", "x == 'y' z", "z", "z");
        check(Style::Plain, "a\n    b\n  c\n", "a\n  b\nc\n", "b", "b");
        check(Style::Plain, "a\n  b", "a\nb\n", "b", "b");
        check(Style::Plain, "one\r\n  two", "one two", "one", "one");
        check(Style::Plain, "one\r\n  two", "one two", "two", "two");
    }

    #[test]
    fn strings_that_differ_from_their_source_have_no_spans() {
        assert_eq!(align("abc", "abd", Style::Plain), None);
        assert_eq!(align("abc", "ab", Style::Plain), None);
        assert_eq!(align(r"\N", "\u{85}x", Style::Escaped), None);
    }
}
