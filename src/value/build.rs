//! Builders of values during parsing: one for owned values, and one for values on the heap of an
//! evaluation. Does not know formats.

use std::borrow::Cow;
use std::convert::Infallible;

use super::{BigNumber, Fault, Heap, Number, OwnedObject, OwnedValue, Value};

/// A value without parts.
pub(super) enum Scalar<'j> {
    Null,
    Bool(bool),
    Number(Number),
    Big(BigNumber<'j>),
    Text(Cow<'j, str>),
    /// The text of a list or object that is nested too deeply.
    Opaque(String),
}

/// A built object, and a key that it repeats, if there is one.
pub(super) type BuiltWithRepeat<V> = (V, Option<Box<str>>);

/// A builder of values during parsing.
pub(super) trait Build {
    type Value;
    type Fault;
    type Key;
    type List;
    type Object;

    fn scalar(&self, scalar: Scalar<'_>) -> Result<Self::Value, Self::Fault>;
    fn list(&self) -> Self::List;
    fn push(&self, list: &mut Self::List, item: Self::Value) -> Result<(), Self::Fault>;
    fn end_list(&self, list: Self::List) -> Result<Self::Value, Self::Fault>;
    fn object(&self) -> Self::Object;
    fn key(&self, key: Cow<'_, str>) -> Result<Self::Key, Self::Fault>;
    fn insert(
        &self,
        object: &mut Self::Object,
        key: Self::Key,
        value: Self::Value,
    ) -> Result<(), Self::Fault>;
    /// Finishes the object. Also returns a repeated key, if there is one.
    fn end_object(&self, object: Self::Object)
    -> Result<BuiltWithRepeat<Self::Value>, Self::Fault>;
}

/// Builds owned values.
pub(super) struct Owned;

impl Build for Owned {
    type Value = OwnedValue;
    type Fault = Infallible;
    type Key = Box<str>;
    type List = Vec<OwnedValue>;
    type Object = Vec<(Box<str>, OwnedValue)>;

    fn scalar(&self, scalar: Scalar<'_>) -> Result<OwnedValue, Infallible> {
        Ok(match scalar {
            Scalar::Null => OwnedValue::Null,
            Scalar::Bool(value) => OwnedValue::Bool(value),
            Scalar::Number(number) => OwnedValue::Number(number),
            Scalar::Big(number) => OwnedValue::BigNumber(number.into()),
            Scalar::Text(text) => OwnedValue::Text(text.into()),
            Scalar::Opaque(text) => OwnedValue::Opaque(text.into()),
        })
    }

    fn list(&self) -> Self::List {
        Vec::new()
    }

    fn push(&self, list: &mut Self::List, item: OwnedValue) -> Result<(), Infallible> {
        list.push(item);
        Ok(())
    }

    fn end_list(&self, list: Self::List) -> Result<OwnedValue, Infallible> {
        Ok(OwnedValue::List(list))
    }

    fn object(&self) -> Self::Object {
        Vec::new()
    }

    fn key(&self, key: Cow<'_, str>) -> Result<Box<str>, Infallible> {
        Ok(key.into())
    }

    fn insert(
        &self,
        object: &mut Self::Object,
        key: Box<str>,
        value: OwnedValue,
    ) -> Result<(), Infallible> {
        object.push((key, value));
        Ok(())
    }

    fn end_object(&self, object: Self::Object) -> Result<BuiltWithRepeat<OwnedValue>, Infallible> {
        let (object, repeated) = OwnedObject::new(object);
        Ok((OwnedValue::Object(object), repeated))
    }
}

/// Builds values on the heap of an evaluation, within its limits.
pub(super) struct OnHeap<'a>(pub(super) &'a Heap);

impl<'a> Build for OnHeap<'a> {
    type Value = Value<'a>;
    type Fault = Fault;
    type Key = &'a str;
    type List = super::ListBuilder<'a>;
    type Object = super::ObjectBuilder<'a>;

    fn scalar(&self, scalar: Scalar<'_>) -> Result<Value<'a>, Fault> {
        Ok(match scalar {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => Value::Bool(value),
            Scalar::Number(number) => Value::Number(number),
            Scalar::Big(number) => Value::BigNumber(self.0.big_number(number)?),
            Scalar::Text(text) => Value::Text(self.0.text(&text)?),
            Scalar::Opaque(text) => Value::Opaque(self.0.text(&text)?),
        })
    }

    fn list(&self) -> Self::List {
        self.0.list_builder()
    }

    fn push(&self, list: &mut Self::List, item: Value<'a>) -> Result<(), Fault> {
        list.push(item)
    }

    fn end_list(&self, list: Self::List) -> Result<Value<'a>, Fault> {
        list.finish()
    }

    fn object(&self) -> Self::Object {
        self.0.object_builder()
    }

    fn key(&self, key: Cow<'_, str>) -> Result<&'a str, Fault> {
        self.0.text(&key)
    }

    fn insert(
        &self,
        object: &mut Self::Object,
        key: &'a str,
        value: Value<'a>,
    ) -> Result<(), Fault> {
        object.push(key, value)
    }

    fn end_object(&self, object: Self::Object) -> Result<BuiltWithRepeat<Value<'a>>, Fault> {
        let (object, repeated) = object.build()?;
        Ok((object, repeated.map(Into::into)))
    }
}
