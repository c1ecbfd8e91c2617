//! Lists in all their memory representations. Does not know their use.

use super::nature::Nature;
use super::{OwnedValue, Value};

/// A list that borrows its elements.
#[derive(Debug, Clone, Copy)]
pub enum List<'a> {
    /// The elements of an owned value: a body, a constant.
    Owned(&'a Vec<OwnedValue>),
    /// The elements of a JSON value of the host.
    Json(&'a Vec<serde_json::Value>),
    /// The elements built by the evaluation.
    Built(&'a BuiltList<'a>),
}

/// A list on the heap of an evaluation.
#[derive(Debug)]
pub struct BuiltList<'a> {
    pub(super) items: &'a [Value<'a>],
    pub(super) nature: Nature,
}

impl<'a> List<'a> {
    /// Returns the number of elements.
    pub fn len(self) -> usize {
        match self {
            Self::Owned(items) => items.len(),
            Self::Json(items) => items.len(),
            Self::Built(list) => list.items.len(),
        }
    }

    /// Returns true if it has no elements.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Returns the element at an index, counted from zero.
    #[inline]
    pub fn get(self, at: usize) -> Option<Value<'a>> {
        match self {
            Self::Owned(items) => items.get(at).map(OwnedValue::borrow),
            Self::Json(items) => items.get(at).map(Value::from),
            Self::Built(list) => list.items.get(at).copied(),
        }
    }

    /// Returns the elements in order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Value<'a>> + ExactSizeIterator {
        (0..self.len()).map(move |at| self.get(at).unwrap_or(Value::Null))
    }

    /// Returns true if it contains a secret, at any depth.
    pub fn holds_secret(self) -> bool {
        matches!(self, Self::Built(list) if list.nature.secret)
    }
}
