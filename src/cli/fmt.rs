//! `hookgate fmt`: writes expressions in their canonical layout.

use std::path::{Path, PathBuf};

use clap::Args;

use super::output::Format;
use super::{Error, Exit, input, output};
use crate::engine::Engine;
use crate::format::format;
use crate::mapper;

/// The arguments of `fmt`.
#[derive(Debug, Args)]
pub(super) struct Fmt {
    /// Files with expressions, rewritten in place; without files, or with `-`: standard input to
    /// standard output
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write nothing; print the files that would change, and exit with 1 if there are any
    #[arg(long)]
    check: bool,
}

impl Fmt {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let stdin = [PathBuf::from("-")];
        let files = if self.files.is_empty() { &stdin } else { self.files.as_slice() };
        let mut exit = Exit::Done;
        for file in files {
            // An error in one file does not stop the others.
            let ended = match self.file(file) {
                Err(error @ Error::Output(_)) => return Err(error),
                Err(error) => error.print(),
                Ok(ended) => ended,
            };
            exit = exit.max(ended);
        }
        Ok(exit)
    }

    fn file(&self, path: &Path) -> Result<Exit, Error> {
        if mapper::Format::of_path(path).is_some() {
            return Err(Error::Usage(format!(
                "{} is a document: `fmt` writes expressions",
                path.display()
            )));
        }
        let source = input::source(path)?;
        let parsed = match Engine::new().parse(source) {
            Ok(parsed) => parsed,
            Err(diagnostics) => {
                output::print_diagnostics(&diagnostics, Format::Text);
                return Ok(Exit::Fault);
            }
        };
        let formatted = format(&parsed);
        let changes = formatted != parsed.source.text();
        match (self.check, path.as_os_str() == "-") {
            (true, _) if changes => {
                output::print_line(&output::field(parsed.source.name()))?;
                return Ok(Exit::Fault);
            }
            (true, _) => {}
            (false, true) => output::print_content(&formatted)?,
            (false, false) if changes => write(path, &formatted)?,
            (false, false) => {}
        }
        Ok(Exit::Done)
    }
}

fn write(path: &Path, content: &str) -> Result<(), Error> {
    std::fs::write(path, content).map_err(|error| Error::Write {
        name: path.display().to_string(),
        reason: error.to_string(),
    })
}
