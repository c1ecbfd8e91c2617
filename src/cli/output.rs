//! What the commands say, and where.

use std::io::{IsTerminal, Write, stderr, stdout};

use clap::ValueEnum;

use super::Error;
use crate::diagnostic::{Colour, Diagnostics, render_all, to_json};

/// How to say things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For tools.
    Json,
}

/// Writes a line to standard output.
pub(super) fn answer(line: &str) -> Result<(), Error> {
    Ok(writeln!(stdout().lock(), "{line}")?)
}

/// Writes a text to standard output as it is.
pub(super) fn text(text: &str) -> Result<(), Error> {
    Ok(stdout().lock().write_all(text.as_bytes())?)
}

/// A list that is written item by item, so that a long one is never held as a whole: a line for
/// each item, or one JSON array.
pub(super) struct List {
    format: Format,
    items: usize,
}

impl List {
    /// A list without items.
    pub(super) fn new(format: Format) -> Self {
        Self { format, items: 0 }
    }

    /// Writes an item: as lines of text, or as JSON.
    pub(super) fn item(
        &mut self,
        lines: impl FnOnce() -> Result<String, Error>,
        json: impl FnOnce() -> Result<serde_json::Value, Error>,
    ) -> Result<(), Error> {
        let first = self.items == 0;
        self.items += 1;
        match self.format {
            Format::Text => answer(&lines()?),
            Format::Json => text(&format!("{}{}", if first { "[" } else { "," }, json()?)),
        }
    }

    /// Writes the end.
    pub(super) fn end(self) -> Result<(), Error> {
        match (self.format, self.items) {
            (Format::Text, _) => Ok(()),
            (Format::Json, 0) => answer("[]"),
            (Format::Json, _) => answer("]"),
        }
    }
}

/// Writes one line of complaint to standard error.
pub(super) fn complain(words: &str) {
    // Nothing is left to do where even this cannot be written.
    let _ = writeln!(stderr().lock(), "hookgate: {words}");
}

/// Tells diagnostics on standard error; none, nothing.
pub(super) fn tell(diagnostics: &Diagnostics, format: Format) {
    if !diagnostics.list.is_empty() {
        let _ = write!(stderr().lock(), "{}", shown(diagnostics, format));
    }
}

/// Diagnostics as text or JSON, ended by a newline.
pub(super) fn shown(diagnostics: &Diagnostics, format: Format) -> String {
    match format {
        Format::Json => format!("{}\n", to_json(&diagnostics.source, &diagnostics.list)),
        Format::Text => render_all(diagnostics, colour()),
    }
}

/// Colour only on a terminal, and not where the user asks for none (no-color.org).
fn colour() -> Colour {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if wanted && stderr().is_terminal() { Colour::On } else { Colour::Off }
}

/// Tells the diagnostics of several sources as one JSON array; each names its source.
pub(super) fn tell_joined(all: &[Diagnostics]) {
    let mut joined = Vec::new();
    for Diagnostics { source, list, .. } in all {
        if let serde_json::Value::Array(shown) = to_json(source, list) {
            joined.extend(shown.into_iter().map(|mut one| {
                if let Some(one) = one.as_object_mut() {
                    one.insert("source".to_owned(), source.name().into());
                }
                one
            }));
        }
    }
    let _ = writeln!(stderr().lock(), "{}", serde_json::Value::Array(joined));
}

/// Writes a line to standard error.
pub(super) fn remark(words: &str) {
    let _ = writeln!(stderr().lock(), "{words}");
}
