//! The output of the commands. All text is escaped here, so that text of senders and tenants cannot
//! control the terminal.

use std::borrow::Cow;
use std::io::{IsTerminal, Write, stderr, stdout};

use clap::ValueEnum;

use super::Error;
use crate::diagnostic::{Colour, Diagnostics, render_all, to_json};
use crate::printable::{escape_line, escape_lines};

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text for people.
    Text,
    /// JSON for tools.
    Json,
}

/// Escapes a field, so that it cannot end its line. The functions that write escape all other
/// control characters.
pub(super) fn field(text: &str) -> Cow<'_, str> {
    escape_line(text)
}

/// Writes a line to standard output.
pub(super) fn print_line(line: &str) -> Result<(), Error> {
    Ok(writeln!(stdout().lock(), "{}", escape_lines(line))?)
}

/// Writes a text to standard output.
pub(super) fn print_text(text: &str) -> Result<(), Error> {
    Ok(stdout().lock().write_all(escape_lines(text).as_bytes())?)
}

/// Writes the content of a file to standard output: unchanged, except to a terminal.
pub(super) fn print_content(content: &str) -> Result<(), Error> {
    match stdout().is_terminal() {
        true => print_text(content),
        false => Ok(stdout().lock().write_all(content.as_bytes())?),
    }
}

/// A list that is written item by item, so that a long list is never held in memory as a whole: one
/// line for each item, or one JSON array.
pub(super) struct List {
    format: Format,
    /// The names of the columns, in a line above the first item of text.
    header: String,
    items: usize,
}

impl List {
    /// Returns a list without items.
    pub(super) fn new(format: Format, header: impl Into<String>) -> Self {
        Self { format, header: header.into(), items: 0 }
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
            Format::Text => {
                if first {
                    print_line(&self.header)?;
                }
                print_line(&lines()?)
            }
            Format::Json => print_text(&format!("{}{}", if first { "[" } else { "," }, json()?)),
        }
    }

    /// Writes the end of the list.
    pub(super) fn end(self) -> Result<(), Error> {
        match (self.format, self.items) {
            (Format::Text, _) => Ok(()),
            (Format::Json, 0) => print_line("[]"),
            (Format::Json, _) => print_line("]"),
        }
    }
}

/// Writes a one-line error message to standard error.
pub(super) fn print_error(words: &str) {
    // Nothing can be done if this message cannot be written.
    let _ = writeln!(stderr().lock(), "hookgate: {}", escape_line(words));
}

/// Writes diagnostics to standard error, if there are any.
pub(super) fn print_diagnostics(diagnostics: &Diagnostics, format: Format) {
    if !diagnostics.list.is_empty() {
        let _ = write!(stderr().lock(), "{}", render_diagnostics(diagnostics, format));
    }
}

/// Formats diagnostics as text or JSON, with a final newline.
pub(super) fn render_diagnostics(diagnostics: &Diagnostics, format: Format) -> String {
    match format {
        Format::Json => {
            let json = to_json(&diagnostics.source, &diagnostics.list).to_string();
            format!("{}\n", escape_lines(&json))
        }
        Format::Text => render_all(diagnostics, colour()),
    }
}

/// Returns the colour mode: on only for a terminal, and off if the user sets `NO_COLOR`
/// (no-color.org).
fn colour() -> Colour {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if wanted && stderr().is_terminal() { Colour::On } else { Colour::Off }
}

/// Writes the diagnostics of several sources as one JSON array. Each diagnostic names its source.
pub(super) fn print_joined_diagnostics(all: &[Diagnostics]) {
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
    let joined = serde_json::Value::Array(joined).to_string();
    let _ = writeln!(stderr().lock(), "{}", escape_lines(&joined));
}

/// Writes a line to standard error.
pub(super) fn print_note(words: &str) {
    let _ = writeln!(stderr().lock(), "{}", escape_line(words));
}

/// Writes a message about wrong arguments to standard error.
pub(super) fn usage(words: &str) {
    let _ = writeln!(stderr().lock(), "{}", escape_lines(words));
}
