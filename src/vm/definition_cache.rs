//! A cache of the values of definitions, for the programs of one request. Does not run programs.

use std::cell::{Cell, OnceCell};

use crate::program::Program;
use crate::value::{Budget, Fault, List, Object, OwnedValue, Value};

/// Maximum size of all cached values together, in bytes. A value beyond it is evaluated again at
/// each use.
const MAX_CACHED_BYTES: usize = 4 << 20;

/// The number of uses of each definition in the programs of a host.
///
/// Only a definition with more than one use is cached, because caching copies the value.
#[derive(Debug, Clone, Default)]
pub struct DefinitionUses(Vec<u32>);

impl DefinitionUses {
    /// Counts the uses in a program.
    pub fn add(&mut self, program: &Program) {
        for number in program.cached_definitions() {
            let place = usize::from(number);
            if self.0.len() <= place {
                self.0.resize(place + 1, 0);
            }
            if let Some(uses) = self.0.get_mut(place) {
                *uses = uses.saturating_add(1);
            }
        }
    }
}

/// The cached values of definitions for one request.
#[derive(Debug)]
pub struct DefinitionCache {
    /// An entry for each definition. `None` if the definition is used once.
    entries: Vec<Option<OnceCell<CachedResult>>>,
    /// The bytes that may still be cached.
    left: Cell<usize>,
}

/// A cached value or fault, and its cost.
#[derive(Debug)]
pub(super) struct CachedResult {
    result: Result<CachedContent, Fault>,
    /// The work and memory of its evaluation. Each use is charged for it, so that a limit does not
    /// depend on the order of the programs.
    pub(super) cost: Budget,
}

/// A value outside the heap.
#[derive(Debug)]
enum CachedContent {
    Owned(OwnedValue),
    /// A string that compares in constant time.
    Encoded(Box<str>),
}

impl DefinitionCache {
    /// Returns an empty cache for one request.
    pub fn new(uses: &DefinitionUses) -> Self {
        let is_shared = |uses: &u32| *uses > 1;
        let entries = match uses.0.iter().any(is_shared) {
            true => uses.0.iter().map(|uses| is_shared(uses).then(OnceCell::new)).collect(),
            false => Vec::new(),
        };
        Self { entries, left: Cell::new(MAX_CACHED_BYTES) }
    }

    /// Returns true if a definition has more than one use.
    pub(crate) fn is_shared(&self, number: u16) -> bool {
        self.entries.get(usize::from(number)).is_some_and(Option::is_some)
    }

    pub(super) fn get(&self, number: u16) -> Option<&CachedResult> {
        self.entries.get(usize::from(number))?.as_ref()?.get()
    }

    /// Adds a value or fault, if it can be copied.
    pub(super) fn insert(&self, number: u16, result: Result<Value<'_>, Fault>, cost: Budget) {
        let Some(Some(entry)) = self.entries.get(usize::from(number)) else {
            return;
        };
        let result = match result {
            Ok(value) => match self.content(value) {
                Some(content) => Ok(content),
                None => return,
            },
            Err(fault) => Err(fault),
        };
        // A value that is already there is the same one.
        let _ = entry.set(CachedResult { result, cost });
    }

    /// Copies a value. `None` if the copy would be another value, or too large.
    fn content(&self, value: Value<'_>) -> Option<CachedContent> {
        let mut left = self.left.get();
        if let Value::Encoded(text) = value {
            self.left.set(left.checked_sub(text.len())?);
            return Some(CachedContent::Encoded(text.into()));
        }
        measure(value, &mut left)?;
        let owned = value.to_owned_value()?;
        self.left.set(left);
        Some(CachedContent::Owned(owned))
    }
}

impl CachedResult {
    pub(super) fn value(&self) -> Result<Value<'_>, Fault> {
        match &self.result {
            Ok(CachedContent::Owned(value)) => Ok(value.borrow()),
            Ok(CachedContent::Encoded(text)) => Ok(Value::Encoded(text)),
            Err(fault) => Err(fault.clone()),
        }
    }
}

/// Subtracts the size of a value. `None` if it is too large, or if an owned copy loses something:
/// a secret, keys that are case-insensitive, a string that compares in constant time.
fn measure(value: Value<'_>, left: &mut usize) -> Option<()> {
    let content = match value {
        Value::SecretText(_) | Value::SecretBytes(_) | Value::Encoded(_) => return None,
        Value::Object(Object::BlindOwned(_) | Object::BlindJson(_)) => return None,
        Value::List(list) => {
            measure_list(list, left)?;
            0
        }
        Value::Object(object) => {
            let mut keys = 0_usize;
            for (key, value) in object.iter() {
                keys = keys.saturating_add(key.len());
                measure(value, left)?;
            }
            keys
        }
        scalar => scalar.content().map_or(0, <[u8]>::len),
    };
    *left = left.checked_sub(content.saturating_add(size_of::<OwnedValue>()))?;
    Some(())
}

fn measure_list(list: List<'_>, left: &mut usize) -> Option<()> {
    for item in list.iter() {
        measure(item, left)?;
    }
    Some(())
}
