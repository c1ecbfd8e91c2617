//! `hookgate compile`: shows the tokens, the syntax tree or the bytecode of a source.

use std::fmt::Write;

use clap::{Args, ValueEnum};

use super::input::{SourceArgument, SourceArguments};
use super::output::Format;
use super::{Error, Exit, output};
use crate::engine::{Engine, Source};
use crate::format::show_tree;
use crate::syntax::tokens;

/// The arguments of `compile`.
#[derive(Debug, Args)]
pub(super) struct Compile {
    #[command(flatten)]
    source: SourceArguments,
    /// Stage to show
    #[arg(long, value_enum, default_value = "bytecode")]
    emit: Stage,
    /// Output format of diagnostics
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// Tokens of the lexer
    Tokens,
    /// Syntax tree of the parser
    Ast,
    /// Bytecode, and the variables that the program reads
    Bytecode,
}

impl Compile {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let given = self.source.read()?;
        let engine = Engine::new();
        let shown = match (self.emit, given) {
            (Stage::Tokens, SourceArgument::Expression(source)) => Ok(show_tokens(&source)),
            (Stage::Tokens, SourceArgument::Mapper(..)) => {
                return Err(Error::Usage(
                    "a document has no tokens of the language; ask for `ast` or `bytecode`"
                        .to_owned(),
                ));
            }
            (Stage::Ast, SourceArgument::Expression(source)) => {
                engine.parse(source).map(|parsed| show_tree(&parsed))
            }
            (Stage::Ast, given) => given.check(&engine).map(|checked| show_tree(&checked.parsed)),
            (Stage::Bytecode, given) => given.check(&engine).and_then(|checked| {
                let program = engine.lower(&checked)?;
                Ok(bytecode(&program))
            }),
        };
        match shown {
            Ok(shown) => {
                output::print_line(shown.trim_end())?;
                Ok(Exit::Done)
            }
            Err(diagnostics) => {
                output::print_diagnostics(&diagnostics, self.format);
                Ok(Exit::Fault)
            }
        }
    }
}

/// Returns one line for each token: its position, its text and its kind.
fn show_tokens(source: &Source) -> String {
    let mut out = String::new();
    for (span, token) in tokens(source.text()) {
        let position = source.position(span.start as usize);
        let _ = writeln!(
            out,
            "{}:{}\t{}\t{token:?}",
            position.line,
            position.column,
            output::field(source.slice(span))
        );
    }
    out
}

fn bytecode(program: &crate::engine::Program) -> String {
    let mut out = program.listing();
    let reads: Vec<String> = program.reads().iter().map(ToString::to_string).collect();
    let _ = write!(
        out,
        "\nreads {}",
        if reads.is_empty() { "nothing".to_owned() } else { reads.join(", ") }
    );
    if program.reads_clock() {
        out.push_str(", the clock");
    }
    for secret in program.secrets() {
        let _ = write!(out, ", the secret {secret}");
    }
    out
}
