//! Diagnostics as JSON, for tools. Does not know their causes.

use serde_json::{Value, json};

use super::{Diagnostic, Label};
use crate::source::Source;

/// Returns the diagnostics as a JSON array of `{code, severity, message, labels, help}`. Each label
/// is `{start, end, line, column, text}`: byte offsets, and a line and a column in characters, both
/// counted from 1.
pub fn to_json(source: &Source, diagnostics: &[Diagnostic]) -> Value {
    diagnostics.iter().map(|one| diagnostic(source, one)).collect()
}

fn diagnostic(source: &Source, one: &Diagnostic) -> Value {
    let labels: Value = one.labels.iter().map(|one| label(source, one)).collect();
    json!({
        "code": one.code.name(),
        "severity": one.severity.name(),
        "message": one.message,
        "labels": labels,
        "help": one.help,
    })
}

fn label(source: &Source, label: &Label) -> Value {
    let position = source.position(label.span.start as usize);
    json!({
        "start": label.span.start,
        "end": label.span.end,
        "line": position.line,
        "column": position.column,
        "text": label.text,
    })
}
