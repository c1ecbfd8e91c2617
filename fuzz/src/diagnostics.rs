//! Checks of diagnostics: every span is inside its source, and every diagnostic can be rendered.

use hookgate::diagnostic::{Diagnostics, to_json};
use hookgate::source::{Source, Span};

/// Asserts that every span of diagnostics is inside their source.
pub fn holds(diagnostics: &Diagnostics) {
    for one in &diagnostics.list {
        for label in &one.labels {
            lies_in(&diagnostics.source, label.span);
        }
        assert!(!one.message.is_empty());
    }
    let _ = diagnostics.to_string();
    let _ = to_json(&diagnostics.source, &diagnostics.list).to_string();
}

/// Asserts that a span starts and ends at character boundaries of a source.
pub fn lies_in(source: &Source, span: Span) {
    let text = source.text();
    let range = span.range();
    let (start, end) = (range.start, range.end);
    assert!(start <= end && end <= text.len(), "{span:?} of {}", text.len());
    assert!(
        text.is_char_boundary(start) && text.is_char_boundary(end),
        "{span:?} splits a character"
    );
}
