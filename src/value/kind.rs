//! The kinds of values, and sets of kinds. Does not know values.

use std::fmt;
use std::ops::BitOr;

/// The kind of a value. A secret is a kind of its own, regardless of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A missing member, or `NULL`.
    Null,
    /// `TRUE` or `FALSE`.
    Boolean,
    /// An exact integer or a float.
    Number,
    /// A Unicode string.
    Text,
    /// An ordered sequence of values.
    List,
    /// Values by string key, in order.
    Object,
    /// An instant with its UTC offset.
    Time,
    /// Raw bytes: a digest, decoded data.
    Bytes,
    /// A secret of the host.
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

    /// Returns its name, as `$KIND` returns it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Text => "string",
            Self::List => "list",
            Self::Object => "object",
            Self::Time => "time",
            Self::Bytes => "bytes",
            Self::Secret => "secret",
        }
    }

    /// Returns its name with an article, for messages: `a number`.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a string",
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

/// A set of kinds: the kinds that a parameter accepts, or that an expression may have.
///
/// ```
/// use hookgate::value::{Kind, Kinds};
///
/// let taken = Kinds::TEXT | Kinds::NUMBER;
/// assert!(taken.contains(Kind::Text));
/// assert_eq!(taken.to_string(), "a number or a string");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kinds(u16);

impl Kinds {
    /// No kind: the expression never returns.
    pub const NONE: Self = Self(0);
    /// Only null.
    pub const NULL: Self = Self::of(Kind::Null);
    /// Only booleans.
    pub const BOOLEAN: Self = Self::of(Kind::Boolean);
    /// Only numbers.
    pub const NUMBER: Self = Self::of(Kind::Number);
    /// Only strings.
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
    /// Every kind except secrets.
    pub const ANY: Self = Self(Self::ALL.0 & !Self::SECRET.0);

    /// Returns the set of one kind.
    pub const fn of(kind: Kind) -> Self {
        Self(1 << kind as u8)
    }

    /// Returns the union. `const`, unlike the operator `|`.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the intersection.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the kinds of this set that are not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns true if the kind is in the set.
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & Self::of(kind).0 != 0
    }

    /// Returns true if the sets share a kind.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns true if the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the kind of a set with exactly one kind.
    pub fn only(self) -> Option<Kind> {
        let mut kinds = self.iter();
        let first = kinds.next()?;
        kinds.next().is_none().then_some(first)
    }

    /// Returns the kinds in the set.
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

/// Lists the kinds in words: `a number, a list or null`.
impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ANY || *self == Self::ALL {
            return f.write_str("any value");
        }
        // Null reads best last: "a list or null".
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
