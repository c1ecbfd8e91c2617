//! What is told to authors: every place in it lies in its source, and it can be shown.

use hookgate::diagnostic::{Diagnostics, to_json};
use hookgate::source::{Source, Span};

/// Every place of diagnostics lies in their source.
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

/// A span begins and ends between letters of a source.
pub fn lies_in(source: &Source, span: Span) {
    let text = source.text();
    let range = span.range();
    let (start, end) = (range.start, range.end);
    assert!(start <= end && end <= text.len(), "{span:?} of {}", text.len());
    assert!(text.is_char_boundary(start) && text.is_char_boundary(end), "{span:?} cuts a letter");
}
