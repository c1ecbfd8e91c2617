//! The conditions that a listener evaluates for every request, as one rule set. Shared reads of the
//! request are evaluated once for all of them. Knows no meaning of a condition.

use std::ops::Deref;

use crate::engine::{Bound, Machine, Program, RuleSet, Trap};

/// A program that evaluates to true or false.
#[derive(Debug)]
pub(super) struct Condition {
    program: Program,
    /// Index in the listener's rule set.
    place: usize,
}

impl Condition {
    /// Creates a condition outside a rule set. [`together`] assigns its index.
    pub(super) fn new(program: Program) -> Self {
        Self { program, place: usize::MAX }
    }

    /// Evaluates the condition for the bound request.
    pub(super) fn holds(&self, machine: &mut Machine, bound: &Bound<'_, '_>) -> Result<bool, Trap> {
        let found = machine.test_member(bound, self.place);
        found.unwrap_or_else(|| machine.test(&self.program, bound.context()))
    }
}

impl Deref for Condition {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

/// Builds a rule set of the conditions, in this order.
pub(super) fn together<'c>(all: impl IntoIterator<Item = &'c mut Condition>) -> RuleSet {
    let programs = all.into_iter().enumerate().map(|(place, condition)| {
        condition.place = place;
        condition.program.clone()
    });
    RuleSet::new(programs)
}
