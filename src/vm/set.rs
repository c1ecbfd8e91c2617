//! Evaluation of rule sets: resolves the shared paths once for a context, then runs each program.
//! Does not build sets.

use std::cell::Cell;
use std::ops::ControlFlow;

use smallvec::SmallVec;

use super::context::Context;
use super::machine::Machine;
use super::shared::{Answer, Shared, SharedStep, resolve};
use super::trap::Trap;
use crate::program::{Member, RuleSet};

/// The number of steps, and of tests, stored inline. A set up to this size allocates nothing.
const INLINE: usize = 32;

/// A rule set with the values of its shared paths for one context. It can be evaluated repeatedly.
pub struct Bound<'r, 'c> {
    set: &'c RuleSet,
    context: &'r Context<'c>,
    found: SmallVec<[SharedStep<'c>; INLINE]>,
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
            let next = resolve(step, context, &found);
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
