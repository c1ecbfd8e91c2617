//! Rule sets, run: what their programs read is found once for a context, then each is walked.

use std::cell::Cell;
use std::ops::ControlFlow;

use smallvec::SmallVec;

use super::context::{Context, case_blind};
use super::machine::Machine;
use super::trap::Trap;
use crate::program::{RuleSet, Step};
use crate::value::{Object, OwnedValue, SCANNED_PER_STEP, Value, json_member};

/// What the programs of a set share while they run against one context.
pub(super) struct Shared<'c> {
    /// Where the steps of the set led.
    found: &'c [Found<'c>],
    /// What the tests of the set answered.
    answers: &'c [Cell<Option<Answer>>],
}

/// A set with no more steps, or tests, allocates nothing when it runs.
const INLINE: usize = 32;

/// Where a step led.
#[derive(Clone, Copy)]
pub(super) struct Found<'c> {
    pub(super) end: End<'c>,
    /// The steps of work that it counts for, each time that it is read.
    pub(super) work: usize,
}

/// What stands there. What belongs to a document stays where it is.
#[derive(Clone, Copy)]
pub(super) enum End<'c> {
    Json(&'c serde_json::Value),
    Owned(&'c OwnedValue),
    Other(Value<'c>),
}

/// What a test answered, and what it cost.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) truth: bool,
    pub(super) steps: u64,
    pub(super) bytes: usize,
}

impl<'c> Shared<'c> {
    #[inline]
    pub(super) fn found(&self, place: u16) -> Option<&'c Found<'c>> {
        self.found.get(usize::from(place))
    }

    pub(super) fn answer(&self, test: u32) -> Option<&'c Cell<Option<Answer>>> {
        self.answers.get(test as usize)
    }
}

fn take<'c>(step: &Step, context: &Context<'c>, before: &[Found<'c>]) -> Found<'c> {
    match step {
        Step::Root(root) => Found { end: End::Other(context.get(root)), work: 0 },
        Step::Member(from, key) => {
            let from = before.get(usize::from(*from)).map(|found| found.end);
            Found { end: from.map_or(End::Other(Value::Null), |end| end.member(key)), work: 0 }
        }
        Step::Blind(root, key) => {
            let Value::Object(object) = case_blind(context.get(root)) else {
                return Found { end: End::Other(Value::Null), work: 0 };
            };
            let work = match object {
                Object::BlindOwned(_) | Object::BlindJson(_) => object.len() / SCANNED_PER_STEP,
                _ => 0,
            };
            Found { end: End::Other(object.get(key).unwrap_or(Value::Null)), work }
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

impl Machine {
    /// Asks the programs of a set, in order, whether their answers count as true, until the caller
    /// breaks off. Each has the limits of an evaluation of its own, and answers what it answers
    /// alone; `each` gets its place in the set, and the answer or the trap that stopped it.
    ///
    /// Answers what the caller broke off with.
    pub fn test_set<B>(
        &mut self,
        set: &RuleSet,
        context: &Context<'_>,
        mut each: impl FnMut(usize, Result<bool, Trap>) -> ControlFlow<B>,
    ) -> Option<B> {
        let mut found = SmallVec::<[_; INLINE]>::new();
        for step in set.steps() {
            let next = take(step, context, &found);
            found.push(next);
        }
        let answers = SmallVec::<[_; INLINE]>::from_elem(Cell::new(None), set.tests());
        let shared = Shared { found: &found, answers: &answers };
        for (at, member) in set.members().iter().enumerate() {
            let program = &member.program;
            let tree = member.tree.as_ref();
            let walked = tree.and_then(|tree| self.test_shared(program, tree, context, &shared));
            let answer = match walked {
                Some(truth) => Ok(truth),
                None => self.test(program, context),
            };
            if let ControlFlow::Break(with) = each(at, answer) {
                return Some(with);
            }
        }
        None
    }
}
