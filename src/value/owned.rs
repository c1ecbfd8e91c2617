//! Owned values. Does not know the evaluation that they come from.

use super::text::same_text;
use super::{Number, OwnedBigNumber, Time};

/// A value that owns its content. Never a secret: secrets do not outlive an evaluation.
#[derive(Clone, PartialEq)]
pub enum OwnedValue {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A number beyond 64-bit integers and floats.
    BigNumber(OwnedBigNumber),
    /// A string.
    Text(Box<str>),
    /// A list.
    List(Vec<OwnedValue>),
    /// An object.
    Object(OwnedObject),
    /// A list or object that is nested too deeply to be read, as compact JSON.
    Opaque(Box<str>),
    /// A time.
    Time(Time),
    /// Bytes.
    Bytes(Box<[u8]>),
}

/// Entries with string keys, in their original order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OwnedObject {
    entries: Vec<(Box<str>, OwnedValue)>,
    /// The indexes of `entries` sorted by key. Empty for a small object, where a scan is faster.
    order: Box<[u32]>,
}

/// The maximum number of entries to scan: up to here a scan that compares lengths first is faster
/// than a binary search.
const SCANNED_ENTRIES: usize = 8;

impl OwnedObject {
    /// Returns an object of these entries, and a repeated key if there is one. A repeated key keeps
    /// its first position and its last value.
    pub fn new(mut entries: Vec<(Box<str>, OwnedValue)>) -> (Self, Option<Box<str>>) {
        if entries.len() <= SCANNED_ENTRIES && !repeats(&entries) {
            return (Self { entries, order: Box::default() }, None);
        }
        let mut order = key_order(&entries);
        let repeated = order.windows(2).find_map(|pair| match pair {
            [a, b] => {
                let key = |at: u32| entries.get(at as usize).map(|(key, _)| key);
                (key(*a) == key(*b)).then(|| key(*a).cloned()).flatten()
            }
            _ => None,
        });
        if repeated.is_some() {
            entries = last_values(entries);
            order = key_order(&entries);
        }
        if entries.len() <= SCANNED_ENTRIES {
            order = Box::default();
        }
        (Self { entries, order }, repeated)
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns true if it has no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the value under a key.
    #[inline]
    pub fn get(&self, key: &str) -> Option<&OwnedValue> {
        if self.order.is_empty() {
            return self.iter().find(|(name, _)| same_text(name, key)).map(|(_, value)| value);
        }
        let entry = |at: &u32| self.entries.get(*at as usize);
        let found = self
            .order
            .binary_search_by(|at| entry(at).map_or("", |(name, _)| name).cmp(key))
            .ok()?;
        self.order.get(found).and_then(entry).map(|(_, value)| value)
    }

    /// Returns the owned entries, in order.
    pub fn into_entries(self) -> Vec<(Box<str>, OwnedValue)> {
        self.entries
    }

    /// Returns the entries in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (Box<str>, OwnedValue)> {
        self.entries.iter()
    }
}

/// Returns true if a key is repeated. Quadratic, so only for few entries.
fn repeats(entries: &[(Box<str>, OwnedValue)]) -> bool {
    let mut rest = entries;
    while let Some(((key, _), behind)) = rest.split_first() {
        if behind.iter().any(|(other, _)| same_text(other, key)) {
            return true;
        }
        rest = behind;
    }
    false
}

fn key_order(entries: &[(Box<str>, OwnedValue)]) -> Box<[u32]> {
    let mut order: Vec<u32> = (0..entries.len()).map(|at| at as u32).collect();
    order.sort_unstable_by_key(|at| (entries.get(*at as usize).map(|(key, _)| key), *at));
    order.into()
}

fn last_values(entries: Vec<(Box<str>, OwnedValue)>) -> Vec<(Box<str>, OwnedValue)> {
    let mut places = std::collections::BTreeMap::new();
    let mut kept: Vec<(Box<str>, OwnedValue)> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        match places.get(&key).and_then(|at: &usize| kept.get_mut(*at)) {
            Some(entry) => entry.1 = value,
            None => {
                places.insert(key.clone(), kept.len());
                kept.push((key, value));
            }
        }
    }
    kept
}
