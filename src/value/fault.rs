//! What goes wrong with values, without saying where: the caller adds the place.

use std::borrow::Cow;
use std::fmt;

/// The classes of faults. Each has a code of its own in the diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// An operator met a kind of value that it does not work on.
    WrongOperand,
    /// A function was given a kind of value that it does not take.
    WrongArgument,
    /// A number left its range.
    OutOfRange,
    /// A division by zero.
    DivisionByZero,
    /// Two values that have no order.
    NoOrder,
    /// An index or slice bound that is not an integer.
    BadIndex,
    /// Text that should spell a number, and does not.
    NotANumber,
    /// Text that should spell a time, and does not; or a time out of range.
    NotATime,
    /// Data that does not decode: hex, base64, JSON, forms.
    BadData,
    /// Null where a value has to be.
    Null,
    /// A secret that is not set, or empty.
    NoSecret,
    /// A secret on its way out.
    SecretLeaves,
    /// A regular expression that does not compile.
    BadPattern,
    /// An argument of the right kind with a value that means nothing: a zone, a range, a key.
    BadArgument,
    /// A key that an object has twice.
    RepeatedKey,
    /// The clock was read, and the host gave none.
    NoClock,
    /// More work than the limit on steps.
    StepLimit,
    /// More built than the limit on memory.
    MemoryLimit,
    /// Nested deeper than the limit.
    DepthLimit,
    /// A regular expression larger than the limit.
    PatternLimit,
}

impl FaultKind {
    /// Whether it is a limit, which `$TRY` does not catch.
    pub fn is_limit(self) -> bool {
        matches!(self, Self::StepLimit | Self::MemoryLimit | Self::DepthLimit | Self::PatternLimit)
    }
}

/// How many characters of a text a message shows.
const SHOWN: usize = 60;

/// A text in a message: in quotes, and no more than the start of a long one.
pub(crate) fn quoted(text: &str) -> String {
    match cut(text) {
        Some(start) => format!("{start:?}…"),
        None => format!("{text:?}"),
    }
}

/// A text in a message that has its own marks around it: no more than the start of a long one.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    match cut(text) {
        Some(start) => format!("{start}…").into(),
        None => text.into(),
    }
}

/// The start of a text that is too long to show.
fn cut(text: &str) -> Option<&str> {
    let (end, _) = text.char_indices().nth(SHOWN)?;
    text.get(..end)
}

/// Why an operation on values has no answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Fault(Box<Parts>);

#[derive(Clone, PartialEq, Eq)]
struct Parts {
    kind: FaultKind,
    message: String,
    help: Option<String>,
}

impl Fault {
    /// A fault with its message: lower case, no full stop, the author's words in backticks.
    /// Never the content of a secret.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self(Box::new(Parts { kind, message: message.into(), help: None }))
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// The class of the fault.
    pub fn kind(&self) -> FaultKind {
        self.0.kind
    }

    /// What happened.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to write instead, where that is known.
    pub fn advice(&self) -> Option<&str> {
        self.0.help.as_deref()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)
    }
}

impl std::error::Error for Fault {}
