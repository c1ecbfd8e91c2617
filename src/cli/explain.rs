//! `hookgate explain`: prints the value of every part, and marks the parts that decided the result.

use clap::Args;

use super::input::{ContextArguments, SourceArguments};
use super::session::Session;
use super::{Error, Exit};

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
        let (given, surroundings) = self.source.with_context(&self.context)?;
        Session::new(&surroundings, self.context.format).explain(given)
    }
}
