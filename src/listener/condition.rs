//! The conditions that a listener asks of every request, put together: what they read of it is
//! found once for all of them.

use std::ops::Deref;

use crate::engine::{Bound, Machine, Program, RuleSet, Trap};

/// A program that has to hold, or not to.
#[derive(Debug)]
pub(super) struct Condition {
    program: Program,
    /// Its place among the listener's conditions.
    place: usize,
}

impl Condition {
    /// One that stands alone, until [`together`] gives it its place.
    pub(super) fn new(program: Program) -> Self {
        Self { program, place: usize::MAX }
    }

    /// Whether it holds of the request that the conditions are bound to.
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

/// Puts conditions together, in this order.
pub(super) fn together<'c>(all: impl IntoIterator<Item = &'c mut Condition>) -> RuleSet {
    let programs = all.into_iter().enumerate().map(|(place, condition)| {
        condition.place = place;
        condition.program.clone()
    });
    RuleSet::new(programs)
}
