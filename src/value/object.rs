//! Objects in all their memory representations: string keys and values, in order. Does not know
//! their use.

use super::nature::Nature;
use super::text::{is_short, same_short};
use super::{OwnedObject, OwnedValue, Value};

/// An object that borrows its entries.
///
/// The `Blind` forms have the same content with keys that match in any ASCII case, as HTTP header
/// names do (RFC 9110, section 5.1).
#[derive(Debug, Clone, Copy)]
pub enum Object<'a> {
    /// The entries of an owned value: a body, a constant.
    Owned(&'a OwnedObject),
    /// The entries of a JSON value of the host, in its order.
    Json(&'a serde_json::Map<String, serde_json::Value>),
    /// Entries built by the evaluation.
    Built(&'a BuiltObject<'a>),
    /// As `Owned`, with case-insensitive keys.
    BlindOwned(&'a OwnedObject),
    /// As `Json`, with case-insensitive keys.
    BlindJson(&'a serde_json::Map<String, serde_json::Value>),
}

/// The number of keys that a scan compares in one step. Most keys already differ in length.
pub(crate) const SCANNED_PER_STEP: usize = 8;

/// The maximum number of members of a JSON map to scan. A larger map has more than one leaf, and
/// needs a search by key order.
const SCANNED_MEMBERS: usize = 11;

/// Returns a member of a JSON map. The keys of a small map are scanned: most differ in length,
/// while the map's own search compares bytes for an order.
#[inline]
pub(crate) fn json_member<'a>(
    map: &'a serde_json::Map<String, serde_json::Value>,
    key: &str,
) -> Option<&'a serde_json::Value> {
    // A scan without function calls saves no registers.
    if map.len() > SCANNED_MEMBERS || !is_short(key) {
        return searched(map, key);
    }
    let is_it = |name: &str| name.len() == key.len() && same_short(name.as_bytes(), key.as_bytes());
    let mut members = map.iter();
    // Reading the first entry separately starts the iterator, so later steps need no test for that.
    let (first, value) = members.next()?;
    if is_it(first) {
        return Some(value);
    }
    members.find(|(name, _)| is_it(name)).map(|(_, value)| value)
}

/// Searches a large map. Not inlined, because the scan would pay for the registers of the search.
#[inline(never)]
fn searched<'a>(
    map: &'a serde_json::Map<String, serde_json::Value>,
    key: &str,
) -> Option<&'a serde_json::Value> {
    map.get(key)
}

/// An object on the heap of an evaluation.
#[derive(Debug)]
pub struct BuiltObject<'a> {
    pub(super) entries: &'a [(&'a str, Value<'a>)],
    /// The indexes of `entries`, sorted by key for a binary search.
    pub(super) order: &'a [u32],
    pub(super) nature: Nature,
}

impl<'a> Object<'a> {
    /// Returns the number of entries.
    pub fn len(self) -> usize {
        match self {
            Self::Owned(object) | Self::BlindOwned(object) => object.len(),
            Self::Json(map) | Self::BlindJson(map) => map.len(),
            Self::Built(object) => object.entries.len(),
        }
    }

    /// Returns true if it has no entries.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Returns the value under a key.
    #[inline]
    pub fn get(self, key: &str) -> Option<Value<'a>> {
        match self {
            Self::Owned(object) => object.get(key).map(OwnedValue::borrow),
            Self::Json(map) => json_member(map, key).map(Value::from),
            Self::Built(object) => object.get(key),
            Self::BlindOwned(_) | Self::BlindJson(_) => {
                self.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
            }
        }
    }

    /// Returns the value under a key by exact case, also in a case-insensitive object.
    pub(super) fn get_as_written(self, key: &str) -> Option<Value<'a>> {
        match self {
            Self::BlindOwned(object) => object.get(key).map(OwnedValue::borrow),
            Self::BlindJson(map) => json_member(map, key).map(Value::from),
            other => other.get(key),
        }
    }

    /// Returns the entries in order.
    pub fn iter(self) -> Entries<'a> {
        match self {
            Self::Owned(object) | Self::BlindOwned(object) => Entries::Owned(object.iter()),
            Self::Json(map) | Self::BlindJson(map) => Entries::Json(map.iter()),
            Self::Built(object) => Entries::Built(object.entries.iter()),
        }
    }

    /// Returns the same entries with case-insensitive keys. An object built by the evaluation is
    /// returned unchanged.
    #[must_use]
    pub fn case_insensitive(self) -> Self {
        match self {
            Self::Owned(object) => Self::BlindOwned(object),
            Self::Json(map) => Self::BlindJson(map),
            other => other,
        }
    }

    /// Returns true if its keys match in any ASCII case.
    pub fn is_case_insensitive(self) -> bool {
        matches!(self, Self::BlindOwned(_) | Self::BlindJson(_))
    }

    /// Returns true if it contains a secret, at any depth.
    pub fn holds_secret(self) -> bool {
        matches!(self, Self::Built(object) if object.nature.secret)
    }
}

impl<'a> BuiltObject<'a> {
    fn get(&self, key: &str) -> Option<Value<'a>> {
        let entry = |at: &u32| self.entries.get(*at as usize);
        let found = self
            .order
            .binary_search_by(|at| entry(at).map_or("", |(name, _)| name).cmp(key))
            .ok()?;
        self.order.get(found).and_then(entry).map(|(_, value)| *value)
    }
}

/// The entries of an object, in order.
#[derive(Debug)]
pub enum Entries<'a> {
    /// The entries of an owned value.
    Owned(std::slice::Iter<'a, (Box<str>, OwnedValue)>),
    /// The entries of a JSON value of the host.
    Json(serde_json::map::Iter<'a>),
    /// The entries of an object built by the evaluation.
    Built(std::slice::Iter<'a, (&'a str, Value<'a>)>),
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Owned(entries) => entries.next().map(|(key, value)| (&**key, value.borrow())),
            Self::Json(entries) => {
                entries.next().map(|(key, value)| (key.as_str(), Value::from(value)))
            }
            Self::Built(entries) => entries.next().copied(),
        }
    }
}
