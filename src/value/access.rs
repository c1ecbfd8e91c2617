//! Access to members, elements and slices. Does not know where in the source it is used.

use super::fault::{Fault, FaultKind};
use super::{Heap, List, MAX_DEPTH, Number, Object, SCANNED_PER_STEP, Value};

/// Returns the member under a key. A missing member, and any member of null, a scalar or a list, is
/// null.
///
/// # Errors
/// Returns an error if the step limit is exceeded.
#[inline]
pub fn member<'a>(heap: &Heap, value: Value<'a>, key: &str) -> Result<Value<'a>, Fault> {
    match value {
        Value::Object(object) => Ok(object.find(heap, key)?.unwrap_or(Value::Null)),
        Value::Opaque(_) => Err(too_deep_to_read()),
        _ => Ok(Value::Null),
    }
}

/// Evaluates `value[index]`: an element of a list, a character of a string, a byte of bytes, or a
/// member of an object. Negative indexes count from the end. An index out of range, a null index,
/// and any index into null or a scalar give null.
///
/// # Errors
/// Returns an error for an index into a sequence that is not an integer, for a key of an object
/// that is not a string, or if a limit is exceeded.
pub fn index<'a>(heap: &'a Heap, value: Value<'a>, index: Value<'_>) -> Result<Value<'a>, Fault> {
    if index.is_null() {
        return Ok(Value::Null);
    }
    if let Some(key) = index.as_text() {
        // A string index into a value without keys reads a missing member.
        heap.work_on_bytes(key.len())?;
        return member(heap, value, key);
    }
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::BigNumber(_) | Value::Time(_) => {
            Ok(Value::Null)
        }
        Value::Opaque(_) => Err(too_deep_to_read()),
        Value::Object(_) => Err(Fault::new(
            FaultKind::BadIndex,
            format!("an object has text keys, not {}", index.kind().phrase()),
        )
        .help("write the key as a string, or convert it: `object[$TEXT(key)]`")),
        Value::List(list) => {
            let at = place(whole(index)?, list.len());
            Ok(at.and_then(|at| list.get(at)).unwrap_or(Value::Null))
        }
        Value::Bytes(bytes) | Value::SecretBytes(bytes) => {
            let at = place(whole(index)?, bytes.len());
            let byte = at.and_then(|at| bytes.get(at..at + 1));
            Ok(byte.map_or(Value::Null, |byte| like(value, byte)))
        }
        Value::Text(text) | Value::Encoded(text) | Value::SecretText(text) => {
            heap.work_on_bytes(text.len())?;
            let found = character(text, whole(index)?);
            Ok(found.map_or(Value::Null, |text| like_text(value, text)))
        }
    }
}

/// Evaluates `value[from:to]`: a part of a list, of a string (by characters), or of bytes. Bounds
/// are clamped; negative ones count from the end; a null bound is open. Any slice of null and of a
/// value without places is null.
///
/// # Errors
/// Returns an error for a bound that is not an integer, or if a limit is exceeded.
pub fn slice<'a>(
    heap: &'a Heap,
    value: Value<'a>,
    from: Value<'_>,
    to: Value<'_>,
) -> Result<Value<'a>, Fault> {
    match value {
        Value::List(list) => slice_list(heap, list, bound(from)?, bound(to)?),
        Value::Bytes(bytes) | Value::SecretBytes(bytes) => {
            let (start, end) = clamp(bound(from)?, bound(to)?, bytes.len());
            Ok(like(value, bytes.get(start..end).unwrap_or(&[])))
        }
        Value::Text(text) | Value::Encoded(text) | Value::SecretText(text) => {
            let (from, to) = (bound(from)?, bound(to)?);
            heap.work_on_bytes(text.len())?;
            Ok(like_text(value, slice_text(text, from, to)))
        }
        Value::Opaque(_) => Err(too_deep_to_read()),
        _ => Ok(Value::Null),
    }
}

/// Returns the fault for an operation that needs the content of [`Value::Opaque`].
#[cold]
pub(crate) fn too_deep_to_read() -> Fault {
    Fault::new(
        FaultKind::DepthLimit,
        format!("this part of the JSON is nested more than {MAX_DEPTH} deep, so it cannot be read"),
    )
    .help("pass it on as it is, or read a part nearer to the top")
}

fn slice_list<'a>(
    heap: &'a Heap,
    list: List<'a>,
    from: Option<i128>,
    to: Option<i128>,
) -> Result<Value<'a>, Fault> {
    let (start, end) = clamp(from, to, list.len());
    heap.work(end - start)?;
    let mut part = heap.list_builder();
    for at in start..end {
        part.push(list.get(at).unwrap_or(Value::Null))?;
    }
    part.finish()
}

/// Returns a part of a string. The bounds count characters, as in a slice of a list of characters.
fn slice_text(text: &str, from: Option<i128>, to: Option<i128>) -> &str {
    let (start, end) = clamp(from, to, text.chars().count());
    let offset = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(offset, _)| offset);
    text.get(offset(start)..offset(end)).unwrap_or("")
}

/// Returns the character at an index. A negative index counts from the end.
fn character(text: &str, at: i128) -> Option<&str> {
    let (offset, found) = match usize::try_from(at) {
        Ok(at) => text.char_indices().nth(at)?,
        Err(_) => {
            let from_end = usize::try_from(-at).ok()?.checked_sub(1)?;
            text.char_indices().nth_back(from_end)?
        }
    };
    text.get(offset..offset + found.len_utf8())
}

/// Returns bytes with the taint of the value that they are part of.
fn like<'a>(value: Value<'_>, bytes: &'a [u8]) -> Value<'a> {
    match value {
        Value::SecretBytes(_) => Value::SecretBytes(bytes),
        _ => Value::Bytes(bytes),
    }
}

/// Returns a string with the taint of the string that it is part of.
fn like_text<'a>(value: Value<'_>, text: &'a str) -> Value<'a> {
    match value {
        Value::SecretText(_) => Value::SecretText(text),
        Value::Encoded(_) => Value::Encoded(text),
        _ => Value::Text(text),
    }
}

/// An index beyond the end of any sequence.
const FAR: f64 = (1u128 << 100) as f64;

/// Returns the integer of an index. A very large float is clamped to ±[`FAR`].
fn whole(index: Value<'_>) -> Result<i128, Fault> {
    if let Value::BigNumber(number) = index
        && number.is_integer()
    {
        // Beyond the end of any sequence.
        return Ok(if number.is_negative() { -FAR as i128 } else { FAR as i128 });
    }
    let number = index.as_number().map(|number| match number {
        Number::Decimal(value) if value.fract() == 0.0 => Some(value.clamp(-FAR, FAR) as i128),
        other => other.as_integer(),
    });
    number.flatten().ok_or_else(|| {
        let found = match index {
            Value::Number(number) => format!("`{number}`"),
            other => other.kind().phrase().to_owned(),
        };
        Fault::new(
            FaultKind::BadIndex,
            format!("an index or slice bound is an integer, not {found}"),
        )
        .help("convert it: `list[$INTEGER(index)]`")
    })
}

fn bound(value: Value<'_>) -> Result<Option<i128>, Fault> {
    if value.is_null() {
        return Ok(None);
    }
    whole(value).map(Some)
}

/// Returns the offset that an index means in a sequence. `None` if it is out of range.
fn place(index: i128, length: usize) -> Option<usize> {
    let at = if index < 0 { index + length as i128 } else { index };
    usize::try_from(at).ok().filter(|at| *at < length)
}

/// Returns the bounds of a slice, clamped to the sequence and in order.
fn clamp(from: Option<i128>, to: Option<i128>, length: usize) -> (usize, usize) {
    let inside = |bound: i128| {
        let at = if bound < 0 { bound + length as i128 } else { bound };
        usize::try_from(at.max(0)).map_or(length, |at| at.min(length))
    };
    let start = from.map_or(0, inside);
    let end = to.map_or(length, inside);
    (start, end.max(start))
}

impl<'a> Object<'a> {
    /// Returns the value under a key, and charges the work: case-insensitive keys need a scan.
    ///
    /// # Errors
    /// Returns an error if the step limit is exceeded.
    #[inline]
    pub fn find(self, heap: &Heap, key: &str) -> Result<Option<Value<'a>>, Fault> {
        if let Self::BlindOwned(_) | Self::BlindJson(_) = self {
            heap.work(self.len() / SCANNED_PER_STEP)?;
        }
        Ok(self.get(key))
    }
}
