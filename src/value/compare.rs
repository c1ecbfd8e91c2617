//! Equality, order and membership.

use std::cmp::Ordering;

use subtle::ConstantTimeEq;

use super::fault::{Fault, FaultKind};
use super::{Heap, List, Object, Value};

/// Whether two values are equal: deep, by value. Numbers compare by exact mathematical value,
/// times by instant, a time with a number as seconds since the epoch; different kinds are
/// unequal, but for a secret, which compares with text and bytes by content.
///
/// Bytes, secrets, and text that spells a digest compare in constant time.
///
/// # Errors
/// A fault where the limit on steps is passed.
pub fn equal(heap: &Heap, left: Value<'_>, right: Value<'_>) -> Result<bool, Fault> {
    Ok(match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Number(a), Value::Number(b)) => a.compare(b).is_eq(),
        (Value::Text(a), Value::Text(b)) => {
            heap.work_on_bytes(a.len().min(b.len()))?;
            a == b
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

/// Whether two texts are the same. Keys and words are short, and to call a comparison of memory
/// takes longer than to compare two words that overlap.
#[inline]
pub(crate) fn same_text(left: &str, right: &str) -> bool {
    let same_length = left.len() == right.len();
    let (a, b) = (left.as_bytes(), right.as_bytes());
    same_length && if is_short(left) { same_short(a, b) } else { a == b }
}

/// Whether [`same_short`] is for a text.
#[inline]
pub(super) fn is_short(text: &str) -> bool {
    (1..=32).contains(&text.len())
}

/// Whether bytes of the same short length are the same.
#[inline]
pub(super) fn same_short(a: &[u8], b: &[u8]) -> bool {
    match a.len() {
        16.. => same_ends::<16>(a, b),
        8.. => same_ends::<8>(a, b),
        4.. => same_ends::<4>(a, b),
        length => same_ends::<1>(a, b) && a.get(length / 2) == b.get(length / 2),
    }
}

#[inline]
fn same_ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
}

/// Equality of what may be secret or a digest: in constant time, since leaving early would tell
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

/// Keys compare as they are written, also those that are found in any case: equality is the same
/// from either side.
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

/// The order of two values for `<`, `<=`, `>` and `>=`: number with number, time with time, time
/// with number (seconds since the epoch), text with text by code point. `None` where either is
/// null: no comparison with null holds.
///
/// # Errors
/// A fault for any other pair, or where the limit on steps is passed.
pub fn ordering(heap: &Heap, left: Value<'_>, right: Value<'_>) -> Result<Option<Ordering>, Fault> {
    let order = match (left, right) {
        (Value::Null, _) | (_, Value::Null) => return Ok(None),
        (Value::Number(a), Value::Number(b)) => a.compare(b),
        (Value::Time(a), Value::Time(b)) => a.cmp(&b),
        (Value::Time(time), Value::Number(number)) => time.compare_number(number),
        (Value::Number(number), Value::Time(time)) => time.compare_number(number).reverse(),
        _ => match (left.as_text(), right.as_text()) {
            (Some(a), Some(b)) => {
                heap.work_on_bytes(a.len().min(b.len()))?;
                // Bytes of UTF-8 sort as the code points they spell.
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
            fault.help("convert the text first: `$INTEGER(…)`, `$DECIMAL(…)` or `$PARSE_TIME(…)`")
        }
        _ => fault.help("numbers, times and texts have an order, each among its own"),
    }
}

/// The order of two sort keys: null first, then as [`ordering`]. False comes before true.
///
/// # Errors
/// A fault for keys of mixed kinds, or where the limit on steps is passed.
pub fn sort_order(heap: &Heap, left: Value<'_>, right: Value<'_>) -> Result<Ordering, Fault> {
    if let (Value::Bool(a), Value::Bool(b)) = (left, right) {
        return Ok(a.cmp(&b));
    }
    match ordering(heap, left, right)? {
        Some(order) => Ok(order),
        None => Ok(right.is_null().cmp(&left.is_null())),
    }
}

/// Whether `needle IN haystack`: text in text, value in list, key in object. Null on either side
/// of a text or object, or a null haystack: false.
///
/// # Errors
/// A fault for any other pair, or where the limit on steps is passed.
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
            fault.help("turn what is searched for into text: `$TEXT(…)`")
        }
        Value::Object(_) => fault.help("an object is searched for a key, which is text"),
        _ => fault.help("`IN` searches a text, a list or an object's keys"),
    }
}
