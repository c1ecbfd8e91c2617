//! The evaluation of a source with its output: the shared part of `eval`, `explain` and the prompt.

use super::input::{EvaluationContext, SourceArgument};
use super::output::{self, Format};
use super::{Error, Exit};
use crate::check::Checked;
use crate::engine::{Diagnostic, Diagnostics, Engine, Machine, Program};
use crate::explain::{to_json, to_text};

/// The context of evaluations, and the output format.
pub(super) struct Session<'s> {
    engine: Engine,
    surroundings: &'s EvaluationContext,
    machine: Machine,
    format: Format,
}

impl<'s> Session<'s> {
    pub(super) fn new(surroundings: &'s EvaluationContext, format: Format) -> Self {
        let engine = surroundings.engine();
        let machine = engine.machine();
        Self { engine, surroundings, machine, format }
    }

    /// Runs a source, and prints the result to standard output.
    pub(super) fn eval(&mut self, given: SourceArgument) -> Result<Exit, Error> {
        let (checked, program) = match self.compile(given) {
            Ok(compiled) => compiled,
            Err(diagnostics) => return Ok(self.refuse(&diagnostics)),
        };
        let format = self.format;
        match self.machine.eval(&program, &self.surroundings.context()) {
            Ok(answer) => {
                print_result(checked, None, format);
                output::print_line(&answer.to_string())?;
                Ok(Exit::Done)
            }
            Err(trap) => Ok(print_result(checked, Some(trap.diagnostic()), format)),
        }
    }

    /// Runs a source, and prints the explanation of the result to standard output.
    pub(super) fn explain(&mut self, given: SourceArgument) -> Result<Exit, Error> {
        let context = self.surroundings.context();
        let explained = given.check(&self.engine).and_then(|checked| {
            let explanation = self.engine.explain(&checked, &context, &mut self.machine)?;
            Ok((checked, explanation))
        });
        let (checked, explanation) = match explained {
            Ok(explained) => explained,
            Err(diagnostics) => return Ok(self.refuse(&diagnostics)),
        };
        match self.format {
            Format::Json => output::print_line(&to_json(&explanation))?,
            Format::Text => output::print_line(&to_text(&explanation))?,
        }
        let trap = explanation.answer.err().map(|trap| trap.diagnostic());
        Ok(print_result(checked, trap, self.format))
    }

    fn compile(&self, given: SourceArgument) -> Result<(Checked, Program), Diagnostics> {
        let checked = given.check(&self.engine)?;
        let program = self.engine.lower(&checked)?;
        Ok((checked, program))
    }

    fn refuse(&self, diagnostics: &Diagnostics) -> Exit {
        output::print_diagnostics(diagnostics, self.format);
        Exit::Fault
    }
}

/// Writes the warnings and the run-time error of a source together: JSON output is a single array.
fn print_result(checked: Checked, trap: Option<Diagnostic>, format: Format) -> Exit {
    let exit = if trap.is_some() { Exit::Fault } else { Exit::Done };
    let list = checked.warnings.into_iter().chain(trap).collect();
    output::print_diagnostics(&Diagnostics::new(checked.parsed.source, list), format);
    exit
}
