//! `hookgate eval`: prints the result of an expression or a mapper.

use clap::Args;

use super::input::{ContextArguments, SourceArguments};
use super::session::Session;
use super::{Error, Exit};

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
        let (given, surroundings) = self.source.with_context(&self.context)?;
        Session::new(&surroundings, self.context.format).eval(given)
    }
}
