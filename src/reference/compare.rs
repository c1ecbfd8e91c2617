//! Equality, ordering and membership. Does not count work.

use std::cmp::Ordering;

use super::access::too_deep;
use super::exact::Exact;
use super::{access, fault};
use crate::value::{Fault, FaultKind, Object, Value};

/// Returns true if two values are equal by content, at any depth. Different kinds are unequal,
/// except a time with a number, and a secret with a string or bytes by content.
pub(super) fn equal(left: Value<'_>, right: Value<'_>) -> Result<bool, Fault> {
    if let (Some(a), Some(b)) = (quantity(left), quantity(right)) {
        return Ok(a.compare(&b).is_eq());
    }
    let is_opaque = |value| matches!(value, Value::Opaque(_));
    Ok(match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && all(a.iter().zip(b.iter()), |(a, b)| equal(a, b))?
        }
        (Value::Object(a), Value::Object(b)) => same_entries(a, b)?,
        _ if (is_opaque(left) || is_opaque(right)) && left.kind() == right.kind() => {
            return Err(too_deep());
        }
        _ => same_content(left, right),
    })
}

/// Returns true if a test holds for every item. The first one that fails or is an error decides.
fn all<T>(
    items: impl Iterator<Item = T>,
    test: impl Fn(T) -> Result<bool, Fault>,
) -> Result<bool, Fault> {
    for item in items {
        if !test(item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns true if both have the same keys, in exact case, with equal values.
fn same_entries(left: Object<'_>, right: Object<'_>) -> Result<bool, Fault> {
    let same = |(key, a)| match right.iter().find(|(other, _)| key == *other) {
        Some((_, b)) => equal(a, b),
        None => Ok(false),
    };
    Ok(left.len() == right.len() && all(left.iter(), same)?)
}

fn same_content(left: Value<'_>, right: Value<'_>) -> bool {
    let secret = |value| matches!(value, Value::SecretText(_) | Value::SecretBytes(_));
    if !secret(left) && !secret(right) && left.kind() != right.kind() {
        return false;
    }
    match (left.content(), right.content()) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// Returns a number, or a time as seconds since the epoch.
fn quantity(value: Value<'_>) -> Option<Exact> {
    match value {
        Value::Number(number) => Some(Exact::of_number(number)),
        Value::BigNumber(number) => Some(Exact::of_big(number)),
        Value::Time(time) => Some(Exact::of_time(time)),
        _ => None,
    }
}

/// Returns the order of numbers and times by size, and of strings by code points. `None` if one is
/// null.
pub(super) fn order(left: Value<'_>, right: Value<'_>) -> Result<Option<Ordering>, Fault> {
    if left.is_null() || right.is_null() {
        return Ok(None);
    }
    if let (Some(a), Some(b)) = (quantity(left), quantity(right)) {
        return Ok(Some(a.compare(&b)));
    }
    match (left.as_text(), right.as_text()) {
        (Some(a), Some(b)) => Ok(Some(a.chars().cmp(b.chars()))),
        _ => Err(fault(FaultKind::NoOrder, "these have no order")),
    }
}

/// Returns the order of sort keys: null first, false before true, otherwise as `<`.
pub(super) fn sort_order(left: Value<'_>, right: Value<'_>) -> Result<Ordering, Fault> {
    match (left, right) {
        (Value::Null, Value::Null) => Ok(Ordering::Equal),
        (Value::Null, _) => Ok(Ordering::Less),
        (_, Value::Null) => Ok(Ordering::Greater),
        (Value::Bool(a), Value::Bool(b)) => Ok(a.cmp(&b)),
        _ => Ok(order(left, right)?.unwrap_or(Ordering::Equal)),
    }
}

/// Evaluates `needle IN haystack`.
pub(super) fn contains(needle: Value<'_>, haystack: Value<'_>) -> Result<bool, Fault> {
    match haystack {
        Value::Null => Ok(false),
        Value::List(list) => all(list.iter(), |item| Ok(!equal(needle, item)?)).map(|none| !none),
        Value::Opaque(_) => Err(too_deep()),
        Value::Object(_) | Value::Text(_) | Value::Encoded(_) if needle.is_null() => Ok(false),
        _ => match (needle.as_text(), haystack.as_text(), haystack) {
            (Some(part), Some(text), _) => Ok(is_part(part, text)),
            (Some(key), _, Value::Object(object)) => Ok(access::find(object, key).is_some()),
            _ => Err(fault(FaultKind::WrongOperand, "this cannot be searched for there")),
        },
    }
}

/// Returns true if a string is a substring. Tries every offset.
fn is_part(part: &str, text: &str) -> bool {
    text.char_indices().any(|(at, _)| text.split_at(at).1.starts_with(part)) || part.is_empty()
}
