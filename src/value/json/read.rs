//! Exact JSON parsing: integers in range stay integers, floats are rounded correctly, keys keep
//! their order, nesting is limited, and repeated keys are errors. Does not know schemas.
//!
//! One visitor builds both forms: owned values for data that outlives an evaluation, and heap
//! values for JSON that a rule parses. serde_json does the parsing, so the process has one JSON
//! parser.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::value::{Fault, FaultKind, Heap, Number, OwnedObject, OwnedValue, Value, quoted};

/// The maximum nesting depth of parsed JSON, in levels.
pub const MAX_DEPTH: usize = 128;

/// The reason that a JSON text is rejected, with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// The message: lower case, no full stop.
    pub message: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in bytes, counted from 1; 0 for an empty line.
    pub column: usize,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, line, column } = self;
        write!(f, "{message} at line {line} column {column}")
    }
}

impl std::error::Error for JsonError {}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let shown = error.to_string();
        let place = format!(" at line {line} column {column}");
        let message = shown.strip_suffix(&place).unwrap_or(&shown);
        Self { message: in_our_words(message).to_owned(), line, column }
    }
}

/// Replaces messages for programmers by messages for people who write JSON.
fn in_our_words(message: &str) -> &str {
    match message {
        "expected ident" => "expected `true`, `false` or `null`",
        "EOF while parsing a value" => "the string ends where a value is expected",
        "EOF while parsing an object" => "the string ends inside an object",
        "EOF while parsing a list" => "the string ends inside a list",
        "EOF while parsing a string" => "the string ends inside a string",
        "key must be a string" => "a key is text in quotes",
        "trailing characters" => "there is more after the value",
        other => other,
    }
}

/// Parses JSON into an owned value.
///
/// # Errors
/// Returns an error if the text is not JSON, nests deeper than 128 levels, or repeats a key in
/// an object.
///
/// ```
/// let value = hookgate::value::read_json(br#"{"id": 18446744073709551615}"#)?;
/// assert_eq!(value.to_string(), r#"{"id":18446744073709551615}"#);
/// # Ok::<(), hookgate::value::JsonError>(())
/// ```
pub fn read_json(json: &[u8]) -> Result<OwnedValue, JsonError> {
    read(json, &Owned(RepeatedKeys::Refuse)).map_err(JsonError::from)
}

/// Parses JSON into the heap of an evaluation.
///
/// # Errors
/// Returns an error if the text is not JSON, nests too deeply, repeats a key, or exceeds a limit.
pub fn read_json_into<'a>(heap: &'a Heap, json: &str) -> Result<Value<'a>, Fault> {
    let build = OnHeap { heap, fault: std::cell::RefCell::new(None) };
    read(json.as_bytes(), &build).map_err(|error| {
        // serde wraps a fault of a limit in its own error. The original fault says more.
        build.fault.take().unwrap_or_else(|| {
            Fault::new(FaultKind::BadData, format!("this is not JSON: {}", JsonError::from(error)))
        })
    })
}

fn read<B: Build>(json: &[u8], build: &B) -> Result<B::Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    // Our depth limit is exact; serde_json's stops one level early.
    reader.disable_recursion_limit();
    let value = Seed { build, depth: 0 }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// A builder of values during parsing.
pub(super) trait Build {
    type Value;
    type Key;
    type List;
    type Object;

    fn scalar(&self, value: Value<'_>) -> Result<Self::Value, String>;
    fn list(&self) -> Self::List;
    fn push(&self, list: &mut Self::List, item: Self::Value) -> Result<(), String>;
    fn end_list(&self, list: Self::List) -> Result<Self::Value, String>;
    fn object(&self) -> Self::Object;
    fn key(&self, key: &str) -> Result<Self::Key, String>;
    fn insert(
        &self,
        object: &mut Self::Object,
        key: Self::Key,
        value: Self::Value,
    ) -> Result<(), String>;
    /// Finishes the object. A repeated key is an error.
    fn end_object(&self, object: Self::Object) -> Result<Self::Value, String>;
}

/// The meaning of a key that is repeated in an object. JSON readers disagree on it
/// ([RFC 8259, section 4](https://www.rfc-editor.org/rfc/rfc8259#section-4)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepeatedKeys {
    /// The text is rejected.
    Refuse,
    /// The last value counts, as most readers decide.
    LastCounts,
}

impl RepeatedKeys {
    /// Returns the object of these entries, or the message of the error.
    pub(super) fn object(self, entries: Vec<(Box<str>, OwnedValue)>) -> Result<OwnedValue, String> {
        match (OwnedObject::new(entries), self) {
            ((_, Some(key)), Self::Refuse) => Err(repeated(&key)),
            ((object, _), _) => Ok(OwnedValue::Object(object)),
        }
    }
}

/// Builds owned values.
pub(super) struct Owned(pub(super) RepeatedKeys);

impl Build for Owned {
    type Value = OwnedValue;
    type Key = Box<str>;
    type List = Vec<OwnedValue>;
    type Object = Vec<(Box<str>, OwnedValue)>;

    fn scalar(&self, value: Value<'_>) -> Result<OwnedValue, String> {
        value.to_owned_value().ok_or_else(|| "a secret in JSON".to_owned())
    }

    fn list(&self) -> Self::List {
        Vec::new()
    }

    fn push(&self, list: &mut Self::List, item: OwnedValue) -> Result<(), String> {
        list.push(item);
        Ok(())
    }

    fn end_list(&self, list: Self::List) -> Result<OwnedValue, String> {
        Ok(OwnedValue::List(list))
    }

    fn object(&self) -> Self::Object {
        Vec::new()
    }

    fn key(&self, key: &str) -> Result<Box<str>, String> {
        Ok(key.into())
    }

    fn insert(
        &self,
        object: &mut Self::Object,
        key: Box<str>,
        value: OwnedValue,
    ) -> Result<(), String> {
        object.push((key, value));
        Ok(())
    }

    fn end_object(&self, object: Self::Object) -> Result<OwnedValue, String> {
        self.0.object(object)
    }
}

struct OnHeap<'a> {
    heap: &'a Heap,
    /// The fault that caused an error of serde.
    fault: std::cell::RefCell<Option<Fault>>,
}

impl OnHeap<'_> {
    fn keep(&self, fault: Fault) -> String {
        let message = fault.message().to_owned();
        self.fault.replace(Some(fault));
        message
    }
}

impl<'a> Build for OnHeap<'a> {
    type Value = Value<'a>;
    type Key = &'a str;
    type List = crate::value::ListBuilder<'a>;
    type Object = crate::value::ObjectBuilder<'a>;

    fn scalar(&self, value: Value<'_>) -> Result<Value<'a>, String> {
        Ok(match value {
            Value::Text(text) => {
                Value::Text(self.heap.text(text).map_err(|fault| self.keep(fault))?)
            }
            Value::Bool(value) => Value::Bool(value),
            Value::Number(number) => Value::Number(number),
            _ => Value::Null,
        })
    }

    fn list(&self) -> Self::List {
        self.heap.list_builder()
    }

    fn push(&self, list: &mut Self::List, item: Value<'a>) -> Result<(), String> {
        list.push(item).map_err(|fault| self.keep(fault))
    }

    fn end_list(&self, list: Self::List) -> Result<Value<'a>, String> {
        list.finish().map_err(|fault| self.keep(fault))
    }

    fn object(&self) -> Self::Object {
        self.heap.object_builder()
    }

    fn key(&self, key: &str) -> Result<&'a str, String> {
        self.heap.text(key).map_err(|fault| self.keep(fault))
    }

    fn insert(
        &self,
        object: &mut Self::Object,
        key: &'a str,
        value: Value<'a>,
    ) -> Result<(), String> {
        object.push(key, value).map_err(|fault| self.keep(fault))
    }

    fn end_object(&self, object: Self::Object) -> Result<Value<'a>, String> {
        let (object, key) = object.build().map_err(|fault| self.keep(fault))?;
        match key {
            None => Ok(object),
            Some(key) => Err(self.keep(
                Fault::new(FaultKind::RepeatedKey, repeated(key))
                    .help("readers disagree on which value counts, so none is taken"),
            )),
        }
    }
}

fn repeated(key: &str) -> String {
    format!("the key {} is repeated in an object", quoted(key))
}

pub(super) struct Seed<'b, B> {
    pub(super) build: &'b B,
    pub(super) depth: usize,
}

impl<'de, B: Build> DeserializeSeed<'de> for Seed<'_, B> {
    type Value = B::Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<B::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<B: Build> Seed<'_, B> {
    fn scalar<E: Error>(self, value: Value<'_>) -> Result<B::Value, E> {
        self.build.scalar(value).map_err(E::custom)
    }

    fn deeper<E: Error>(&self) -> Result<usize, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nested more than {MAX_DEPTH} deep")));
        }
        Ok(self.depth + 1)
    }
}

impl<'de, B: Build> Visitor<'de> for Seed<'_, B> {
    type Value = B::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<B::Value, E> {
        self.scalar(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<B::Value, E> {
        self.scalar(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<B::Value, E> {
        self.scalar(Value::Number(Number::Int(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<B::Value, E> {
        self.scalar(Value::Number(Number::from(value)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<B::Value, E> {
        match Number::decimal(value) {
            Some(number) => self.scalar(Value::Number(number)),
            None => Err(E::custom("number out of range")),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<B::Value, E> {
        self.scalar(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<B::Value, A::Error> {
        let (build, depth) = (self.build, self.deeper()?);
        let mut list = build.list();
        while let Some(item) = items.next_element_seed(Seed { build, depth })? {
            build.push(&mut list, item).map_err(A::Error::custom)?;
        }
        build.end_list(list).map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<B::Value, A::Error> {
        let (build, depth) = (self.build, self.deeper()?);
        let mut object = build.object();
        while let Some(key) = entries.next_key_seed(KeySeed { build })? {
            let value = entries.next_value_seed(Seed { build, depth })?;
            build.insert(&mut object, key, value).map_err(A::Error::custom)?;
        }
        build.end_object(object).map_err(A::Error::custom)
    }
}

/// Builds a key without a copy in between.
struct KeySeed<'b, B> {
    build: &'b B,
}

impl<'de, B: Build> DeserializeSeed<'de> for KeySeed<'_, B> {
    type Value = B::Key;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<B::Key, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<B: Build> Visitor<'_> for KeySeed<'_, B> {
    type Value = B::Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<B::Key, E> {
        self.build.key(key).map_err(E::custom)
    }
}
