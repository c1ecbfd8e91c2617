//! Conversions between owned values and the values that borrow them.

use std::fmt;

use super::{List, Object, OwnedObject, OwnedValue, Value};

impl OwnedValue {
    /// Copies the content of a value. `None` if it is or contains a secret.
    pub(super) fn from_value(value: Value<'_>) -> Option<Self> {
        if value.holds_secret() {
            return None;
        }
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(number),
            Value::BigNumber(number) => Self::BigNumber(number.into()),
            Value::Opaque(text) => Self::Opaque(text.into()),
            Value::Text(text) | Value::Encoded(text) => Self::Text(text.into()),
            Value::List(list) => Self::from_list(list)?,
            Value::Object(object) => Self::from_object(object)?,
            Value::Time(time) => Self::Time(time),
            Value::Bytes(bytes) => Self::Bytes(bytes.into()),
            Value::SecretText(_) | Value::SecretBytes(_) => return None,
        })
    }

    // Loops use less stack than iterator chains: deep values are copied on small stacks.
    fn from_list(list: List<'_>) -> Option<Self> {
        let mut items = Vec::with_capacity(list.len());
        for item in list.iter() {
            items.push(Self::from_value(item)?);
        }
        Some(Self::List(items))
    }

    fn from_object(object: Object<'_>) -> Option<Self> {
        let mut entries = Vec::with_capacity(object.len());
        for (key, value) in object.iter() {
            entries.push((key.into(), Self::from_value(value)?));
        }
        Some(Self::Object(OwnedObject::new(entries).0))
    }

    /// Returns the value, borrowed.
    #[inline]
    pub fn borrow(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) => Value::Number(*number),
            Self::BigNumber(number) => Value::BigNumber(number.borrow()),
            Self::Opaque(text) => Value::Opaque(text),
            Self::Text(text) => Value::Text(text),
            Self::List(items) => Value::List(super::List::Owned(items)),
            Self::Object(object) => Value::Object(super::Object::Owned(object)),
            Self::Time(time) => Value::Time(*time),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}

/// Writes compact JSON.
impl fmt::Display for OwnedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.borrow().fmt(f)
    }
}

impl fmt::Debug for OwnedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.borrow(), f)
    }
}

impl<'a> From<&'a OwnedValue> for Value<'a> {
    fn from(value: &'a OwnedValue) -> Self {
        value.borrow()
    }
}
