//! Partial JSON parsing: builds the requested parts, and only validates the rest. Does not know who
//! reads the parts.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::read::{JsonError, MAX_DEPTH, Owned, RepeatedKeys, Seed};
use crate::value::{Number, OwnedValue};

/// The parts of a document to build.
///
/// ```
/// use hookgate::value::{Projection, RepeatedKeys, read_json_part};
///
/// let mut wanted = Projection::default();
/// wanted.add(["issue", "id"]);
/// let json = br#"{"issue": {"id": 7, "title": "x"}, "more": [1]}"#;
/// let part = read_json_part(json, &wanted, RepeatedKeys::Refuse)?;
/// assert_eq!(part.to_string(), r#"{"issue":{"id":7}}"#);
/// # Ok::<(), hookgate::value::JsonError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Projection {
    /// True to build everything from here on.
    whole: bool,
    members: BTreeMap<Box<str>, Projection>,
}

impl Projection {
    /// Requests the whole document.
    pub fn whole() -> Self {
        Self { whole: true, members: BTreeMap::new() }
    }

    /// Requests the value under these keys too.
    pub fn add<'k>(&mut self, keys: impl IntoIterator<Item = &'k str>) {
        let mut here = self;
        for key in keys {
            here = here.members.entry(key.into()).or_default();
        }
        here.whole = true;
    }

    /// Returns true if everything is requested.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Returns the requested parts of a member; `None` if nothing of it is requested.
    pub fn member(&self, key: &str) -> Option<&Self> {
        static WHOLE: Projection = Projection { whole: true, members: BTreeMap::new() };
        if self.whole { Some(&WHOLE) } else { self.members.get(key) }
    }
}

/// Parses the requested parts of a document. An object on the path to them contains only requested
/// members. A list on the path becomes null, because its members would be null.
///
/// # Errors
/// Returns an error as [`super::read_json`] does, except for repeated keys in skipped parts.
pub fn read_json_part(
    json: &[u8],
    wanted: &Projection,
    repeated: RepeatedKeys,
) -> Result<OwnedValue, JsonError> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    // Our depth limit is exact; serde_json's stops one level early.
    reader.disable_recursion_limit();
    let part = Part { wanted, repeated, depth: 0 };
    let value = part.deserialize(&mut reader).map_err(JsonError::from)?;
    reader.end().map_err(JsonError::from)?;
    Ok(value)
}

fn deeper<E: Error>(depth: usize) -> Result<usize, E> {
    if depth == MAX_DEPTH {
        return Err(E::custom(format_args!("nested more than {MAX_DEPTH} deep")));
    }
    Ok(depth + 1)
}

/// A position on the path to requested parts.
struct Part<'p> {
    wanted: &'p Projection,
    repeated: RepeatedKeys,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = OwnedValue;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<OwnedValue, D::Error> {
        if self.wanted.whole {
            return Seed { build: &Owned(self.repeated), depth: self.depth }.deserialize(reader);
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = OwnedValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    // A scalar on the path is kept: its members read as missing.
    fn visit_unit<E: Error>(self) -> Result<OwnedValue, E> {
        Ok(OwnedValue::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<OwnedValue, E> {
        Ok(OwnedValue::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<OwnedValue, E> {
        Ok(OwnedValue::Number(Number::Int(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<OwnedValue, E> {
        Ok(OwnedValue::Number(Number::from(value)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<OwnedValue, E> {
        let number = Number::decimal(value).map(OwnedValue::Number);
        number.ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<OwnedValue, E> {
        Ok(OwnedValue::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OwnedValue, A::Error> {
        let depth = deeper(self.depth)?;
        while items.next_element_seed(Skip { depth })?.is_some() {}
        Ok(OwnedValue::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<OwnedValue, A::Error> {
        let (depth, repeated) = (deeper(self.depth)?, self.repeated);
        let mut built = Vec::with_capacity(self.wanted.members.len());
        while let Some(wanted) = entries.next_key_seed(KeyOf { wanted: self.wanted })? {
            match wanted {
                Some((key, wanted)) => {
                    let part = Part { wanted, repeated, depth };
                    built.push((key.into(), entries.next_value_seed(part)?));
                }
                None => entries.next_value_seed(Skip { depth })?,
            }
        }
        repeated.object(built).map_err(A::Error::custom)
    }
}

/// Reads a key, and returns the part requested under it.
struct KeyOf<'p> {
    wanted: &'p Projection,
}

impl<'de, 'p> DeserializeSeed<'de> for KeyOf<'p> {
    type Value = Option<(&'p str, &'p Projection)>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'p> Visitor<'_> for KeyOf<'p> {
    type Value = Option<(&'p str, &'p Projection)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.wanted.members.get_key_value(key).map(|(key, wanted)| (&**key, wanted)))
    }
}

/// Validates a skipped value, with the same depth limit.
struct Skip {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Skip {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let depth = deeper(self.depth)?;
        while items.next_element_seed(Self { depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let depth = deeper(self.depth)?;
        while entries.next_key::<IgnoredAny>()?.is_some() {
            entries.next_value_seed(Self { depth })?;
        }
        Ok(())
    }
}
