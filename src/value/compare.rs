//! Equality, ordering and membership. Does not know where in the source they are used.

use std::cmp::Ordering;

use subtle::ConstantTimeEq;

use super::fault::{Fault, FaultKind};
use super::{Heap, List, Number, Object, Value, too_deep_to_read};

/// Returns true if two values are equal by content, at any depth. Numbers compare by exact
/// mathematical value, times by instant, and a time with a number as seconds since the epoch.
/// Values of different kinds are unequal, except that a secret compares with strings and bytes by
/// content.
///
/// Bytes, secrets, and strings with an encoded digest compare in constant time.
///
/// # Errors
/// Returns an error if the step limit is exceeded.
pub fn equal(heap: &Heap, left: Value<'_>, right: Value<'_>) -> Result<bool, Fault> {
    Ok(match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Number(a), Value::Number(b)) => a.compare(b).is_eq(),
        (Value::Text(a), Value::Text(b)) => {
            heap.work_on_bytes(a.len().min(b.len()))?;
            a == b
        }
        (Value::BigNumber(_), _) | (_, Value::BigNumber(_)) => {
            big_order(heap, left, right)?.is_some_and(Ordering::is_eq)
        }
        (Value::Opaque(_), _) | (_, Value::Opaque(_)) if left.kind() == right.kind() => {
            return Err(too_deep_to_read());
        }
        (Value::List(a), Value::List(b)) => equal_lists(heap, a, b)?,
        (Value::Object(a), Value::Object(b)) => equal_objects(heap, a, b)?,
        (Value::Time(a), Value::Time(b)) => a == b,
        (Value::Time(time), Value::Number(number)) | (Value::Number(number), Value::Time(time)) => {
            time.compare_number(number).is_eq()
        }
        _ => equal_content(heap, left, right)?,
    })
}

/// Returns the order of two numbers of which one is big, or of a big number and a time. `None` for
/// other pairs.
fn big_order(heap: &Heap, left: Value<'_>, right: Value<'_>) -> Result<Option<Ordering>, Fault> {
    Ok(Some(match (left, right) {
        (Value::BigNumber(a), Value::BigNumber(b)) => {
            heap.work_on_bytes(a.as_str().len().min(b.as_str().len()))?;
            a.compare(b)
        }
        (Value::BigNumber(a), Value::Number(b)) => {
            heap.work_on_bytes(a.as_str().len())?;
            a.compare_number(b)
        }
        // No time is as far from the epoch.
        (Value::BigNumber(a), Value::Time(_)) => a.compare_number(Number::ZERO),
        (_, Value::BigNumber(_)) if !matches!(left, Value::BigNumber(_)) => {
            return Ok(big_order(heap, right, left)?.map(Ordering::reverse));
        }
        _ => return Ok(None),
    }))
}

/// Compares content that may be a secret or a digest, in constant time: an early exit would reveal
/// how much of it matched.
fn equal_content(heap: &Heap, left: Value<'_>, right: Value<'_>) -> Result<bool, Fault> {
    let secret = is_secret(left) || is_secret(right);
    if !secret && left.kind() != right.kind() {
        return Ok(false);
    }
    let (Some(a), Some(b)) = (left.content(), right.content()) else {
        return Ok(false);
    };
    heap.work_on_bytes(a.len().min(b.len()))?;
    Ok(a.ct_eq(b).into())
}

fn is_secret(value: Value<'_>) -> bool {
    matches!(value, Value::SecretText(_) | Value::SecretBytes(_))
}

fn equal_lists(heap: &Heap, left: List<'_>, right: List<'_>) -> Result<bool, Fault> {
    if left.len() != right.len() {
        return Ok(false);
    }
    heap.work(left.len())?;
    for (a, b) in left.iter().zip(right.iter()) {
        if !equal(heap, a, b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Compares objects. Keys compare case-sensitively even in case-insensitive objects, so that
/// equality is symmetric.
fn equal_objects(heap: &Heap, left: Object<'_>, right: Object<'_>) -> Result<bool, Fault> {
    if left.len() != right.len() {
        return Ok(false);
    }
    heap.work(left.len())?;
    for (key, a) in left.iter() {
        match right.get_as_written(key) {
            Some(b) if equal(heap, a, b)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// Returns the order of two values for `<`, `<=`, `>` and `>=`: two numbers, two times, a time with
/// a number (seconds since the epoch), or two strings by code point. `None` if either is null: no
/// comparison with null is true.
///
/// # Errors
/// Returns an error for any other pair, or if the step limit is exceeded.
pub fn ordering(heap: &Heap, left: Value<'_>, right: Value<'_>) -> Result<Option<Ordering>, Fault> {
    let order = match (left, right) {
        (Value::Null, _) | (_, Value::Null) => return Ok(None),
        (Value::Number(a), Value::Number(b)) => a.compare(b),
        (Value::Time(a), Value::Time(b)) => a.cmp(&b),
        (Value::Time(time), Value::Number(number)) => time.compare_number(number),
        (Value::Number(number), Value::Time(time)) => time.compare_number(number).reverse(),
        (Value::BigNumber(_), _) | (_, Value::BigNumber(_)) => {
            match big_order(heap, left, right)? {
                Some(order) => order,
                None => return Err(no_order(left, right)),
            }
        }
        _ => match (left.as_text(), right.as_text()) {
            (Some(a), Some(b)) => {
                heap.work_on_bytes(a.len().min(b.len()))?;
                // UTF-8 bytes sort in the order of their code points.
                a.cmp(b)
            }
            _ => return Err(no_order(left, right)),
        },
    };
    Ok(Some(order))
}

fn no_order(left: Value<'_>, right: Value<'_>) -> Fault {
    let fault = Fault::new(
        FaultKind::NoOrder,
        format!("{} and {} have no order", left.kind().phrase(), right.kind().phrase()),
    );
    match (left.as_text(), right.as_text()) {
        (Some(_), None) | (None, Some(_)) => {
            fault.help("convert the string first: `$INTEGER(…)`, `$DECIMAL(…)` or `$PARSE_TIME(…)`")
        }
        _ => fault.help("numbers, times and strings have an order, each among its own"),
    }
}

/// Returns the order of two sort keys: null first, then as [`ordering`]. False sorts before true.
///
/// # Errors
/// Returns an error for keys of mixed kinds, or if the step limit is exceeded.
pub fn sort_order(heap: &Heap, left: Value<'_>, right: Value<'_>) -> Result<Ordering, Fault> {
    if let (Value::Bool(a), Value::Bool(b)) = (left, right) {
        return Ok(a.cmp(&b));
    }
    match ordering(heap, left, right)? {
        Some(order) => Ok(order),
        None => Ok(right.is_null().cmp(&left.is_null())),
    }
}

/// Evaluates `needle IN haystack`: a string in a string, a value in a list, a key in an object. A
/// null haystack gives false, and so does a null needle in a string or object.
///
/// # Errors
/// Returns an error for any other pair, or if the step limit is exceeded.
pub fn contains(heap: &Heap, needle: Value<'_>, haystack: Value<'_>) -> Result<bool, Fault> {
    match haystack {
        Value::Null => Ok(false),
        Value::List(list) => {
            for item in list.iter() {
                heap.work(1)?;
                if equal(heap, needle, item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Text(_) | Value::Encoded(_) | Value::Object(_) if needle.is_null() => Ok(false),
        Value::Object(object) => match needle.as_text() {
            Some(key) => {
                heap.work_on_bytes(key.len())?;
                Ok(object.find(heap, key)?.is_some())
            }
            None => Err(not_contained(needle, haystack)),
        },
        Value::Text(text) | Value::Encoded(text) => match needle.as_text() {
            Some(part) => {
                heap.work_on_bytes(text.len())?;
                Ok(text.contains(part))
            }
            None => Err(not_contained(needle, haystack)),
        },
        Value::Opaque(_) => Err(too_deep_to_read()),
        _ => Err(not_contained(needle, haystack)),
    }
}

fn not_contained(needle: Value<'_>, haystack: Value<'_>) -> Fault {
    let fault = Fault::new(
        FaultKind::WrongOperand,
        format!(
            "{} cannot be searched for in {}",
            needle.kind().phrase(),
            haystack.kind().phrase()
        ),
    );
    match haystack {
        Value::Text(_) | Value::Encoded(_) => {
            fault.help("convert the searched value into a string: `$TEXT(…)`")
        }
        Value::Object(_) => fault.help("an object is searched for a key, which is text"),
        _ => fault.help("`IN` searches a string, a list or an object's keys"),
    }
}
