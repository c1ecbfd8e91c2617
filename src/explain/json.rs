//! Explanations as JSON, for tools. Does not compute them.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Explanation, Part, State};
use crate::value::OwnedValue;

/// Returns the explanation as JSON: `{source, answer | trap, deciding, root}`. Each part has
/// `start`, `end`, `line`, `column`, `text`, `state` (`value`, `secret`, `large`, `skipped`,
/// `failed`), `value` if it has one, `decides`, `turn` in the body of a lambda, and `parts`. Values
/// are written as an evaluation writes them: the same digits, and keys in their order.
pub fn to_json(explanation: &Explanation) -> String {
    let (answer, trap) = match &explanation.answer {
        Ok(answer) => (Some(value(answer)), None),
        Err(trap) => {
            let shown = crate::diagnostic::to_json(&explanation.source, &[trap.diagnostic()]);
            // A run has at most one trap, but diagnostics are an array.
            (None, Some(shown.get(0).cloned().unwrap_or_default()))
        }
    };
    let shown = ShownExplanation {
        source: explanation.source.text(),
        answer,
        trap,
        deciding: explanation.deciding().iter().map(|part| place(explanation, part)).collect(),
        root: part(explanation, &explanation.root),
    };
    // Writing to memory never fails, and every key is a string.
    serde_json::to_string(&shown).unwrap_or_default()
}

#[derive(Serialize)]
struct ShownExplanation<'e> {
    source: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trap: Option<serde_json::Value>,
    deciding: Vec<ShownPlace<'e>>,
    root: ShownPart<'e>,
}

#[derive(Serialize)]
struct ShownPlace<'e> {
    start: u32,
    end: u32,
    line: usize,
    column: usize,
    text: &'e str,
}

#[derive(Serialize)]
struct ShownPart<'e> {
    #[serde(flatten)]
    place: ShownPlace<'e>,
    decides: bool,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    turn: Option<ShownTurn<'e>>,
    parts: Vec<ShownPart<'e>>,
}

#[derive(Serialize)]
struct ShownTurn<'e> {
    at: usize,
    of: usize,
    passed: &'e [usize],
}

/// Returns a value as the JSON that its own writer writes.
fn value(value: &OwnedValue) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap_or_default()
}

fn place<'e>(explanation: &'e Explanation, part: &Part) -> ShownPlace<'e> {
    let position = explanation.source.position(part.span.start as usize);
    ShownPlace {
        start: part.span.start,
        end: part.span.end,
        line: position.line,
        column: position.column,
        text: explanation.source.slice(part.span),
    }
}

fn part<'e>(explanation: &'e Explanation, one: &'e Part) -> ShownPart<'e> {
    let (state, shown) = match &one.state {
        State::Value(shown) => ("value", Some(value(shown))),
        State::Secret => ("secret", None),
        State::Large => ("large", None),
        State::Skipped => ("skipped", None),
        State::Failed => ("failed", None),
    };
    let turn = one.turn.as_ref();
    ShownPart {
        place: place(explanation, one),
        decides: one.decides,
        state,
        value: shown,
        turn: turn.map(|turn| ShownTurn { at: turn.at, of: turn.of, passed: &turn.passed }),
        parts: one.parts.iter().map(|inner| part(explanation, inner)).collect(),
    }
}
