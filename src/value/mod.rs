//! The values of the rule language.
//!
//! A [`Value`] borrows from the request, from the program's constants, or from the [`Heap`] of one
//! evaluation. It is three words and `Copy`, so reading a path copies nothing and dropping a value
//! costs nothing. An [`OwnedValue`] owns its content: a parsed body, a constant, a result that
//! outlives the evaluation.
//!
//! Knows nothing of source text, functions or programs: operations return a [`Fault`], and callers
//! add the span.

mod access;
mod big;
mod build;
mod compare;
mod convert;
mod fault;
mod heap;
mod json;
mod key_form;
mod kind;
mod list;
mod nature;
mod number;
mod object;
mod operators;
mod owned;
mod text;
mod time;
mod xml;
mod zone;

use std::fmt;

pub(crate) use access::too_deep_to_read;
pub use access::{index, member, slice};
pub(crate) use big::plain_notation;
pub use big::{BigNumber, OwnedBigNumber, ParsedNumber};
pub use compare::{contains, equal, ordering, sort_order};
pub use fault::{Fault, FaultKind};
pub(crate) use fault::{quoted, shortened};
pub use heap::{Budget, BytesBuilder, Heap, ListBuilder, ObjectBuilder, TextBuilder};
pub use json::{
    JsonError, MAX_DEPTH, Projection, RepeatedKeys, compact_json, is_json, read_json,
    read_json_into, read_json_part, write_json, write_json_text,
};
pub use key_form::write_key_form;
pub use kind::{Kind, Kinds};
pub use list::{BuiltList, List};
pub use number::Number;
pub use object::{BuiltObject, Entries, Object};
pub(crate) use object::{SCANNED_PER_STEP, json_member};
pub use operators::{add, divide, interpolate, multiply, negate, subtract};
pub use owned::{OwnedObject, OwnedValue};
pub(crate) use text::same_text;
pub use time::Time;
pub use xml::{XmlError, read_xml, read_xml_into};
pub(crate) use zone::NamedZone;

/// A value that borrows its content.
// The tag is a whole word. A one-byte tag would share its word with the boolean, and a copy in
// parts stalls on each part.
#[repr(u64)]
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A number beyond 64-bit integers and floats.
    BigNumber(BigNumber<'a>),
    /// A string.
    Text(&'a str),
    /// A string with an encoded digest (hex, base64), alone or in other text. It behaves as a
    /// string, but compares in constant time.
    Encoded(&'a str),
    /// A list.
    List(List<'a>),
    /// An object.
    Object(Object<'a>),
    /// A list or object that is nested deeper than 128 levels, as compact JSON. Programs can pass
    /// it on, but not read it.
    Opaque(&'a str),
    /// A time.
    Time(Time),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A secret string, or a string made with a secret.
    SecretText(&'a str),
    /// Secret bytes, or bytes made with a secret.
    SecretBytes(&'a [u8]),
}

// The machine copies values at every step. A string reference and a tag need three words.
const _: () = assert!(size_of::<Value<'_>>() == 24);

impl<'a> Value<'a> {
    /// Returns the number of a count.
    pub fn count(count: usize) -> Self {
        Self::Number(Number::count(count))
    }

    /// Returns the kind of the value.
    pub fn kind(self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Boolean,
            Self::Number(_) | Self::BigNumber(_) => Kind::Number,
            Self::Opaque(text) if text.starts_with('[') => Kind::List,
            Self::Opaque(_) => Kind::Object,
            Self::Text(_) | Self::Encoded(_) => Kind::Text,
            Self::List(_) => Kind::List,
            Self::Object(_) => Kind::Object,
            Self::Time(_) => Kind::Time,
            Self::Bytes(_) => Kind::Bytes,
            Self::SecretText(_) | Self::SecretBytes(_) => Kind::Secret,
        }
    }

    /// Returns true if it is null.
    pub fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns true if it counts as true in a condition. `""`, `0`, null, false, `[]`, `{}` and
    /// empty bytes count as false.
    pub fn is_truthy(self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => value,
            Self::Number(number) => !number.is_zero(),
            Self::BigNumber(_) => true,
            Self::Opaque(text) => text.len() > "[]".len(),
            Self::Text(text) | Self::Encoded(text) | Self::SecretText(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Object(object) => !object.is_empty(),
            Self::Time(_) => true,
            Self::Bytes(bytes) | Self::SecretBytes(bytes) => !bytes.is_empty(),
        }
    }

    /// Returns true if it is a secret, or a list or object that contains one.
    pub fn holds_secret(self) -> bool {
        match self {
            Self::SecretText(_) | Self::SecretBytes(_) => true,
            Self::List(list) => list.holds_secret(),
            Self::Object(object) => object.holds_secret(),
            _ => false,
        }
    }

    /// Returns the string, if it is one and not a secret.
    pub fn as_text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) | Self::Encoded(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the content of a string, of bytes or of a secret, to hash, sign or compare it.
    pub fn content(self) -> Option<&'a [u8]> {
        match self {
            Self::Text(text) | Self::Encoded(text) | Self::SecretText(text) => {
                Some(text.as_bytes())
            }
            Self::Bytes(bytes) | Self::SecretBytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Returns the number, if it is one that fits a [`Number`].
    pub fn as_number(self) -> Option<Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Returns the boolean, if it is one.
    pub fn as_bool(self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the list, if it is one.
    pub fn as_list(self) -> Option<List<'a>> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// Returns the object, if it is one.
    pub fn as_object(self) -> Option<Object<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Returns the time, if it is one.
    pub fn as_time(self) -> Option<Time> {
        match self {
            Self::Time(time) => Some(time),
            _ => None,
        }
    }

    /// Returns the bytes, if it is bytes.
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Copies the value. `None` if it is or contains a secret.
    pub fn to_owned_value(self) -> Option<OwnedValue> {
        OwnedValue::from_value(self)
    }
}

/// Writes compact JSON. A secret is written as `"<secret>"`.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_json(f, *self)
    }
}

/// Writes kind and content, but never the content of a secret.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretText(_) | Self::SecretBytes(_) => f.write_str("<secret>"),
            other => write!(f, "{}({other})", other.kind()),
        }
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Number> for Value<'_> {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<Time> for Value<'_> {
    fn from(time: Time) -> Self {
        Self::Time(time)
    }
}

impl<'a> From<&'a serde_json::Value> for Value<'a> {
    fn from(value: &'a serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => from_json_number(number),
            serde_json::Value::String(text) => Self::Text(text),
            serde_json::Value::Array(items) => Self::List(List::Json(items)),
            serde_json::Value::Object(members) => Self::Object(Object::Json(members)),
        }
    }
}

fn from_json_number<'a>(number: &serde_json::Number) -> Value<'a> {
    if let Some(integer) = number.as_i64() {
        return Value::Number(Number::Int(integer));
    }
    if let Some(integer) = number.as_u64() {
        return Value::Number(Number::from(integer));
    }
    // Without `arbitrary_precision` a JSON number is always finite.
    let decimal = number.as_f64().and_then(Number::decimal);
    decimal.map_or(Value::Null, Value::Number)
}
