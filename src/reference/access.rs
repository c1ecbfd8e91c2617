//! Members, indexes and slices. Does not know the machine's fast paths.

use super::fault;
use crate::value::{Fault, FaultKind, Heap, Number, Object, Value};

/// Returns the value under a key.
pub(super) fn find<'a>(object: Object<'a>, key: &str) -> Option<Value<'a>> {
    let blind = matches!(object, Object::BlindOwned(_) | Object::BlindJson(_));
    let is_it = |name: &str| name == key || (blind && name.eq_ignore_ascii_case(key));
    object.iter().find(|(name, _)| is_it(name)).map(|(_, value)| value)
}

/// Returns a member. Null if it is missing, or if the value has no members.
pub(super) fn member<'a>(value: Value<'a>, key: &str) -> Result<Value<'a>, Fault> {
    match value {
        Value::Object(object) => Ok(find(object, key).unwrap_or(Value::Null)),
        Value::Opaque(_) => Err(too_deep()),
        _ => Ok(Value::Null),
    }
}

/// Returns the fault for JSON that is nested too deeply to be read.
pub(super) fn too_deep() -> Fault {
    fault(FaultKind::DepthLimit, "this is nested too deeply to be read")
}

/// Evaluates `value[index]`.
pub(super) fn index<'a>(
    heap: &'a Heap,
    value: Value<'a>,
    index: Value<'_>,
) -> Result<Value<'a>, Fault> {
    if index.is_null() {
        return Ok(Value::Null);
    }
    if let Some(key) = index.as_text() {
        return member(value, key);
    }
    if let Value::Object(_) = value {
        return Err(fault(FaultKind::BadIndex, "an object has text keys"));
    }
    if let Value::Opaque(_) = value {
        return Err(too_deep());
    }
    let Some(sequence) = sequence(value) else {
        return Ok(Value::Null);
    };
    let length = sequence.len() as i128;
    let place = whole(index)?;
    let place = if place < 0 { place.saturating_add(length) } else { place };
    match usize::try_from(place) {
        Ok(place) if place < sequence.len() => sequence.single(heap, place),
        _ => Ok(Value::Null),
    }
}

/// Evaluates `value[from:to]`.
pub(super) fn slice<'a>(
    heap: &'a Heap,
    value: Value<'a>,
    from: Value<'_>,
    to: Value<'_>,
) -> Result<Value<'a>, Fault> {
    if let Value::Opaque(_) = value {
        return Err(too_deep());
    }
    let Some(sequence) = sequence(value) else {
        return Ok(Value::Null);
    };
    let from = if from.is_null() { None } else { Some(whole(from)?) };
    let to = if to.is_null() { None } else { Some(whole(to)?) };
    let length = sequence.len() as i128;
    let clamped = |bound: i128| {
        let place = if bound < 0 { bound.saturating_add(length) } else { bound };
        usize::try_from(place.clamp(0, length)).unwrap_or(0)
    };
    let start = from.map_or(0, clamped);
    let end = to.map_or(sequence.len(), clamped);
    sequence.part(heap, start, end)
}

/// A sequence split into its elements.
enum Sequence<'a> {
    List(Vec<Value<'a>>),
    Characters(Value<'a>, Vec<char>),
    Bytes(Value<'a>, Vec<u8>),
}

fn sequence(value: Value<'_>) -> Option<Sequence<'_>> {
    match value {
        Value::List(list) => Some(Sequence::List(list.iter().collect())),
        Value::Text(text) | Value::Encoded(text) | Value::SecretText(text) => {
            Some(Sequence::Characters(value, text.chars().collect()))
        }
        Value::Bytes(bytes) | Value::SecretBytes(bytes) => {
            Some(Sequence::Bytes(value, bytes.to_vec()))
        }
        _ => None,
    }
}

impl<'a> Sequence<'a> {
    fn len(&self) -> usize {
        match self {
            Self::List(items) => items.len(),
            Self::Characters(_, characters) => characters.len(),
            Self::Bytes(_, bytes) => bytes.len(),
        }
    }

    /// Returns the element at an index: a list element, a string of one character, or one byte.
    fn single(&self, heap: &'a Heap, place: usize) -> Result<Value<'a>, Fault> {
        match self {
            Self::List(items) => Ok(items.get(place).copied().unwrap_or(Value::Null)),
            _ => self.part(heap, place, place + 1),
        }
    }

    /// Returns a part of the sequence, with the taint of the whole.
    fn part(&self, heap: &'a Heap, start: usize, end: usize) -> Result<Value<'a>, Fault> {
        let count = end.saturating_sub(start);
        match self {
            Self::List(items) => {
                let part: Vec<Value<'a>> = items.iter().copied().skip(start).take(count).collect();
                heap.list(&part)
            }
            Self::Characters(whole, characters) => {
                let part: String = characters.iter().skip(start).take(count).collect();
                let part = heap.text(&part)?;
                Ok(match whole {
                    Value::SecretText(_) => Value::SecretText(part),
                    Value::Encoded(_) => Value::Encoded(part),
                    _ => Value::Text(part),
                })
            }
            Self::Bytes(whole, bytes) => {
                let part: Vec<u8> = bytes.iter().copied().skip(start).take(count).collect();
                let part = heap.bytes(&part)?;
                Ok(match whole {
                    Value::SecretBytes(_) => Value::SecretBytes(part),
                    _ => Value::Bytes(part),
                })
            }
        }
    }
}

fn whole(value: Value<'_>) -> Result<i128, Fault> {
    match value {
        Value::Number(Number::Int(integer)) => Ok(integer.into()),
        Value::Number(Number::Big(integer)) => Ok(integer.into()),
        // Beyond the end of any sequence.
        Value::BigNumber(number) if number.is_integer() => {
            Ok(if number.is_negative() { i128::from(i64::MIN) } else { i128::from(i64::MAX) })
        }
        // A cast beyond the range saturates, and is out of range either way.
        Value::Number(Number::Decimal(decimal)) if decimal.fract() == 0.0 => Ok(decimal as i128),
        _ => Err(fault(FaultKind::BadIndex, "a place is an integer")),
    }
}
