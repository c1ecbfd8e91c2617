//! Faults of operations on values. They have no span; the caller adds it.

use std::borrow::Cow;
use std::fmt;

/// The class of a fault. Each class has its own diagnostic code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// An operator applied to an unsupported kind of value.
    WrongOperand,
    /// A function argument of an unsupported kind.
    WrongArgument,
    /// A number out of range.
    OutOfRange,
    /// A division by zero.
    DivisionByZero,
    /// A comparison of two values without an order.
    NoOrder,
    /// An index or slice bound that is not an integer.
    BadIndex,
    /// A string that is not a valid number.
    NotANumber,
    /// A string that is not a valid time, or a time out of range.
    NotATime,
    /// Malformed data: hex, base64, JSON, forms.
    BadData,
    /// Null instead of a required value.
    Null,
    /// A secret that is missing or empty.
    NoSecret,
    /// A secret in the result.
    SecretLeaves,
    /// A regular expression that does not compile.
    BadPattern,
    /// An argument of the right kind with an invalid value: a zone, a range, a key.
    BadArgument,
    /// A duplicate key of an object.
    RepeatedKey,
    /// A read of the clock without a time from the host.
    NoClock,
    /// The step limit is exceeded.
    StepLimit,
    /// The memory limit is exceeded.
    MemoryLimit,
    /// The nesting limit is exceeded.
    DepthLimit,
    /// A regular expression beyond the size limit.
    PatternLimit,
}

impl FaultKind {
    /// Returns true for a limit, which `$TRY` does not catch.
    pub fn is_limit(self) -> bool {
        matches!(self, Self::StepLimit | Self::MemoryLimit | Self::DepthLimit | Self::PatternLimit)
    }
}

/// The maximum length of a string in a message, in characters.
const SHOWN: usize = 60;

/// Returns a string in quotes for a message. A long one is shortened to its start.
pub(crate) fn quoted(text: &str) -> String {
    match cut(text) {
        Some(start) => format!("{start:?}…"),
        None => format!("{text:?}"),
    }
}

/// Returns a string for a message that adds its own quotes. A long one is shortened to its start.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    match cut(text) {
        Some(start) => format!("{start}…").into(),
        None => text.into(),
    }
}

/// Returns the start of a string that is too long for a message.
fn cut(text: &str) -> Option<&str> {
    let (end, _) = text.char_indices().nth(SHOWN)?;
    text.get(..end)
}

/// The reason that an operation on values failed.
#[derive(Clone, PartialEq, Eq)]
pub struct Fault(Box<Parts>);

#[derive(Clone, PartialEq, Eq)]
struct Parts {
    kind: FaultKind,
    message: String,
    help: Option<String>,
}

impl Fault {
    /// Returns a fault with its message: lower case, no full stop, the author's words in backticks.
    /// The message must not contain a secret.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self(Box::new(Parts { kind, message: message.into(), help: None }))
    }

    /// Adds advice on what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Returns the class of the fault.
    pub fn kind(&self) -> FaultKind {
        self.0.kind
    }

    /// Returns the message.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the advice on what to write instead, if there is one.
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
