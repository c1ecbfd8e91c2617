//! Explanations as JSON, for tools.

use serde_json::{Value, json};

use super::{Explanation, Part, State};

/// The explanation as JSON: `{source, answer | trap, deciding, root}`. Each part has `start`,
/// `end`, `line`, `column`, `text`, `state` (`value`, `secret`, `skipped`, `failed`), `value`
/// where it has one, `decides`, `turn` in the body of a lambda, and `parts`.
pub fn to_json(explanation: &Explanation) -> Value {
    let deciding = explanation.deciding();
    let deciding: Value = deciding.iter().map(|part| place(explanation, part)).collect();
    let mut out = json!({
        "source": explanation.source.text(),
        "deciding": deciding,
        "root": part(explanation, &explanation.root),
    });
    match &explanation.answer {
        Ok(answer) => out["answer"] = value(answer),
        Err(trap) => {
            let shown = crate::diagnostic::to_json(&explanation.source, &[trap.diagnostic()]);
            out["trap"] = shown.get(0).cloned().unwrap_or(Value::Null);
        }
    }
    out
}

/// A value as JSON. Our own writer prints what serde_json's values cannot hold exactly.
fn value(value: &crate::value::OwnedValue) -> Value {
    serde_json::from_str(&value.to_string()).unwrap_or(Value::Null)
}

fn place(explanation: &Explanation, part: &Part) -> Value {
    let position = explanation.source.position(part.span.start as usize);
    json!({
        "start": part.span.start,
        "end": part.span.end,
        "line": position.line,
        "column": position.column,
        "text": explanation.source.slice(part.span),
    })
}

fn part(explanation: &Explanation, one: &Part) -> Value {
    let mut out = place(explanation, one);
    out["decides"] = one.decides.into();
    out["state"] = match &one.state {
        State::Value(_) => "value",
        State::Secret => "secret",
        State::Skipped => "skipped",
        State::Failed => "failed",
    }
    .into();
    if let State::Value(shown) = &one.state {
        out["value"] = value(shown);
    }
    if let Some(turn) = &one.turn {
        out["turn"] = json!({ "at": turn.at, "of": turn.of, "passed": turn.passed });
    }
    if !one.parts.is_empty() {
        out["parts"] = one.parts.iter().map(|inner| part(explanation, inner)).collect();
    }
    out
}
