//! What stops a run: a fault, and the place it happened at.

use std::fmt;

use crate::diagnostic::{Code, Diagnostic};
use crate::program::Program;
use crate::source::Span;
use crate::value::{Fault, FaultKind};

/// A fault with its place in the source.
#[derive(Clone, PartialEq, Eq)]
pub struct Trap(Box<(Fault, Span)>);

impl Trap {
    /// A fault at a place.
    pub fn new(fault: Fault, span: Span) -> Self {
        Self(Box::new((fault, span)))
    }

    /// The fault.
    pub fn fault(&self) -> &Fault {
        &self.0.0
    }

    /// Where it happened.
    pub fn span(&self) -> Span {
        self.0.1
    }

    /// Its code in the diagnostics.
    pub fn code(&self) -> Code {
        code(self.fault().kind())
    }

    /// The code, and the part of the program that it happened at: for logs. What the fault says
    /// quotes values, which may be left out of logs by their path.
    pub fn place_in(&self, program: &Program) -> String {
        let code = self.code();
        let title = code.row().map_or("", |row| row.title);
        match program.source().map(|source| source.slice(self.span())) {
            Some(part) if !part.is_empty() => format!("{code}: `{part}`: {title}"),
            _ => format!("{code}: {title}"),
        }
    }

    /// The trap as it is told to the author.
    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic::new(self.code(), self.span(), self.fault().message())
            .maybe_help(self.fault().advice())
    }
}

/// The code of a kind of fault.
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

/// Code and message.
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

/// Puts a place to what went wrong.
pub(super) trait At<T> {
    /// The answer, or the trap of the fault at a place.
    fn at(self, span: Span) -> Result<T, Trap>;
}

impl<T> At<T> for Result<T, Fault> {
    fn at(self, span: Span) -> Result<T, Trap> {
        self.map_err(|fault| Trap::new(fault, span))
    }
}
