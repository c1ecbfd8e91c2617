//! Values and results that the programs of a rule set share for one context (common
//! subexpressions). Does not run programs.

use std::cell::Cell;

use super::context::{Context, case_insensitive};
use crate::program::SetStep;
use crate::value::{Object, OwnedValue, SCANNED_PER_STEP, Value, json_member};

/// The shared results of a set for one context.
pub(super) struct Shared<'c> {
    /// The values at the shared steps.
    pub(super) found: &'c [SharedStep<'c>],
    /// The results of the shared tests, once evaluated.
    pub(super) answers: &'c [Cell<Option<Answer>>],
}

/// The value at a step.
#[derive(Clone, Copy)]
pub(super) struct SharedStep<'c> {
    pub(super) end: End<'c>,
    /// The steps of work charged for each read.
    pub(super) work: usize,
}

/// The end of a step. A value of a document is kept by reference.
#[derive(Clone, Copy)]
pub(super) enum End<'c> {
    Json(&'c serde_json::Value),
    Owned(&'c OwnedValue),
    Other(Value<'c>),
}

/// The result of a test, and its cost.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) truth: bool,
    pub(super) steps: u64,
    pub(super) bytes: usize,
}

impl<'c> Shared<'c> {
    #[inline]
    pub(super) fn found(&self, place: u16) -> Option<&'c SharedStep<'c>> {
        self.found.get(usize::from(place))
    }

    pub(super) fn answer(&self, test: u32) -> Option<&'c Cell<Option<Answer>>> {
        self.answers.get(test as usize)
    }
}

/// Returns the value at a step of a set, from those at the steps before it.
pub(super) fn resolve<'c>(
    step: &SetStep,
    context: &Context<'c>,
    before: &[SharedStep<'c>],
) -> SharedStep<'c> {
    match step {
        SetStep::Root(root) => SharedStep { end: End::Other(context.get(root)), work: 0 },
        SetStep::Member(from, key) => {
            let from = before.get(usize::from(*from)).map(|found| found.end);
            SharedStep { end: from.map_or(End::Other(Value::Null), |end| end.member(key)), work: 0 }
        }
        SetStep::Blind(root, key) => {
            let Value::Object(object) = case_insensitive(context.get(root)) else {
                return SharedStep { end: End::Other(Value::Null), work: 0 };
            };
            let work = match object {
                Object::BlindOwned(_) | Object::BlindJson(_) => object.len() / SCANNED_PER_STEP,
                _ => 0,
            };
            SharedStep { end: End::Other(object.get(key).unwrap_or(Value::Null)), work }
        }
    }
}

impl<'c> End<'c> {
    #[inline]
    fn member(self, key: &str) -> Self {
        let member = match self {
            Self::Json(serde_json::Value::Object(map))
            | Self::Other(Value::Object(Object::Json(map))) => {
                json_member(map, key).map(Self::Json)
            }
            Self::Owned(OwnedValue::Object(object))
            | Self::Other(Value::Object(Object::Owned(object))) => object.get(key).map(Self::Owned),
            Self::Other(Value::Object(object)) => object.get(key).map(Self::Other),
            _ => None,
        };
        member.unwrap_or(Self::Other(Value::Null))
    }

    #[inline]
    pub(super) fn value(self) -> Value<'c> {
        match self {
            Self::Json(value) => value.into(),
            Self::Owned(value) => value.borrow(),
            Self::Other(value) => value,
        }
    }
}
