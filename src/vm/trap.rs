//! Traps: a fault with the span where it happened. Does not print source excerpts.

use std::fmt;

use crate::diagnostic::{Code, Diagnostic};
use crate::program::Program;
use crate::source::Span;
use crate::value::{Fault, FaultKind};

/// A fault with its span in the source.
#[derive(Clone, PartialEq, Eq)]
pub struct Trap(Box<(Fault, Span)>);

impl Trap {
    /// Returns a trap of a fault at a span.
    pub fn new(fault: Fault, span: Span) -> Self {
        Self(Box::new((fault, span)))
    }

    /// Returns the fault.
    pub fn fault(&self) -> &Fault {
        &self.0.0
    }

    /// Returns the span of the fault.
    pub fn span(&self) -> Span {
        self.0.1
    }

    /// Returns its diagnostic code.
    pub fn code(&self) -> Code {
        code(self.fault().kind())
    }

    /// Returns the code and the part of the source that faulted, for logs. The fault's message is
    /// left out, because it quotes values that redaction may exclude from logs.
    pub fn place_in(&self, program: &Program) -> String {
        let code = self.code();
        let title = code.row().map_or("", |row| row.title);
        match program.source().map(|source| source.slice(self.span())) {
            Some(part) if !part.is_empty() => format!("{code}: `{part}`: {title}"),
            _ => format!("{code}: {title}"),
        }
    }

    /// Returns the diagnostic for the author.
    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic::new(self.code(), self.span(), self.fault().message())
            .maybe_help(self.fault().advice())
    }
}

/// Returns the code of a kind of fault.
fn code(kind: FaultKind) -> Code {
    match kind {
        FaultKind::WrongOperand => Code::E0301,
        FaultKind::WrongArgument => Code::E0302,
        FaultKind::OutOfRange => Code::E0303,
        FaultKind::DivisionByZero => Code::E0304,
        FaultKind::NoOrder => Code::E0305,
        FaultKind::BadIndex => Code::E0306,
        FaultKind::NotANumber => Code::E0307,
        FaultKind::NotATime => Code::E0308,
        FaultKind::BadData => Code::E0309,
        FaultKind::Null => Code::E0310,
        FaultKind::NoSecret => Code::E0311,
        FaultKind::SecretLeaves => Code::E0312,
        FaultKind::BadPattern => Code::E0313,
        FaultKind::BadArgument => Code::E0314,
        FaultKind::RepeatedKey => Code::E0316,
        FaultKind::NoClock => Code::E0317,
        FaultKind::StepLimit => Code::E0401,
        FaultKind::MemoryLimit => Code::E0402,
        FaultKind::DepthLimit => Code::E0403,
        FaultKind::PatternLimit => Code::E0404,
    }
}

/// Writes code and message.
impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.fault())
    }
}

impl fmt::Debug for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} at {}..{}", self.span().start, self.span().end)
    }
}

impl std::error::Error for Trap {}

/// Adds a span to a fault.
pub(super) trait At<T> {
    /// Returns the value, or a trap at the span.
    fn at(self, span: Span) -> Result<T, Trap>;
}

impl<T> At<T> for Result<T, Fault> {
    fn at(self, span: Span) -> Result<T, Trap> {
        self.map_err(|fault| Trap::new(fault, span))
    }
}
