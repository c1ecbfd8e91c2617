//! `hookgate explain`: the value of every part, and which parts decided.

use clap::Args;

use super::input::{ContextArguments, SourceArguments};
use super::output::Format;
use super::{Error, Exit, output};
use crate::engine::{Diagnostics, Machine};
use crate::explain::{explain, to_json, to_text};

/// The arguments of `explain`.
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    source: SourceArguments,
    #[command(flatten)]
    context: ContextArguments,
}

impl Explain {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let given = self.source.read()?;
        let surroundings = self.context.read()?;
        let format = self.context.format;
        let checked = match given.check(&surroundings.engine()) {
            Ok(checked) => checked,
            Err(diagnostics) => {
                output::tell(&diagnostics, format);
                return Ok(Exit::Fault);
            }
        };
        let explanation = explain(&checked, &surroundings.context(), &mut Machine::default())
            .map_err(|malformed| Error::Usage(format!("the program is too large: {malformed}")))?;
        match format {
            Format::Json => output::answer(&to_json(&explanation).to_string())?,
            Format::Text => output::answer(&to_text(&explanation))?,
        }
        let mut list = checked.warnings;
        let failed = explanation.answer.as_ref().err().map(|trap| trap.diagnostic());
        let exit = if failed.is_some() { Exit::Fault } else { Exit::Done };
        list.extend(failed);
        output::tell(&Diagnostics::new(explanation.source, list), format);
        Ok(exit)
    }
}
