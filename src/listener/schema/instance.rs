//! Metered access of the validator to bodies.
//!
//! The validator has no limits, but it is generic over the type of JSON values. So the limit is in
//! that type: each access to a value is counted, and an access beyond the limit unwinds out of the
//! validator. The analysis of the schema bounds the work between two accesses. Knows no schemas.

use std::borrow::Cow;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object, cmp, unique};
use serde_json::Value as Plain;

use crate::value::{Number, OwnedObject, OwnedValue, ParsedNumber};

/// Bytes of a string that count as one step.
const BYTES_PER_STEP: u64 = 64;

/// Maximum stack of a validation, in bytes. It recurses through the body and the schema.
const STACK: usize = 768 << 10;

/// The limits of one validation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    /// Maximum number of steps.
    pub(super) steps: u64,
    /// Steps of an access to a value.
    pub(super) per_access: u64,
    /// Weight of each byte of a string that a pattern or format may read.
    pub(super) per_text: u64,
    /// Weight of each byte of a member name.
    pub(super) per_name: u64,
}

/// The error of a validation that exceeds its limits.
#[derive(Debug)]
pub(super) struct Exhausted;

/// The remaining allowance of the validation on this thread.
#[derive(Debug, Clone, Copy)]
struct Meter {
    allowance: Allowance,
    /// The lowest stack address that the validation may reach.
    floor: usize,
}

impl Meter {
    const IDLE: Self = Self {
        allowance: Allowance { steps: u64::MAX, per_access: 0, per_text: 0, per_name: 0 },
        floor: 0,
    };
}

thread_local! {
    static METER: Cell<Meter> = const { Cell::new(Meter::IDLE) };
}

/// Runs a validation within its allowance.
pub(super) fn metered<T>(
    allowance: Allowance,
    validate: impl FnOnce() -> T,
) -> Result<T, Exhausted> {
    let here = 0_u8;
    let floor = std::ptr::from_ref(&here).addr().saturating_sub(STACK);
    let before = METER.replace(Meter { allowance, floor });
    // The closure only reads, and its result is dropped if it unwinds.
    let outcome = catch_unwind(AssertUnwindSafe(validate));
    METER.set(before);
    outcome.map_err(|cause| match cause.downcast::<Exhausted>() {
        Ok(exhausted) => *exhausted,
        // A panic of the validator itself is passed on.
        Err(cause) => resume_unwind(cause),
    })
}

/// Counts an access to a value, and its additional cost.
fn spend(more: impl FnOnce(&Allowance) -> u64) {
    let here = 0_u8;
    let mut meter = METER.get();
    let cost = meter.allowance.per_access.saturating_add(more(&meter.allowance));
    let left = meter.allowance.steps.checked_sub(cost);
    match left.filter(|_| std::ptr::from_ref(&here).addr() >= meter.floor) {
        Some(left) => {
            meter.allowance.steps = left;
            METER.set(meter);
        }
        // No message and no panic hook: this is a return over many frames to `metered`.
        None => resume_unwind(Box::new(Exhausted)),
    }
}

/// Counts the digits of a number that a keyword reads.
pub(super) fn count_digits(digits: &str) {
    spend(|_| text_steps(digits, 4));
}

fn look() {
    spend(|_| 0);
}

fn text_steps(text: &str, times: u64) -> u64 {
    (text.len() as u64).saturating_mul(times) / BYTES_PER_STEP
}

/// Returns the length of the longest path in a body, in bytes: member names and list indices.
pub(super) fn longest_path(body: &OwnedValue) -> usize {
    match body {
        OwnedValue::List(items) => items.iter().map(|item| 8 + longest_path(item)).max(),
        OwnedValue::Object(members) => {
            members.iter().map(|(name, member)| name.len() + 1 + longest_path(member)).max()
        }
        _ => None,
    }
    .unwrap_or(0)
}

/// The JSON value type of a metered body.
#[derive(Debug)]
pub(super) struct Metered;

impl Json for Metered {
    type Node<'a> = &'a OwnedValue;
    type PreparedKey = Box<str>;
    type StringBuffer = NameBuffer;

    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>(
        buffer: &mut NameBuffer,
        string: &str,
        f: impl FnOnce(&OwnedValue) -> T,
    ) -> T {
        spend(|allowance| text_steps(string, allowance.per_name));
        buffer.0 = OwnedValue::Text(string.into());
        f(&buffer.0)
    }
}

/// A member name as a value.
#[derive(Debug)]
pub(super) struct NameBuffer(OwnedValue);

impl Default for NameBuffer {
    fn default() -> Self {
        Self(OwnedValue::Null)
    }
}

impl<'a> Node<'a, Metered> for &'a OwnedValue {
    type Object = &'a OwnedObject;
    type Array = &'a [OwnedValue];
    type Number = ParsedNumber<'a>;

    fn as_object(&self) -> Option<&'a OwnedObject> {
        look();
        match self {
            OwnedValue::Object(members) => Some(members),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<&'a [OwnedValue]> {
        look();
        match self {
            OwnedValue::List(items) => Some(items),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        let text = text_of(self)?;
        spend(|allowance| text_steps(text, allowance.per_text));
        Some(Cow::Borrowed(text))
    }

    fn as_number(&self) -> Option<ParsedNumber<'a>> {
        look();
        match self {
            OwnedValue::Number(number) => Some(ParsedNumber::Number(*number)),
            OwnedValue::BigNumber(number) => Some(ParsedNumber::Big(number.borrow())),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        look();
        match self {
            OwnedValue::Bool(value) => Some(*value),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        look();
        matches!(self, OwnedValue::Null)
    }

    fn json_type(&self) -> JsonType {
        look();
        match self {
            OwnedValue::Null => JsonType::Null,
            OwnedValue::Bool(_) => JsonType::Boolean,
            OwnedValue::Number(_) | OwnedValue::BigNumber(_) => JsonType::Number,
            OwnedValue::Opaque(text) if text.starts_with('[') => JsonType::Array,
            OwnedValue::Opaque(_) => JsonType::Object,
            // A body from JSON has no times and no bytes.
            OwnedValue::Text(_) | OwnedValue::Time(_) | OwnedValue::Bytes(_) => JsonType::String,
            OwnedValue::List(_) => JsonType::Array,
            OwnedValue::Object(_) => JsonType::Object,
        }
    }

    fn string_length(&self) -> Option<u64> {
        let text = text_of(self)?;
        spend(|_| text_steps(text, 1));
        Some(text.chars().count() as u64)
    }

    fn equals_value(&self, expected: &Plain) -> bool {
        equal(self, expected)
    }

    /// Returns null. Only errors use the value, and messages do not repeat values, so no copy is
    /// made.
    fn to_value(&self) -> Cow<'a, Plain> {
        look();
        Cow::Owned(Plain::Null)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        look();
        Some(NodeIdentity::new(std::ptr::from_ref::<OwnedValue>(self).addr()))
    }
}

fn text_of(value: &OwnedValue) -> Option<&str> {
    match value {
        OwnedValue::Text(text) => Some(text),
        _ => {
            look();
            None
        }
    }
}

/// Compares a value with a value of the schema, for `const` and `enum`.
fn equal(value: &OwnedValue, expected: &Plain) -> bool {
    spend(|_| 1);
    match (value, expected) {
        (OwnedValue::Text(text), Plain::String(expected)) => **text == **expected,
        (OwnedValue::List(items), Plain::Array(expected)) => {
            items.len() == expected.len()
                && items.iter().zip(expected).all(|(item, expected)| equal(item, expected))
        }
        (OwnedValue::Object(members), Plain::Object(expected)) => {
            let same = |(name, expected): (&String, &Plain)| {
                members.get(name).is_some_and(|member| equal(member, expected))
            };
            members.len() == expected.len() && expected.iter().all(same)
        }
        // A schema has no integers beyond 64 bits and no decimals beyond the floats, so it names a
        // big number only as the float that equals it.
        (OwnedValue::BigNumber(number), Plain::Number(expected)) => expected
            .as_f64()
            .and_then(Number::decimal)
            .is_some_and(|expected| number.borrow().compare_number(expected).is_eq()),
        (OwnedValue::Number(_) | OwnedValue::Bool(_) | OwnedValue::Null, _) => {
            cmp::equal(&plain(value), expected)
        }
        _ => false,
    }
}

/// Copies a value for the comparison by `uniqueItems`.
fn plain(value: &OwnedValue) -> Plain {
    spend(|_| 1);
    match value {
        OwnedValue::Null => Plain::Null,
        OwnedValue::Bool(value) => Plain::Bool(*value),
        OwnedValue::Number(number) => {
            serde_json::Number::from_number(*number).map_or(Plain::Null, Plain::Number)
        }
        // The crate has no such values. Lists with the exact text stand for them: equal values give
        // equal lists.
        OwnedValue::BigNumber(number) => {
            let normalised = number.borrow().normalised();
            spend(|_| text_steps(&normalised, 1));
            Plain::Array(vec![Plain::Null, Plain::String(normalised)])
        }
        OwnedValue::Opaque(text) => {
            spend(|_| text_steps(text, 1));
            Plain::Array(vec![Plain::Bool(true), Plain::String(text.to_string())])
        }
        OwnedValue::Text(text) => {
            spend(|_| text_steps(text, 1));
            Plain::String(text.to_string())
        }
        OwnedValue::List(items) => Plain::Array(items.iter().map(plain).collect()),
        OwnedValue::Object(members) => {
            let member = |(name, member): &(Box<str>, OwnedValue)| {
                spend(|_| text_steps(name, 1));
                (name.to_string(), plain(member))
            };
            Plain::Object(members.iter().map(member).collect())
        }
        OwnedValue::Time(_) | OwnedValue::Bytes(_) => Plain::String(value.to_string()),
    }
}

impl<'a> Object<'a, Metered> for &'a OwnedObject {
    type Node = &'a OwnedValue;
    type MemberName = &'a str;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        look();
        OwnedObject::len(self)
    }

    fn get(&self, key: &Box<str>) -> Option<&'a OwnedValue> {
        look();
        OwnedObject::get(self, key)
    }

    fn members(&self) -> Members<'a> {
        look();
        Members(self.iter())
    }
}

/// The members of an object. Each one counts as an access.
#[derive(Debug)]
pub(super) struct Members<'a>(std::slice::Iter<'a, (Box<str>, OwnedValue)>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a OwnedValue);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, member) = self.0.next()?;
        spend(|allowance| text_steps(name, allowance.per_name));
        Some((name, member))
    }
}

impl<'a> Array<'a, Metered> for &'a [OwnedValue] {
    type Node = &'a OwnedValue;
    type ElementsIter = Elements<'a>;

    fn len(&self) -> usize {
        look();
        <[OwnedValue]>::len(self)
    }

    fn elements(&self) -> Elements<'a> {
        look();
        Elements(self.iter())
    }

    fn is_unique(&self) -> bool {
        let items: Vec<Plain> = self.iter().map(plain).collect();
        unique::is_unique(&items)
    }
}

/// The elements of a list. Each one counts as an access.
#[derive(Debug)]
pub(super) struct Elements<'a>(std::slice::Iter<'a, OwnedValue>);

impl<'a> Iterator for Elements<'a> {
    type Item = &'a OwnedValue;

    fn next(&mut self) -> Option<Self::Item> {
        look();
        self.0.next()
    }
}

/// Conversion from numbers of this language. A whole number converts to any type that can hold it.
trait FromNumber: Sized {
    fn from_number(number: Number) -> Option<Self>;
}

impl FromNumber for serde_json::Number {
    fn from_number(number: Number) -> Option<Self> {
        match number {
            Number::Int(value) => Some(value.into()),
            Number::Big(value) => Some(value.into()),
            Number::Decimal(value) => Self::from_f64(value),
        }
    }
}

impl JsonNumber for ParsedNumber<'_> {
    fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(Number::Int(value)) => u64::try_from(*value).ok(),
            Self::Number(Number::Big(value)) => Some(*value),
            Self::Number(Number::Decimal(_)) | Self::Big(_) => None,
        }
    }

    fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(Number::Int(value)) => Some(*value),
            _ => None,
        }
    }

    /// Returns the nearest float.
    fn as_f64(&self) -> Option<f64> {
        Some(match self {
            Self::Number(number) => number.to_f64(),
            Self::Big(number) => number.to_f64(),
        })
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Owned(match self {
            Self::Number(number) => number.to_string(),
            Self::Big(number) => number.to_string(),
        })
    }

    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        // Only messages use it, and they do not repeat values.
        Cow::Owned(
            match self {
                Self::Number(number) => serde_json::Number::from_number(*number),
                Self::Big(_) => None,
            }
            .unwrap_or_else(|| 0.into()),
        )
    }

    fn is_integer(&self) -> bool {
        match self {
            Self::Number(Number::Decimal(value)) => value.fract() == 0.0,
            Self::Number(_) => true,
            Self::Big(number) => number.is_whole(),
        }
    }

    fn is_written_as_integer(&self) -> bool {
        match self {
            Self::Number(number) => number.as_integer().is_some(),
            Self::Big(number) => number.is_integer(),
        }
    }
}
