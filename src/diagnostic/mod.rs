//! Diagnostics: what is told to people who write rules.
//!
//! A diagnostic has a code, a severity, a message, labels in the source and, where there is
//! one, advice. Knows how to show itself as text and as JSON; every part of the language makes
//! them, and this module knows none of those parts.

mod codes;
mod json;
#[cfg(feature = "cli")]
mod terminal;
#[cfg(feature = "cli")]
mod window;

use std::fmt;

pub use codes::{Code, CodeRow, Setting, all_codes};
pub use json::to_json;
#[cfg(feature = "cli")]
pub use terminal::{Colour, render, render_all};

use crate::printable::escape_line;
use crate::source::{Source, Span};

/// Whether a diagnostic stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It runs, but probably not as meant.
    Warning,
    /// It cannot run.
    Error,
}

impl Severity {
    /// The word for it: `warning`, `error`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A place in the source, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is said; may be empty.
    pub text: String,
}

/// Something told to the author of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its code: `E0107`.
    pub code: Code,
    /// Whether it stands in the way.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop, the author's words in backticks.
    pub message: String,
    /// Where; the first one is the place itself, the others explain.
    pub labels: Vec<Label>,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic at a place; its severity is that of its code.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: message.into(),
            labels: vec![Label { span, text: String::new() }],
            help: None,
        }
    }

    /// Says something of the place itself.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }

    /// Points at another place too.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds what to write instead, where that is known.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<impl Into<String>>) -> Self {
        self.help = help.map(Into::into).or(self.help);
        self
    }

    /// The place itself.
    pub fn span(&self) -> Span {
        self.labels.first().map(|label| label.span).unwrap_or_default()
    }

    /// Whether it stands in the way.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// One line: `error[E0107]: …`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = escape_line(&self.message);
        write!(f, "{}[{}]: {message}", self.severity.name(), self.code)
    }
}

/// The diagnostics of one source, in its order, with the source they speak of.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    /// The source.
    pub source: Source,
    /// What is said of it; at most a hundred.
    pub list: Vec<Diagnostic>,
    /// How many more there were.
    pub more: usize,
}

/// How many diagnostics of one source are kept.
const MOST: usize = 100;

impl Diagnostics {
    /// Diagnostics sorted by place, errors before warnings at the same place. Of very many, a
    /// hundred are kept, errors rather than warnings.
    pub fn new(source: Source, mut list: Vec<Diagnostic>) -> Self {
        list.sort_by_key(order);
        list.dedup();
        let more = list.len().saturating_sub(MOST);
        if more > 0 {
            list.sort_by_key(|one| std::cmp::Reverse(one.severity));
            list.truncate(MOST);
            list.sort_by_key(order);
        }
        Self { source, list, more }
    }

    /// The same, with so many more that were left out before.
    #[must_use]
    pub fn and_more(mut self, more: usize) -> Self {
        self.more = self.more.saturating_add(more);
        self
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(Diagnostic::is_error)
    }
}

fn order(one: &Diagnostic) -> (u32, std::cmp::Reverse<Severity>, Code) {
    (one.span().start, std::cmp::Reverse(one.severity), one.code)
}

/// A line each, without the source.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, one) in self.list.iter().enumerate() {
            let position = self.source.position(one.span().start as usize);
            let newline = if at > 0 { "\n" } else { "" };
            let name = escape_line(self.source.name());
            write!(f, "{newline}{name}:{}:{}: {one}", position.line, position.column)?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// The name nearest to one that is unknown, if one is near: at most a third of its letters
/// differ. What comes back is written as the candidate is.
///
/// ```
/// use hookgate::diagnostic::nearest;
///
/// assert_eq!(nearest("headrs", ["headers", "parsed_body"]), Some("headers"));
/// assert_eq!(nearest("xyz", ["headers", "parsed_body"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (name.chars().count() / 3).max(1);
    let distances = candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| (distance(name, candidate), candidate));
    let (distance, candidate) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= allowed).then_some(candidate)
}

/// How many letters to insert, drop, change or swap with their neighbour; a change of case is
/// half as far as a change of letter, rounded down over the word.
fn distance(left: &str, right: &str) -> usize {
    let fold =
        |text: &str| -> Vec<char> { text.chars().flat_map(char::to_lowercase).take(64).collect() };
    let (a, b) = (fold(left), fold(right));
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&above, j) + usize::from(x != y))
                .min(at(&above, j + 1) + 1)
                .min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(usize::MAX)
}
