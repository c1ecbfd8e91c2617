//! The simple form of running: a machine of its own, and an answer of its own.

use super::context::Context;
use super::machine::Machine;
use super::trap::{At, Trap};
use crate::program::Program;
use crate::source::Span;
use crate::value::{Fault, FaultKind, OwnedValue};

impl Program {
    /// Runs the program once. To run often, keep a [`Machine`].
    ///
    /// # Errors
    /// The trap that stopped it.
    pub fn eval(&self, context: &Context<'_>) -> Result<OwnedValue, Trap> {
        let mut machine = Machine::default();
        let answer = machine.eval(self, context)?;
        answer
            .to_owned_value()
            // The machine lets no secret out; this says so once more.
            .ok_or_else(|| Fault::new(FaultKind::SecretLeaves, "the answer would hold a secret"))
            .at(Span::default())
    }

    /// Runs the program once, and answers whether its answer counts as true.
    ///
    /// # Errors
    /// The trap that stopped it.
    pub fn test(&self, context: &Context<'_>) -> Result<bool, Trap> {
        Machine::default().test(self, context)
    }
}
