//! Diagnostics: messages to the authors of rules.
//!
//! A diagnostic has a code, a severity, a message, labels in the source and optional advice. This
//! module renders them as text and as JSON. All parts of the language create them, and this module
//! knows none of those parts.

mod codes;
#[cfg(feature = "cli")]
mod escaped;
mod json;
mod nearest;
#[cfg(feature = "cli")]
mod terminal;
#[cfg(feature = "cli")]
mod window;

use std::fmt;

pub use codes::{Code, CodeRow, Setting, all_codes};
pub use json::to_json;
pub use nearest::{did_you_mean, nearest};
#[cfg(feature = "cli")]
pub use terminal::{Colour, render, render_all};

use crate::printable::escape_line;
use crate::source::{Source, Span};

/// The severity of a diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The source runs, but probably not as intended.
    Warning,
    /// The source cannot run.
    Error,
}

impl Severity {
    /// Returns its name: `warning`, `error`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A span in the source with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The span.
    pub span: Span,
    /// The text; may be empty.
    pub text: String,
}

/// A message to the author of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Code: `E0107`.
    pub code: Code,
    /// Severity.
    pub severity: Severity,
    /// The problem: lower case, no full stop, the author's words in backticks.
    pub message: String,
    /// The spans. The first is the location of the problem; the others explain it.
    pub labels: Vec<Label>,
    /// Advice on what to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Returns a diagnostic at a span. Its severity is that of its code.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: message.into(),
            labels: vec![Label { span, text: String::new() }],
            help: None,
        }
    }

    /// Sets the text of the first label.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds advice on what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds advice if there is any.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<impl Into<String>>) -> Self {
        self.help = help.map(Into::into).or(self.help);
        self
    }

    /// Returns the span of the problem.
    pub fn span(&self) -> Span {
        self.labels.first().map(|label| label.span).unwrap_or_default()
    }

    /// Returns true for an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Writes one line: `error[E0107]: …`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = escape_line(&self.message);
        write!(f, "{}[{}]: {message}", self.severity.name(), self.code)
    }
}

/// The diagnostics of one source, in source order.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    /// The source.
    pub source: Source,
    /// The diagnostics, at most 100.
    pub list: Vec<Diagnostic>,
    /// The number of diagnostics left out.
    pub more: usize,
}

/// The maximum number of diagnostics kept for one source.
const MAX_DIAGNOSTICS: usize = 100;

impl Diagnostics {
    /// Sorts diagnostics by span, errors before warnings at the same position. Beyond the maximum,
    /// warnings are dropped before errors.
    pub fn new(source: Source, mut list: Vec<Diagnostic>) -> Self {
        list.sort_by_key(order);
        list.dedup();
        let more = list.len().saturating_sub(MAX_DIAGNOSTICS);
        if more > 0 {
            list.sort_by_key(|one| std::cmp::Reverse(one.severity));
            list.truncate(MAX_DIAGNOSTICS);
            list.sort_by_key(order);
        }
        Self { source, list, more }
    }

    /// Adds to the number of diagnostics left out.
    #[must_use]
    pub fn and_more(mut self, more: usize) -> Self {
        self.more = self.more.saturating_add(more);
        self
    }

    /// Returns true if at least one is an error.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(Diagnostic::is_error)
    }
}

fn order(one: &Diagnostic) -> (u32, std::cmp::Reverse<Severity>, Code) {
    (one.span().start, std::cmp::Reverse(one.severity), one.code)
}

/// Writes one line for each diagnostic, without the source.
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
