//! The loops, and the functions with a key for each element. Does not know bytecode.

use super::access::too_deep;
use super::compare::sort_order;
use super::keyed;
use super::{Answer, At, build_object, fault, truth};
use crate::builtins::LoopKind;
use crate::source::Span;
use crate::value::{Fault, FaultKind, Heap, Number, Value};

/// An element of a list with its index, or of an object with its key.
type Element<'a> = (Value<'a>, Value<'a>);

/// Runs a loop. `args` are its arguments without the lambda; `body` evaluates the lambda.
pub(super) fn run<'a>(
    heap: &'a Heap,
    kind: LoopKind,
    args: &[Value<'a>],
    span: Span,
    body: impl Fn(&[Value<'a>]) -> Answer<'a>,
) -> Answer<'a> {
    let subject = args.first().copied().unwrap_or(Value::Null);
    let extra = args.get(1).copied().unwrap_or(Value::Null);
    if subject.is_null() {
        return Ok(of_nothing(kind));
    }
    let elements = elements(kind, subject).at(span)?;
    let passes = |element: &Element<'a>| body(&[element.0, element.1]).map(truth);
    match kind {
        LoopKind::Any => {
            for element in &elements {
                if passes(element)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        LoopKind::All => {
            for element in &elements {
                if !passes(element)? {
                    return Ok(Value::Bool(false));
                }
            }
            Ok(Value::Bool(true))
        }
        LoopKind::Find => {
            for element in &elements {
                if passes(element)? {
                    return Ok(element.0);
                }
            }
            Ok(Value::Null)
        }
        LoopKind::Reduce => {
            elements.iter().try_fold(extra, |gathered, element| body(&[gathered, element.0]))
        }
        LoopKind::Map => {
            let mut answers = Vec::new();
            for (value, place) in elements {
                answers.push((body(&[value, place])?, place));
            }
            collected(heap, subject, &answers).at(span)
        }
        LoopKind::Filter => {
            let mut kept = Vec::new();
            for element in elements {
                if passes(&element)? {
                    kept.push(element);
                }
            }
            collected(heap, subject, &kept).at(span)
        }
        LoopKind::Sort => sorted(heap, &elements, extra, span, body),
        LoopKind::Count => {
            let mut passed = 0;
            for element in &elements {
                passed += usize::from(passes(element)?);
            }
            Ok(count(passed))
        }
        LoopKind::Group | LoopKind::Unique | LoopKind::Min | LoopKind::Max | LoopKind::Sum => {
            keyed::run(heap, kind, &elements, span, body)
        }
    }
}

/// Returns the result for null: `$ANY` is false, `$ALL` is true, and all others are null.
fn of_nothing<'a>(kind: LoopKind) -> Value<'a> {
    match kind {
        LoopKind::Any => Value::Bool(false),
        LoopKind::All => Value::Bool(true),
        LoopKind::Count => count(0),
        _ => Value::Null,
    }
}

fn elements<'a>(kind: LoopKind, subject: Value<'a>) -> Result<Vec<Element<'a>>, Fault> {
    match subject {
        Value::List(list) => {
            Ok(list.iter().enumerate().map(|(at, value)| (value, count(at))).collect())
        }
        Value::Object(object) if takes_objects(kind) => {
            // An object made with a secret is secret, and so are its keys.
            let secret = object.holds_secret();
            let key = |key| if secret { Value::SecretText(key) } else { Value::Text(key) };
            Ok(object.iter().map(|(name, value)| (value, key(name))).collect())
        }
        Value::Opaque(_) => Err(too_deep()),
        _ => Err(fault(FaultKind::WrongArgument, "this is nothing to go through")),
    }
}

fn takes_objects(kind: LoopKind) -> bool {
    use LoopKind::{All, Any, Count, Filter, Find, Map};
    matches!(kind, All | Any | Count | Filter | Find | Map)
}

fn count<'a>(at: usize) -> Value<'a> {
    Value::Number(Number::from(at as u64))
}

/// Collects elements into a list for a list, or an object for an object.
fn collected<'a>(
    heap: &'a Heap,
    subject: Value<'a>,
    elements: &[Element<'a>],
) -> Result<Value<'a>, Fault> {
    if let Value::List(_) = subject {
        let values: Vec<Value<'a>> = elements.iter().map(|(value, _)| *value).collect();
        return heap.list(&values);
    }
    let mut entries = Vec::new();
    for (value, place) in elements {
        if let Value::Text(key) | Value::SecretText(key) = place {
            entries.push((*key, *value));
        }
    }
    build_object(heap, &entries, subject.holds_secret())
}

/// Sorts by insertion: each element goes after those that it does not precede.
fn sorted<'a>(
    heap: &'a Heap,
    elements: &[Element<'a>],
    descending: Value<'a>,
    span: Span,
    key: impl Fn(&[Value<'a>]) -> Answer<'a>,
) -> Answer<'a> {
    let descending = match descending {
        Value::Null => false,
        Value::Bool(value) => value,
        _ => return Err(fault(FaultKind::WrongArgument, "`descending` is a boolean")).at(span),
    };
    let mut keyed = Vec::new();
    for (value, _) in elements {
        keyed.push((key(&[*value])?, *value));
    }
    let mut order: Vec<(Value<'a>, Value<'a>)> = Vec::new();
    for (key, value) in keyed {
        let at = place(&order, key, descending).at(span)?;
        order.insert(at, (key, value));
    }
    let values: Vec<Value<'a>> = order.iter().map(|(_, value)| *value).collect();
    heap.list(&values).at(span)
}

fn place<'a>(
    order: &[(Value<'a>, Value<'a>)],
    key: Value<'a>,
    descending: bool,
) -> Result<usize, Fault> {
    for (at, (other, _)) in order.iter().enumerate().rev() {
        let compared = key_order(*other, key)?;
        let comes_after = if descending { compared.is_lt() } else { compared.is_gt() };
        if !comes_after {
            return Ok(at + 1);
        }
    }
    Ok(0)
}

/// Compares sort keys. Two lists compare by their first items that differ, then by length.
fn key_order(left: Value<'_>, right: Value<'_>) -> Result<std::cmp::Ordering, Fault> {
    let (Value::List(left), Value::List(right)) = (left, right) else {
        return sort_order(left, right);
    };
    for (a, b) in left.iter().zip(right.iter()) {
        let order = sort_order(a, b)?;
        if order.is_ne() {
            return Ok(order);
        }
    }
    Ok(left.len().cmp(&right.len()))
}
