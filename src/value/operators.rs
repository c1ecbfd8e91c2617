//! Arithmetic and string concatenation. Does not know where in the source they are used.

use super::fault::{Fault, FaultKind};
use super::heap::Heap;
use super::{BigNumber, Kind, Number, ParsedNumber, Value};

/// Evaluates `left + right`: adds numbers, joins strings, or moves a time by seconds. Null with any
/// value gives null.
///
/// # Errors
/// Returns an error for any other pair, for numbers out of range, or if a limit is exceeded.
pub fn add<'a>(heap: &'a Heap, left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, Fault> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Number(a), Value::Number(b)) => a.checked_add(b).map(Value::Number),
        (Value::Time(time), Value::Number(seconds))
        | (Value::Number(seconds), Value::Time(time)) => {
            time.plus_seconds(seconds).map(Value::Time)
        }
        _ if is_textual(left) && is_textual(right) => join(heap, &[left, right]),
        _ => Err(not_calculated("+", left, right)),
    }
}

/// Evaluates `left - right`: subtracts numbers, moves a time back by seconds, or returns the
/// seconds between two times. Null with any value gives null.
///
/// # Errors
/// Returns an error for any other pair, or for numbers or times out of range.
pub fn subtract<'a>(left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, Fault> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Number(a), Value::Number(b)) => a.checked_sub(b).map(Value::Number),
        (Value::Time(a), Value::Time(b)) => Ok(Value::Number(a.seconds_since(b))),
        (Value::Time(time), Value::Number(seconds)) => time.minus_seconds(seconds).map(Value::Time),
        _ => Err(not_calculated("-", left, right)),
    }
}

/// Evaluates `left * right`. Null with any value gives null.
///
/// # Errors
/// Returns an error for values other than numbers, or if the product is out of range.
pub fn multiply<'a>(left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, Fault> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Number(a), Value::Number(b)) => a.checked_mul(b).map(Value::Number),
        _ => Err(not_calculated("*", left, right)),
    }
}

/// Evaluates `left / right`: an integer if the division has no remainder, otherwise a float. Null
/// with any value gives null.
///
/// # Errors
/// Returns an error for values other than numbers, for a division by zero, or if the quotient is
/// out of range.
pub fn divide<'a>(left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, Fault> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Number(a), Value::Number(b)) => a.checked_div(b).map(Value::Number),
        _ => Err(not_calculated("/", left, right)),
    }
}

/// Evaluates `-value`. Null gives null.
///
/// # Errors
/// Returns an error for a value other than a number, or if the result is below the least integer.
pub fn negate<'a>(heap: &'a Heap, value: Value<'a>) -> Result<Value<'a>, Fault> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::BigNumber(number) => negate_big(heap, number),
        Value::Number(number) => negate_number(heap, number),
        _ => Err(Fault::new(
            FaultKind::WrongOperand,
            format!("`-` needs a number, got {}", value.kind().phrase()),
        )
        .help(conversion(value))),
    }
}

/// Returns a negated number: a big one if the result does not fit.
fn negate_number(heap: &Heap, number: Number) -> Result<Value<'_>, Fault> {
    if let Ok(negated) = number.checked_neg() {
        return Ok(Value::Number(negated));
    }
    let mut text = heap.text_builder();
    text.push_display(format_args!("-{number}"))?;
    Ok(value_of(ParsedNumber::of_json(text.finish())))
}

/// Returns a negated big number. It is exact, and may fit a [`Number`]: `2^63` negated.
fn negate_big<'a>(heap: &'a Heap, number: BigNumber<'a>) -> Result<Value<'a>, Fault> {
    if let Some(unsigned) = number.as_str().strip_prefix('-') {
        return Ok(value_of(ParsedNumber::of_json(unsigned)));
    }
    let mut text = heap.text_builder();
    text.push("-")?;
    text.push(number.as_str())?;
    Ok(value_of(ParsedNumber::of_json(text.finish())))
}

fn value_of(number: ParsedNumber<'_>) -> Value<'_> {
    match number {
        ParsedNumber::Number(number) => Value::Number(number),
        ParsedNumber::Big(number) => Value::BigNumber(number),
    }
}

/// Returns the fault of arithmetic with a big number, or with operands of other kinds.
#[cold]
fn not_calculated(sign: &str, left: Value<'_>, right: Value<'_>) -> Fault {
    let is_quantity =
        |value| matches!(value, Value::Number(_) | Value::BigNumber(_) | Value::Time(_));
    match (left, right) {
        (Value::BigNumber(big), other) | (other, Value::BigNumber(big)) if is_quantity(other) => {
            big.not_calculated()
        }
        _ => wrong_operands(sign, left, right),
    }
}

fn wrong_operands(sign: &str, left: Value<'_>, right: Value<'_>) -> Fault {
    let culprit = if left.kind() == Kind::Number { right } else { left };
    Fault::new(
        FaultKind::WrongOperand,
        format!("`{sign}` does not work on {} and {}", left.kind().phrase(), right.kind().phrase()),
    )
    .help(match (sign, left, right) {
        ("+", Value::Number(_), other) | ("+", other, Value::Number(_)) if is_textual(other) => {
            "to add, convert the string: `$INTEGER(…)`; to join, convert the number: `$TEXT(…)`"
        }
        (_, Value::Time(_), other) | (_, other, Value::Time(_)) if is_textual(other) => {
            "read the string as a time first: `$PARSE_TIME(…)`; digits alone are seconds: `$INTEGER(…)`"
        }
        _ => conversion(culprit),
    })
}

fn conversion(value: Value<'_>) -> &'static str {
    match value {
        Value::Text(_) | Value::Encoded(_) => {
            "convert the string to a number first: `$INTEGER(…)` or `$DECIMAL(…)`"
        }
        Value::Time(_) => "take the seconds of the time first: `$EPOCH(…)`",
        Value::List(_) => {
            "add up a list with `$SUM(…)`, or put lists together with `$FLATTEN([a, b])`"
        }
        Value::Object(_) => {
            "read a member of the object, or put objects together with `$MERGE(a, b)`"
        }
        _ => "arithmetic needs numbers",
    }
}

fn is_textual(value: Value<'_>) -> bool {
    matches!(value, Value::Text(_) | Value::Encoded(_) | Value::SecretText(_))
}

/// Joins the parts of an interpolated string. Null adds nothing. Numbers, booleans, lists, objects
/// and times are written as in JSON, a time without quotes. The result is bytes if a part is bytes,
/// and secret if a part is secret.
///
/// # Errors
/// Returns an error if a limit is exceeded.
pub fn interpolate<'a>(heap: &'a Heap, parts: &[Value<'a>]) -> Result<Value<'a>, Fault> {
    join(heap, parts)
}

fn join<'a>(heap: &'a Heap, parts: &[Value<'a>]) -> Result<Value<'a>, Fault> {
    let secret = parts.iter().any(|part| part.holds_secret());
    let encoded = parts.iter().any(|part| matches!(part, Value::Encoded(_)));
    let raw = parts.iter().any(|part| matches!(part, Value::Bytes(_) | Value::SecretBytes(_)));
    if raw {
        let bytes = join_bytes(heap, parts)?;
        return Ok(if secret { Value::SecretBytes(bytes) } else { Value::Bytes(bytes) });
    }
    let mut text = heap.text_builder();
    for part in parts {
        push_part(heap, &mut text, *part)?;
    }
    let text = text.finish();
    Ok(match (secret, encoded) {
        (true, _) => Value::SecretText(text),
        (false, true) => Value::Encoded(text),
        (false, false) => Value::Text(text),
    })
}

fn push_part(heap: &Heap, text: &mut super::TextBuilder<'_>, part: Value<'_>) -> Result<(), Fault> {
    match part {
        Value::Null => Ok(()),
        Value::Text(part) | Value::Encoded(part) | Value::SecretText(part) => text.push(part),
        Value::Time(time) => text.push_display(time),
        other => super::write_json_text(heap, text, other),
    }
}

fn join_bytes<'a>(heap: &'a Heap, parts: &[Value<'a>]) -> Result<&'a [u8], Fault> {
    let mut joined = heap.bytes_builder();
    for part in parts {
        if let Some(content) = part.content() {
            joined.push(content)?;
            continue;
        }
        let mut text = heap.text_builder();
        push_part(heap, &mut text, *part)?;
        joined.push(text.as_str().as_bytes())?;
    }
    Ok(joined.finish())
}
