//! Lists, wherever they live.

use super::heap::Nature;
use super::{OwnedValue, Value};

/// A list that borrows its elements.
#[derive(Debug, Clone, Copy)]
pub enum List<'a> {
    /// Elements of a value of ours: a body, a constant.
    Owned(&'a Vec<OwnedValue>),
    /// Elements of a JSON value of the embedder's.
    Json(&'a Vec<serde_json::Value>),
    /// Elements built by the evaluation.
    Built(&'a BuiltList<'a>),
}

/// A list on the heap of an evaluation.
#[derive(Debug)]
pub struct BuiltList<'a> {
    pub(super) items: &'a [Value<'a>],
    pub(super) nature: Nature,
}

impl<'a> List<'a> {
    /// How many elements there are.
    pub fn len(self) -> usize {
        match self {
            Self::Owned(items) => items.len(),
            Self::Json(items) => items.len(),
            Self::Built(list) => list.items.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The element at a place counted from zero.
    #[inline]
    pub fn get(self, at: usize) -> Option<Value<'a>> {
        match self {
            Self::Owned(items) => items.get(at).map(OwnedValue::borrow),
            Self::Json(items) => items.get(at).map(Value::from),
            Self::Built(list) => list.items.get(at).copied(),
        }
    }

    /// The elements in order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Value<'a>> + ExactSizeIterator {
        (0..self.len()).map(move |at| self.get(at).unwrap_or(Value::Null))
    }

    /// Whether a secret is among the elements, or in one of them.
    pub fn holds_secret(self) -> bool {
        matches!(self, Self::Built(list) if list.nature.secret)
    }
}
