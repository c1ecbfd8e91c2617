//! The operators `+ - * /` and negation. Does not know limits.

use super::exact::{Exact, nanos};
use super::{fault, interpolate};
use crate::value::{Fault, FaultKind, Heap, Kind, Number, ParsedNumber, Time, Value};

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
        _ => Err(not_calculated(left, right)),
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
        _ => Err(not_calculated(left, right)),
    }
}

pub(super) fn multiply<'a>(left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, Fault> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Number(a), Value::Number(b)) => {
            calculated(a, b, |a, b| a.saturating_mul(b), |a, b| a * b)
        }
        _ => Err(not_calculated(left, right)),
    }
}

pub(super) fn divide<'a>(left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, Fault> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Number(a), Value::Number(b)) => quotient(a, b),
        _ => Err(not_calculated(left, right)),
    }
}

pub(super) fn negate<'a>(heap: &'a Heap, value: Value<'a>) -> Result<Value<'a>, Fault> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::BigNumber(number) => negated_digits(heap, &number.to_string()),
        Value::Number(Number::Decimal(decimal)) => {
            Number::decimal(-decimal).map(Value::Number).ok_or_else(out_of_range)
        }
        Value::Number(number) => negated_digits(heap, &number.to_string()),
        _ => Err(wrong_operands()),
    }
}

fn negated_digits<'a>(heap: &'a Heap, digits: &str) -> Result<Value<'a>, Fault> {
    match ParsedNumber::parse(&format!("-{digits}").replace("--", "")) {
        Some(ParsedNumber::Number(number)) => Ok(Value::Number(number)),
        Some(ParsedNumber::Big(number)) => heap.big_number(number).map(Value::BigNumber),
        None => Err(out_of_range()),
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
        _ => Number::decimal(rounded(as_float(left)?, as_float(right)?)),
    };
    number.map(Value::Number).ok_or_else(out_of_range)
}

fn quotient<'a>(left: Number, right: Number) -> Result<Value<'a>, Fault> {
    if right.to_f64() == 0.0 {
        return Err(fault(FaultKind::DivisionByZero, "division by zero"));
    }
    let number = match (left.as_integer(), right.as_integer()) {
        (Some(a), Some(b)) if a % b == 0 => Number::integer(a / b),
        _ => Number::decimal(as_float(left)? / as_float(right)?),
    };
    number.map(Value::Number).ok_or_else(out_of_range)
}

/// Returns the float of a number. An integer that no float equals is out of range.
fn as_float(number: Number) -> Result<f64, Fault> {
    let float = number.to_f64();
    let is_exact = number.as_integer().is_none_or(|integer| float as i128 == integer);
    if is_exact { Ok(float) } else { Err(out_of_range()) }
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

/// Returns the fault for operands without an operation: a big number is out of range, others are of
/// the wrong kind.
fn not_calculated(left: Value<'_>, right: Value<'_>) -> Fault {
    let is_quantity = |value: Value<'_>| matches!(value.kind(), Kind::Number | Kind::Time);
    let is_big = matches!(left, Value::BigNumber(_)) || matches!(right, Value::BigNumber(_));
    let is_calculated = is_big && is_quantity(left) && is_quantity(right);
    if is_calculated { out_of_range() } else { wrong_operands() }
}

fn wrong_operands() -> Fault {
    fault(FaultKind::WrongOperand, "the operator does not work on these")
}
