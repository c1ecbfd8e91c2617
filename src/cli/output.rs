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

/// Rows of a list that wait until their columns are aligned. A long list is never held in memory as
/// a whole: the next rows get columns that are at least as wide.
const ALIGNED_ROWS: usize = 500;

/// A list that is written item by item: one row of columns for each item, or one JSON array.
pub(super) struct List {
    format: Format,
    /// The names of the columns, in a line above the first item.
    columns: &'static [&'static str],
    /// The widths of the columns, in characters.
    widths: Vec<usize>,
    waiting: Vec<Row>,
    items: usize,
}

/// An item of a list as text.
pub(super) struct Row {
    /// A cell for each column.
    cells: Vec<String>,
    /// Lines below the row.
    details: Vec<String>,
}

impl Row {
    /// Returns a row with a cell for each column. Text of others is escaped.
    pub(super) fn of<const N: usize>(cells: [&str; N]) -> Self {
        let cells = cells.map(|cell| field(cell).into_owned());
        Self { cells: cells.into(), details: Vec::new() }
    }

    /// Sets the lines below the row.
    pub(super) fn with_details(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }
}

impl List {
    /// Returns a list without items.
    pub(super) fn new(format: Format, columns: &'static [&'static str]) -> Self {
        let widths = columns.iter().map(|name| name.chars().count()).collect();
        Self { format, columns, widths, waiting: Vec::new(), items: 0 }
    }

    /// Writes an item: as a row of text, or as JSON.
    pub(super) fn item(
        &mut self,
        row: impl FnOnce() -> Result<Row, Error>,
        json: impl FnOnce() -> Result<serde_json::Value, Error>,
    ) -> Result<(), Error> {
        let first = self.items == 0;
        self.items += 1;
        match self.format {
            Format::Text => {
                self.waiting.push(row()?);
                if self.waiting.len() < ALIGNED_ROWS { Ok(()) } else { self.write_rows() }
            }
            Format::Json => print_text(&format!("{}{}", if first { "[" } else { "," }, json()?)),
        }
    }

    /// Writes the rows that wait, below the names of the columns if they are the first ones.
    fn write_rows(&mut self) -> Result<(), Error> {
        let rows = std::mem::take(&mut self.waiting);
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().zip(&row.cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        if self.items == rows.len() {
            let names: Vec<&str> = self.columns.to_vec();
            print_line(&self.aligned(&names))?;
        }
        for row in &rows {
            let cells: Vec<&str> = row.cells.iter().map(String::as_str).collect();
            print_line(&self.aligned(&cells))?;
            row.details.iter().try_for_each(|line| print_line(&format!("    {line}")))?;
        }
        Ok(())
    }

    /// Returns a line with cells in columns. A dash stands for an empty cell, so that every line has
    /// the same number of words for tools; the last cell may be empty.
    fn aligned(&self, cells: &[&str]) -> String {
        let mut line = String::new();
        for (at, (cell, width)) in cells.iter().zip(&self.widths).enumerate() {
            let is_last = at + 1 == self.widths.len();
            let cell = if cell.is_empty() && !is_last { "-" } else { cell };
            line.push_str(cell);
            if !is_last {
                line.push_str(&" ".repeat(width.saturating_sub(cell.chars().count()) + 2));
            }
        }
        line.truncate(line.trim_end().len());
        line
    }

    /// Writes the end of the list.
    pub(super) fn end(mut self) -> Result<(), Error> {
        match (self.format, self.items) {
            (Format::Text, 0) => {
                print_note("the list is empty");
                Ok(())
            }
            (Format::Text, _) => self.write_rows(),
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

#[cfg(test)]
mod tests {
    use super::{Format, List, Row};

    #[test]
    fn columns_are_aligned_for_cells_of_any_width() {
        let mut list = List::new(Format::Text, &["ID", "NAME", "URL"]);
        list.widths = vec![4, 5, 3];
        assert_eq!(list.aligned(&["ID", "NAME", "URL"]), "ID    NAME   URL");
        assert_eq!(list.aligned(&["1234", "größe", "x"]), "1234  größe  x");
        assert_eq!(list.aligned(&["1", "", ""]), "1     -");
    }

    #[test]
    fn a_cell_cannot_end_its_line() {
        let row = Row::of(["a\nb", "\u{1b}[2J"]);
        assert!(row.cells.iter().all(|cell| !cell.contains(['\n', '\u{1b}'])), "{:?}", row.cells);
    }
}
