//! Explanations as JSON, for tools. Does not compute them.

use serde_json::{Map, Value, json};

use super::{Explanation, Part, State};
use crate::value::OwnedValue;

/// Returns the explanation as JSON: `{source, answer | trap, deciding, root}`. Each part has
/// `start`, `end`, `line`, `column`, `text`, `state` (`value`, `secret`, `large`, `skipped`,
/// `failed`), `value` if it has one, `decides`, `turn` in the body of a lambda, and `parts`.
pub fn to_json(explanation: &Explanation) -> Value {
    let deciding = explanation.deciding();
    let deciding: Value =
        deciding.iter().map(|part| Value::from(place(explanation, part))).collect();
    let (name, outcome) = match &explanation.answer {
        Ok(answer) => ("answer", value(answer)),
        Err(trap) => {
            ("trap", crate::diagnostic::to_json(&explanation.source, &[trap.diagnostic()]))
        }
    };
    // A run has at most one trap, but diagnostics are an array.
    let outcome = match (name, outcome) {
        ("trap", Value::Array(list)) => list.into_iter().next().unwrap_or(Value::Null),
        (_, outcome) => outcome,
    };
    let mut out = Map::new();
    out.insert("source".to_owned(), explanation.source.text().into());
    out.insert(name.to_owned(), outcome);
    out.insert("deciding".to_owned(), deciding);
    out.insert("root".to_owned(), part(explanation, &explanation.root));
    out.into()
}

/// Converts a value to JSON through the value's own writer.
fn value(value: &OwnedValue) -> Value {
    serde_json::from_str(&value.to_string()).unwrap_or(Value::Null)
}

fn place(explanation: &Explanation, part: &Part) -> Map<String, Value> {
    let position = explanation.source.position(part.span.start as usize);
    let mut out = Map::new();
    out.insert("start".to_owned(), part.span.start.into());
    out.insert("end".to_owned(), part.span.end.into());
    out.insert("line".to_owned(), position.line.into());
    out.insert("column".to_owned(), position.column.into());
    out.insert("text".to_owned(), explanation.source.slice(part.span).into());
    out
}

fn part(explanation: &Explanation, one: &Part) -> Value {
    let mut out = place(explanation, one);
    out.insert("decides".to_owned(), one.decides.into());
    let state = match &one.state {
        State::Value(_) => "value",
        State::Secret => "secret",
        State::Large => "large",
        State::Skipped => "skipped",
        State::Failed => "failed",
    };
    out.insert("state".to_owned(), state.into());
    if let State::Value(shown) = &one.state {
        out.insert("value".to_owned(), value(shown));
    }
    if let Some(turn) = &one.turn {
        out.insert(
            "turn".to_owned(),
            json!({ "at": turn.at, "of": turn.of, "passed": turn.passed }),
        );
    }
    let parts = one.parts.iter().map(|inner| part(explanation, inner));
    out.insert("parts".to_owned(), parts.collect());
    out.into()
}
