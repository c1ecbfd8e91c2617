//! The simple way to run a program: with a new machine, and an owned result. Does not keep memory
//! between runs.

use super::context::Context;
use super::machine::Machine;
use super::trap::{At, Trap};
use crate::program::Program;
use crate::source::Span;
use crate::value::{Fault, FaultKind, OwnedValue};

impl Program {
    /// Runs the program once. To run it often, keep a [`Machine`].
    ///
    /// # Errors
    /// Returns the trap that stopped the run.
    pub fn eval(&self, context: &Context<'_>) -> Result<OwnedValue, Trap> {
        let mut machine = Machine::default();
        let answer = machine.eval(self, context)?;
        answer
            .to_owned_value()
            // The machine already excludes secrets; this is a second safeguard.
            .ok_or_else(|| Fault::new(FaultKind::SecretLeaves, "the answer would hold a secret"))
            .at(Span::default())
    }

    /// Runs the program once. Returns true if its result counts as true.
    ///
    /// # Errors
    /// Returns the trap that stopped the run.
    pub fn test(&self, context: &Context<'_>) -> Result<bool, Trap> {
        Machine::default().test(self, context)
    }
}
