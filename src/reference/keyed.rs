//! The loops with a key for each element: `GROUP UNIQUE MIN MAX SUM`. Does not know bytecode.

use super::{Answer, At, arithmetic, build_object, compare, fault};
use crate::builtins::LoopKind;
use crate::source::Span;
use crate::value::{Fault, FaultKind, Heap, Number, Value};

/// Runs a loop. `key` evaluates the lambda.
pub(super) fn run<'a>(
    heap: &'a Heap,
    kind: LoopKind,
    elements: &[(Value<'a>, Value<'a>)],
    span: Span,
    key: impl Fn(&[Value<'a>]) -> Answer<'a>,
) -> Answer<'a> {
    let keyed =
        elements.iter().map(|(value, place)| key(&[*value, *place]).map(|key| (key, *value)));
    match kind {
        LoopKind::Group => grouped(heap, keyed, span),
        LoopKind::Unique => unique(heap, keyed, span),
        LoopKind::Sum => sum(heap, keyed, span),
        _ => foremost(kind, keyed, span),
    }
}

/// A key with its element, or the trap of the lambda.
type Keyed<'a> = Result<(Value<'a>, Value<'a>), crate::vm::Trap>;

fn grouped<'a>(heap: &'a Heap, keyed: impl Iterator<Item = Keyed<'a>>, span: Span) -> Answer<'a> {
    let mut groups: Vec<(&str, Vec<Value<'a>>)> = Vec::new();
    for pair in keyed {
        let (key, value) = pair?;
        let key = key.as_text().ok_or_else(|| wrong("a key is a string")).at(span)?;
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(value),
            None => groups.push((key, vec![value])),
        }
    }
    let mut entries = Vec::new();
    for (key, group) in groups {
        entries.push((key, heap.list(&group).at(span)?));
    }
    build_object(heap, &entries, false).at(span)
}

fn unique<'a>(heap: &'a Heap, keyed: impl Iterator<Item = Keyed<'a>>, span: Span) -> Answer<'a> {
    let keyed: Vec<(Value<'a>, Value<'a>)> = keyed.collect::<Result<_, _>>()?;
    let mut kept: Vec<(Value<'a>, Value<'a>)> = Vec::new();
    for (key, value) in keyed {
        // A key that cannot be read fails also if it is the only one.
        compare::equal(key, key).at(span)?;
        let mut is_new = true;
        for (other, _) in &kept {
            is_new = is_new && !compare::equal(key, *other).at(span)?;
        }
        if is_new {
            kept.push((key, value));
        }
    }
    let values: Vec<Value<'a>> = kept.into_iter().map(|(_, value)| value).collect();
    heap.list(&values).at(span)
}

fn foremost<'a>(kind: LoopKind, keyed: impl Iterator<Item = Keyed<'a>>, span: Span) -> Answer<'a> {
    let mut best: Option<(Value<'a>, Value<'a>)> = None;
    for pair in keyed {
        let (key, value) = pair?;
        if key.is_null() {
            continue;
        }
        let other = best.map_or(key, |(known, _)| known);
        let order = compare::order(key, other).at(span)?;
        let precedes = order.is_some_and(|order| match kind {
            LoopKind::Min => order.is_lt(),
            _ => order.is_gt(),
        });
        if precedes || best.is_none() {
            best = Some((key, value));
        }
    }
    Ok(best.map_or(Value::Null, |(_, value)| value))
}

/// Adds the integers exactly, and the decimals in order. The sum of both is the result.
fn sum<'a>(heap: &'a Heap, keyed: impl Iterator<Item = Keyed<'a>>, span: Span) -> Answer<'a> {
    let mut integers = 0_i128;
    let mut decimals = None;
    for pair in keyed {
        let (key, _) = pair?;
        match key {
            Value::Null => {}
            Value::Number(Number::Decimal(_)) => {
                let so_far = decimals.unwrap_or(Value::Number(Number::ZERO));
                decimals = Some(arithmetic::add(heap, so_far, key).at(span)?);
            }
            Value::Number(number) => {
                integers += number.as_integer().unwrap_or(0);
            }
            Value::BigNumber(_) => return Err(out_of_range()).at(span),
            _ => return Err(wrong("this is no number")).at(span),
        }
    }
    let integers = Number::integer(integers).ok_or_else(out_of_range).at(span)?;
    match decimals {
        Some(decimals) => arithmetic::add(heap, decimals, Value::Number(integers)).at(span),
        None => Ok(Value::Number(integers)),
    }
}

fn wrong(message: &str) -> Fault {
    fault(FaultKind::WrongArgument, message)
}

fn out_of_range() -> Fault {
    fault(FaultKind::OutOfRange, "this number is out of range")
}
