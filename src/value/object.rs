//! Objects, wherever they live: text keys and their values, in order.

use super::compare::{is_short, same_short};
use super::heap::Nature;
use super::{Fault, Heap, OwnedObject, OwnedValue, Value};

/// An object that borrows its entries.
///
/// The `Blind` forms are the same content with keys that match in any ASCII case, as HTTP
/// header names do (RFC 9110, section 5.1).
#[derive(Debug, Clone, Copy)]
pub enum Object<'a> {
    /// Entries of a value of ours: a body, a constant.
    Owned(&'a OwnedObject),
    /// Entries of a JSON value of the embedder's, in the order it keeps.
    Json(&'a serde_json::Map<String, serde_json::Value>),
    /// Entries built by the evaluation.
    Built(&'a BuiltObject<'a>),
    /// As `Owned`, keys in any case.
    BlindOwned(&'a OwnedObject),
    /// As `Json`, keys in any case.
    BlindJson(&'a serde_json::Map<String, serde_json::Value>),
}

/// How many keys a scan looks at for a step. Most differ in length already.
pub(crate) const SCANNED_PER_STEP: usize = 8;

/// A map with more members than this has more than one leaf, and only its order finds them.
const SCANNED_MEMBERS: usize = 11;

/// The member of a JSON map. Of a small one the keys are looked at one after the other: most
/// differ in length already, while the map's own search compares their bytes for an order.
#[inline]
pub(crate) fn json_member<'a>(
    map: &'a serde_json::Map<String, serde_json::Value>,
    key: &str,
) -> Option<&'a serde_json::Value> {
    // Without a call, a scan has no registers to keep.
    if map.len() > SCANNED_MEMBERS || !is_short(key) {
        return searched(map, key);
    }
    let is_it = |name: &str| name.len() == key.len() && same_short(name.as_bytes(), key.as_bytes());
    let mut members = map.iter();
    // The first apart: with it the iterator begins, and does not ask again whether it has.
    let (first, value) = members.next()?;
    if is_it(first) {
        return Some(value);
    }
    members.find(|(name, _)| is_it(name)).map(|(_, value)| value)
}

/// Not inlined: a scan would pay for the registers of a search.
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
    /// Places in `entries`, by key: a search never takes longer than its logarithm.
    pub(super) order: &'a [u32],
    pub(super) nature: Nature,
}

impl<'a> Object<'a> {
    /// How many entries there are.
    pub fn len(self) -> usize {
        match self {
            Self::Owned(object) | Self::BlindOwned(object) => object.len(),
            Self::Json(map) | Self::BlindJson(map) => map.len(),
            Self::Built(object) => object.entries.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value under a key.
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

    /// The value under a key, and the work of finding it: keys in any case have no order to find
    /// one by.
    ///
    /// # Errors
    /// A fault where the limit on steps is passed.
    #[inline]
    pub fn find(self, heap: &Heap, key: &str) -> Result<Option<Value<'a>>, Fault> {
        if let Self::BlindOwned(_) | Self::BlindJson(_) = self {
            heap.work(self.len() / SCANNED_PER_STEP)?;
        }
        Ok(self.get(key))
    }

    /// The value under a key that is written just so, whatever case keys are found in.
    pub(super) fn get_as_written(self, key: &str) -> Option<Value<'a>> {
        match self {
            Self::BlindOwned(object) => object.get(key).map(OwnedValue::borrow),
            Self::BlindJson(map) => json_member(map, key).map(Value::from),
            other => other.get(key),
        }
    }

    /// The entries in order.
    pub fn iter(self) -> Entries<'a> {
        match self {
            Self::Owned(object) | Self::BlindOwned(object) => Entries::Owned(object.iter()),
            Self::Json(map) | Self::BlindJson(map) => Entries::Json(map.iter()),
            Self::Built(object) => Entries::Built(object.entries.iter()),
        }
    }

    /// The same entries, with keys that match in any case. What an evaluation built stays as
    /// it is.
    #[must_use]
    pub fn case_blind(self) -> Self {
        match self {
            Self::Owned(object) => Self::BlindOwned(object),
            Self::Json(map) => Self::BlindJson(map),
            other => other,
        }
    }

    /// Whether a secret is among the values, or in one of them.
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
    /// Of a value of ours.
    Owned(std::slice::Iter<'a, (Box<str>, OwnedValue)>),
    /// Of a JSON value of the embedder's.
    Json(serde_json::map::Iter<'a>),
    /// Of an object built by the evaluation.
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
