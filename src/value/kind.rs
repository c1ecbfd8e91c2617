//! The kinds of values, and sets of them.

use std::fmt;
use std::ops::BitOr;

/// What a value is. A secret is a kind of its own, whatever it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Nothing: an absent member, or `NULL`.
    Null,
    /// `TRUE` or `FALSE`.
    Boolean,
    /// An exact integer or a decimal.
    Number,
    /// Unicode text.
    Text,
    /// Values in order.
    List,
    /// Values by text key, in order.
    Object,
    /// An instant with its UTC offset.
    Time,
    /// Raw bytes: a digest, decoded data.
    Bytes,
    /// A secret of the host's.
    Secret,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Null,
        Self::Boolean,
        Self::Number,
        Self::Text,
        Self::List,
        Self::Object,
        Self::Time,
        Self::Bytes,
        Self::Secret,
    ];

    /// The word for it, as `$KIND` answers it: `text`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Text => "text",
            Self::List => "list",
            Self::Object => "object",
            Self::Time => "time",
            Self::Bytes => "bytes",
            Self::Secret => "secret",
        }
    }

    /// The word with its article, for messages: `a text`.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::List => "a list",
            Self::Object => "an object",
            Self::Time => "a time",
            Self::Bytes => "bytes",
            Self::Secret => "a secret",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of kinds: what a parameter takes, what an expression may be.
///
/// ```
/// use hookgate::value::{Kind, Kinds};
///
/// let taken = Kinds::TEXT | Kinds::NUMBER;
/// assert!(taken.contains(Kind::Text));
/// assert_eq!(taken.to_string(), "a number or a text");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kinds(u16);

impl Kinds {
    /// No kind: the expression never answers.
    pub const NONE: Self = Self(0);
    /// Only null.
    pub const NULL: Self = Self::of(Kind::Null);
    /// Only booleans.
    pub const BOOLEAN: Self = Self::of(Kind::Boolean);
    /// Only numbers.
    pub const NUMBER: Self = Self::of(Kind::Number);
    /// Only text.
    pub const TEXT: Self = Self::of(Kind::Text);
    /// Only lists.
    pub const LIST: Self = Self::of(Kind::List);
    /// Only objects.
    pub const OBJECT: Self = Self::of(Kind::Object);
    /// Only times.
    pub const TIME: Self = Self::of(Kind::Time);
    /// Only bytes.
    pub const BYTES: Self = Self::of(Kind::Bytes);
    /// Only secrets.
    pub const SECRET: Self = Self::of(Kind::Secret);
    /// Every kind, secrets too.
    pub const ALL: Self = Self((1 << Kind::ALL.len()) - 1);
    /// Everything but secrets.
    pub const ANY: Self = Self(Self::ALL.0 & !Self::SECRET.0);

    /// The set of one kind.
    pub const fn of(kind: Kind) -> Self {
        Self(1 << kind as u8)
    }

    /// Both sets together, in constants; elsewhere `|` says the same.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this and not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the kind is in the set.
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & Self::of(kind).0 != 0
    }

    /// Whether the sets share a kind.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is no kind in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The one kind of the set, if it has exactly one.
    pub fn only(self) -> Option<Kind> {
        let mut kinds = self.iter();
        let first = kinds.next()?;
        kinds.next().is_none().then_some(first)
    }

    /// The kinds in the set.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}

impl BitOr for Kinds {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}

impl From<Kind> for Kinds {
    fn from(kind: Kind) -> Self {
        Self::of(kind)
    }
}

/// `a number, a text or null`.
impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ANY || *self == Self::ALL {
            return f.write_str("any value");
        }
        // Null reads best last: "a text or null".
        let present = self.iter().filter(|kind| *kind != Kind::Null);
        let mut words: Vec<&str> = present.map(Kind::phrase).collect();
        if self.contains(Kind::Null) {
            words.push(Kind::Null.phrase());
        }
        match words.split_last() {
            None => f.write_str("nothing"),
            Some((last, [])) => f.write_str(last),
            Some((last, rest)) => write!(f, "{} or {last}", rest.join(", ")),
        }
    }
}
