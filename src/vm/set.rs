//! Evaluation of rule sets: resolves the shared paths once for a context, then runs each program.
//! Does not build sets.

use std::cell::Cell;
use std::ops::ControlFlow;

use smallvec::SmallVec;

use super::context::{Context, case_insensitive};
use super::machine::Machine;
use super::trap::Trap;
use crate::program::{Member, RuleSet, Step};
use crate::value::{Object, OwnedValue, SCANNED_PER_STEP, Value, json_member};

/// The shared results of a set for one context.
pub(super) struct Shared<'c> {
    /// The values at the shared steps.
    found: &'c [Found<'c>],
    /// The results of the shared tests, once evaluated.
    answers: &'c [Cell<Option<Answer>>],
}

/// The number of steps, and of tests, stored inline. A set up to this size allocates nothing.
const INLINE: usize = 32;

/// The value at a step.
#[derive(Clone, Copy)]
pub(super) struct Found<'c> {
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
            let Value::Object(object) = case_insensitive(context.get(root)) else {
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

/// A rule set with the values of its shared paths for one context. It can be evaluated repeatedly.
pub struct Bound<'r, 'c> {
    set: &'c RuleSet,
    context: &'r Context<'c>,
    found: SmallVec<[Found<'c>; INLINE]>,
    answers: SmallVec<[Cell<Option<Answer>>; INLINE]>,
}

impl<'c> Bound<'_, 'c> {
    /// Returns its context.
    pub fn context(&self) -> &Context<'c> {
        self.context
    }
}

impl RuleSet {
    /// Resolves the shared paths of the set in a context.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// use hookgate::engine::{Context, Engine, Machine, RuleSet};
    ///
    /// let set = RuleSet::new([Engine::new().compile(r#"event.type == "opened""#)?]);
    /// let request = serde_json::json!({ "event": { "type": "opened" } });
    /// let context = Context::of(&request);
    /// let bound = set.bind(&context);
    /// let mut held = 0;
    /// for _ in 0..2 {
    ///     Machine::default().test_bound(&bound, |_, answer| {
    ///         held += usize::from(answer == Ok(true));
    ///         ControlFlow::<()>::Continue(())
    ///     });
    /// }
    /// assert_eq!(held, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bind<'r, 'c>(&'c self, context: &'r Context<'c>) -> Bound<'r, 'c> {
        let mut found = SmallVec::<[_; INLINE]>::with_capacity(self.steps().len());
        for step in self.steps() {
            let next = take(step, context, &found);
            found.push(next);
        }
        let answers = SmallVec::from_elem(Cell::new(None), self.tests());
        Bound { set: self, context, found, answers }
    }
}

impl Machine {
    /// Runs the programs of a set in order until `each` breaks. `each` gets the index of a program,
    /// and true if its result counts as true, or the trap that stopped it. Each program has the
    /// limits and the result of a separate evaluation.
    ///
    /// Returns the value that `each` broke with.
    pub fn test_set<B>(
        &mut self,
        set: &RuleSet,
        context: &Context<'_>,
        each: impl FnMut(usize, Result<bool, Trap>) -> ControlFlow<B>,
    ) -> Option<B> {
        self.test_bound(&set.bind(context), each)
    }

    /// Runs a set whose shared paths are already resolved, as [`Self::test_set`] does.
    pub fn test_bound<B>(
        &mut self,
        bound: &Bound<'_, '_>,
        mut each: impl FnMut(usize, Result<bool, Trap>) -> ControlFlow<B>,
    ) -> Option<B> {
        for (at, member) in bound.set.members().iter().enumerate() {
            if let ControlFlow::Break(with) = each(at, self.ask(bound, member)) {
                return Some(with);
            }
        }
        None
    }

    /// Runs one program of a set. `None` if the index is out of range.
    pub fn test_member(
        &mut self,
        bound: &Bound<'_, '_>,
        place: usize,
    ) -> Option<Result<bool, Trap>> {
        let member = bound.set.members().get(place)?;
        Some(self.ask(bound, member))
    }

    #[inline]
    fn ask(&mut self, bound: &Bound<'_, '_>, member: &Member) -> Result<bool, Trap> {
        let shared = Shared { found: &bound.found, answers: &bound.answers };
        let program = &member.program;
        let tree = member.tree.as_ref();
        let walked = tree.and_then(|tree| self.test_shared(program, tree, bound.context, &shared));
        match walked {
            Some(truth) => Ok(truth),
            None => self.test(program, bound.context),
        }
    }
}
