//! The operators `+ - * /` and negation. Does not know limits.

use super::exact::{Exact, nanos};
use super::{fault, interpolate};
use crate::value::{Fault, FaultKind, Heap, Number, Time, Value};

pub(super) fn add<'a>(
    heap: &'a Heap,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Value<'a>, Fault> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Number(a), Value::Number(b)) => calculated(a, b, |a, b| a + b, |a, b| a + b),
        (Value::Time(time), Value::Number(seconds))
        | (Value::Number(seconds), Value::Time(time)) => moved(time, seconds, 1),
        _ if is_text(left) && is_text(right) => interpolate::joined(heap, &[left, right]),
        _ => Err(wrong_operands()),
    }
}

pub(super) fn subtract<'a>(left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, Fault> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Number(a), Value::Number(b)) => calculated(a, b, |a, b| a - b, |a, b| a - b),
        (Value::Time(time), Value::Number(seconds)) => moved(time, seconds, -1),
        (Value::Time(a), Value::Time(b)) => {
            Ok(Value::Number(Exact::of_nanos(nanos(a) - nanos(b)).to_number()))
        }
        _ => Err(wrong_operands()),
    }
}

pub(super) fn multiply<'a>(left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, Fault> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Number(a), Value::Number(b)) => {
            calculated(a, b, |a, b| a.saturating_mul(b), |a, b| a * b)
        }
        _ => Err(wrong_operands()),
    }
}

pub(super) fn divide<'a>(left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, Fault> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Number(a), Value::Number(b)) => quotient(a, b),
        _ => Err(wrong_operands()),
    }
}

pub(super) fn negate(value: Value<'_>) -> Result<Value<'_>, Fault> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::Number(number) => calculated(Number::ZERO, number, |a, b| a - b, |a, b| a - b),
        _ => Err(wrong_operands()),
    }
}

fn is_text(value: Value<'_>) -> bool {
    matches!(value, Value::Text(_) | Value::Encoded(_) | Value::SecretText(_))
}

/// Calculates exactly for two integers, otherwise with the nearest floats. Integers have at most 64
/// bits, so only a product can overflow, and then it is out of range anyway.
fn calculated<'a>(
    left: Number,
    right: Number,
    exact: fn(i128, i128) -> i128,
    rounded: fn(f64, f64) -> f64,
) -> Result<Value<'a>, Fault> {
    let number = match (left.as_integer(), right.as_integer()) {
        (Some(a), Some(b)) => Number::integer(exact(a, b)),
        _ => Number::decimal(rounded(left.to_f64(), right.to_f64())),
    };
    number.map(Value::Number).ok_or_else(out_of_range)
}

fn quotient<'a>(left: Number, right: Number) -> Result<Value<'a>, Fault> {
    if right.to_f64() == 0.0 {
        return Err(fault(FaultKind::DivisionByZero, "division by zero"));
    }
    let number = match (left.as_integer(), right.as_integer()) {
        (Some(a), Some(b)) if a % b == 0 => Number::integer(a / b),
        _ => Number::decimal(left.to_f64() / right.to_f64()),
    };
    number.map(Value::Number).ok_or_else(out_of_range)
}

/// Returns a time moved by seconds, in the zone that it carries, or else in its own offset.
fn moved<'a>(time: Time, seconds: Number, sign: i128) -> Result<Value<'a>, Fault> {
    let there = || {
        let distance = Exact::as_written(seconds).to_nanos()?;
        let nanos = nanos(time).checked_add(distance.checked_mul(sign)?)?;
        let whole = i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?;
        let rest = u32::try_from(nanos.rem_euclid(1_000_000_000)).ok()?;
        let instant = chrono::DateTime::from_timestamp(whole, rest)?;
        match time.zone() {
            Some(zone) => Time::new(instant.fixed_offset())?.in_zone(zone).ok(),
            None => Time::new(instant.with_timezone(time.get().offset())),
        }
    };
    there().map(Value::Time).ok_or_else(|| fault(FaultKind::NotATime, "no such time"))
}

fn out_of_range() -> Fault {
    fault(FaultKind::OutOfRange, "the number is out of range")
}

fn wrong_operands() -> Fault {
    fault(FaultKind::WrongOperand, "the operator does not work on these")
}
