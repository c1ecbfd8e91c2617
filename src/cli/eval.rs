//! `hookgate eval`: the answer of an expression or a mapper.

use clap::Args;

use super::input::{ContextArguments, SourceArguments};
use super::{Error, Exit, output};
use crate::engine::{Diagnostics, Machine};

/// The arguments of `eval`.
#[derive(Debug, Args)]
pub(super) struct Eval {
    #[command(flatten)]
    source: SourceArguments,
    #[command(flatten)]
    context: ContextArguments,
}

impl Eval {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let given = self.source.read()?;
        let surroundings = self.context.read()?;
        let engine = surroundings.engine();
        let format = self.context.format;
        let compiled = given
            .check(&engine)
            .and_then(|checked| Ok((engine.lower(&checked, true, false)?.program, checked)));
        let (program, checked) = match compiled {
            Ok(compiled) => compiled,
            Err(diagnostics) => {
                output::tell(&diagnostics, format);
                return Ok(Exit::Fault);
            }
        };
        let source = checked.parsed.source;
        let mut machine = Machine::default();
        match machine.eval(&program, &surroundings.context()) {
            Ok(answer) => {
                output::tell(&Diagnostics::new(source, checked.warnings), format);
                output::answer(&answer.to_string())?;
                Ok(Exit::Done)
            }
            Err(trap) => {
                // Told together, so that with JSON there is one array.
                let mut list = checked.warnings;
                list.push(trap.diagnostic());
                output::tell(&Diagnostics::new(source, list), format);
                Ok(Exit::Fault)
            }
        }
    }
}
