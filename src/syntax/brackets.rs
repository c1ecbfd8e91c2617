//! The stack of open brackets, and the diagnostics for unbalanced ones. Does not know the grammar.

use super::token::Token;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// A kind of bracket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bracket {
    /// `( )`
    Paren,
    /// `[ ]`
    Square,
    /// `{ }`
    Brace,
    /// `${ }`
    Interpolation,
}

impl Bracket {
    pub(super) fn opening(self) -> Token<'static> {
        match self {
            Self::Paren => Token::ParenOpen,
            Self::Square => Token::BracketOpen,
            Self::Brace => Token::BraceOpen,
            Self::Interpolation => Token::InterpolationStart,
        }
    }

    pub(super) fn closing(self) -> Token<'static> {
        match self {
            Self::Paren => Token::ParenClose,
            Self::Square => Token::BracketClose,
            Self::Brace => Token::BraceClose,
            Self::Interpolation => Token::InterpolationEnd,
        }
    }

    /// Returns true if a closing bracket of this kind closes an open one of the given kind. `}`
    /// ends both objects and interpolations.
    fn closes(self, open: Self) -> bool {
        self == open || (self == Self::Brace && open == Self::Interpolation)
    }
}

/// The open brackets, innermost last.
#[derive(Debug)]
pub(super) struct Brackets {
    open: Vec<(Bracket, Span)>,
    limit: usize,
}

/// The effect of a closing bracket.
#[derive(Debug, Default)]
pub(super) struct Closing {
    /// The bracket that it closes. `None` if no bracket is open.
    pub(super) closed: Option<Bracket>,
    /// The brackets inside that were never closed.
    pub(super) missing: Vec<Bracket>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Brackets {
    pub(super) fn new(limit: usize) -> Self {
        Self { open: Vec::new(), limit }
    }

    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    pub(super) fn open(&mut self, bracket: Bracket, span: Span) -> Result<(), Diagnostic> {
        if self.open.len() >= self.limit {
            return Err(too_deep(span, self.limit));
        }
        self.open.push((bracket, span));
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Option<(Bracket, Span)> {
        self.open.pop()
    }

    /// Returns the span of the innermost open bracket of a kind.
    pub(super) fn innermost(&self, bracket: Bracket) -> Option<Span> {
        let found = self.open.iter().rev().find(|(open, _)| *open == bracket);
        found.map(|(_, span)| *span)
    }

    /// Closes the innermost bracket of this kind at or above `floor`. Brackets still open inside it
    /// are reported as never closed. If none of this kind is open, the innermost bracket is closed
    /// and reported as closed by the wrong sign. If no bracket is open, the sign is reported.
    pub(super) fn close(&mut self, bracket: Bracket, span: Span, floor: usize) -> Closing {
        let inside = self.open.get(floor..).unwrap_or(&[]);
        let found = inside.iter().rposition(|(open, _)| bracket.closes(*open));
        let mut closing = Closing::default();
        let Some(at) = found.map(|at| at + floor) else {
            let wrong = (self.open.len() > floor).then(|| self.open.pop()).flatten();
            closing.closed = wrong.map(|(open, _)| open);
            closing.diagnostics.push(match wrong {
                Some((open, opening)) => wrongly_closed(open, opening, bracket, span),
                None => nothing_opens(bracket, span),
            });
            return closing;
        };
        let here = Span::new(span.start as usize, span.start as usize);
        for (open, opening) in self.open.drain(at + 1..).rev() {
            closing.missing.push(open);
            closing.diagnostics.push(never_closed(open, opening, here));
        }
        closing.closed = self.open.pop().map(|(open, _)| open);
        closing
    }
}

/// Returns the diagnostic for nesting beyond the limit.
pub(super) fn too_deep(span: Span, limit: usize) -> Diagnostic {
    Diagnostic::new(Code::E0018, span, format!("this is nested more than {limit} deep"))
        .help("compute a part of it elsewhere: in the listener's mapper, or in a rule of its own")
}

/// Returns the diagnostic for a bracket without its end. `expected` is the span where the end is
/// missing.
pub(super) fn never_closed(bracket: Bracket, opening: Span, expected: Span) -> Diagnostic {
    let (open, close) = (bracket.opening().spelling(), bracket.closing().spelling());
    Diagnostic::new(Code::E0011, expected, format!("this `{open}` is never closed"))
        .label(format!("`{close}` is missing here"))
        .also(opening, "opened here")
        .help(format!("add the missing `{close}`"))
}

fn nothing_opens(bracket: Bracket, span: Span) -> Diagnostic {
    let (open, close) = (bracket.opening().spelling(), bracket.closing().spelling());
    Diagnostic::new(Code::E0012, span, format!("nothing opens this `{close}`"))
        .help(format!("remove it, or add the missing `{open}`"))
}

fn wrongly_closed(open: Bracket, opening: Span, bracket: Bracket, span: Span) -> Diagnostic {
    let (wanted, found) = (open.closing().spelling(), bracket.closing().spelling());
    let message = format!("`{}` is closed by `{found}`", open.opening().spelling());
    Diagnostic::new(Code::E0012, span, message)
        .label(format!("expected `{wanted}`"))
        .also(opening, "opened here")
        .help(format!("write `{wanted}` instead"))
}
