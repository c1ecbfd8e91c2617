//! Explanations as text: the source, with the values of its parts below. Does not compute them.

use std::fmt::{self, Write};

use unicode_width::UnicodeWidthChar;

use super::{Explanation, Part, State, Turn};
use crate::printable::{escape_line, escape_lines};
use crate::source::{Position, Source};
use crate::value::OwnedValue;

/// The maximum length of a shown value, in characters.
const SHOWN_CHARACTERS: usize = 60;

/// Writes each line of the source with the values of its parts below it.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_text(self))
    }
}

/// Returns the explanation as text: each line of the source with the values of its parts below, the
/// skipped parts, and the parts that decided.
pub fn to_text(explanation: &Explanation) -> String {
    let source = &explanation.source;
    let mut rows = Vec::new();
    gather(source, &explanation.root, None, &mut rows);
    let lines: Vec<&str> = source.text().lines().collect();
    let width = lines.len().to_string().len();
    let mut out = String::new();
    for (at, line) in lines.iter().enumerate() {
        let number = at + 1;
        let _ = writeln!(out, "{number:width$} │ {}", shown(line.trim_end()));
        for row in rows.iter().filter(|row| row.line == number) {
            let _ = writeln!(
                out,
                "{:width$} │ {}{} {}",
                "",
                " ".repeat(row.column),
                row.underline,
                row.words
            );
        }
    }
    let _ = write!(out, "{:width$} = {}", "", answer(explanation));
    out
}

/// A row below a line of the source.
struct Row {
    line: usize,
    column: usize,
    underline: String,
    words: String,
}

/// Collects the rows of a part and of the parts inside it, inner parts first.
fn gather(source: &Source, part: &Part, turn: Option<&Turn>, rows: &mut Vec<Row>) {
    let turn = part.turn.as_ref().or(turn);
    if part.state != State::Skipped {
        part.parts.iter().for_each(|inner| gather(source, inner, turn, rows));
    }
    let repeats = matches!(part.parts.as_slice(), [only] if only.state == part.state && only.span.start > part.span.start && is_parenthesis(source, part));
    if !repeats {
        rows.push(row(source, part, turn));
    }
}

fn is_parenthesis(source: &Source, part: &Part) -> bool {
    source.slice(part.span).starts_with('(')
}

fn row(source: &Source, part: &Part, turn: Option<&Turn>) -> Row {
    let start = source.position(part.span.start as usize);
    let end = source.position(part.span.end as usize);
    let mut words = state(part);
    if let Some(turn) = turn {
        let _ = write!(words, " (element {})", turn.at + 1);
    }
    let decides = part.decides && !part.parts.iter().any(|inner| inner.decides);
    if decides {
        words.push_str("  <- decides");
    }
    let column = |position: Position| {
        let line = source.text().lines().nth(position.line - 1).unwrap_or("");
        let before: String = line.chars().take(position.column - 1).collect();
        columns(&before)
    };
    if start.line == end.line {
        let underline = "~".repeat(columns(source.slice(part.span)).max(1));
        return Row { line: start.line, column: column(start), underline, words };
    }
    // A part of several lines is shown below its last line, with the number of its first.
    let underline = format!("^ from line {}:", start.line);
    Row { line: end.line, column: column(end).saturating_sub(1), underline, words }
}

/// Returns a line of the source as it is printed: invisible characters escaped, a tab as blanks.
fn shown(line: &str) -> String {
    escape_lines(line).replace('\t', "    ")
}

/// Returns the number of columns that a text takes on a terminal. Wide characters take two,
/// combining ones none.
fn columns(text: &str) -> usize {
    shown(text).chars().filter_map(UnicodeWidthChar::width).sum()
}

fn state(part: &Part) -> String {
    match &part.state {
        State::Value(value) => shortened(value),
        State::Secret => "<secret>".to_owned(),
        State::Large => "<too large to show>".to_owned(),
        State::Skipped => "skipped".to_owned(),
        State::Failed => "failed".to_owned(),
    }
}

fn shortened(value: &OwnedValue) -> String {
    let shown = value.to_string();
    match shown.char_indices().nth(SHOWN_CHARACTERS) {
        None => shown,
        Some((cut, _)) => format!("{}…", shown.get(..cut).unwrap_or("")),
    }
}

fn answer(explanation: &Explanation) -> String {
    let answer = match &explanation.answer {
        Ok(answer) => shortened(answer),
        Err(trap) => return format!("{trap}"),
    };
    let deciding = explanation.deciding();
    let whole = deciding.iter().any(|part| part.span == explanation.root.span);
    if deciding.is_empty() || whole {
        return answer;
    }
    let words: Vec<String> = deciding
        .iter()
        .map(|part| format!("`{}`", escape_line(explanation.source.slice(part.span))))
        .collect();
    format!("{answer}, by {}", words.join(", "))
}
