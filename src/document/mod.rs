//! Documents: the common syntax tree of JSON, TOML and YAML, with the position of every part.
//!
//! Each format has its own file and is read into the same small tree. This module does not know the
//! purpose of a document: both mappers and configuration files use it.

mod format;
mod json;
mod text;
mod toml;
mod yaml;

use std::collections::HashMap;

pub use format::Format;
pub(crate) use text::Text;

use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
pub(crate) use crate::value::shortened;
use crate::value::{Number, OwnedBigNumber, OwnedObject, OwnedValue, ParsedNumber, plain_notation};

/// A value in a document.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) content: Content,
    pub(crate) span: Span,
}

/// The content of a value.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    /// An integer beyond 64 bits.
    BigNumber(OwnedBigNumber),
    Text(Text),
    List(Vec<Node>),
    Object(Vec<Entry>),
}

/// An entry of an object.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) value: Node,
}

/// A key with its position.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) span: Span,
}

impl Key {
    /// Returns true if the key calls an operator: `MAP()`.
    pub(crate) fn is_call(&self) -> bool {
        self.text.ends_with("()")
    }
}

impl Node {
    /// Describes the value for messages.
    pub(crate) fn phrase(&self) -> &'static str {
        match &self.content {
            Content::Null => "null",
            Content::Bool(_) => "a boolean",
            Content::Number(_) | Content::BigNumber(_) => "a number",
            Content::Text(_) => "a string",
            Content::List(_) => "a list",
            Content::Object(_) => "an object",
        }
    }
}

/// Accessors for a document that was checked against its schema. A missing part or a part of
/// another type reads as `None` or as empty.
impl Node {
    /// Returns the value under a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key.text == key).map(|entry| &entry.value)
    }

    /// Returns the entries of an object.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Object(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the items of a list.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// Returns the string with its position.
    pub(crate) fn as_text(&self) -> Option<&Text> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the content of the string.
    pub(crate) fn as_str(&self) -> Option<&str> {
        self.as_text().map(|text| &*text.value)
    }

    /// Returns the boolean.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self.content {
            Content::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the number if it is a whole number and not negative.
    pub(crate) fn as_count(&self) -> Option<u64> {
        match self.content {
            Content::Number(number) => number.as_integer().and_then(|n| u64::try_from(n).ok()),
            _ => None,
        }
    }

    /// Converts the document part to a value of the language.
    pub(crate) fn to_value(&self) -> OwnedValue {
        match &self.content {
            Content::Null => OwnedValue::Null,
            Content::Bool(value) => OwnedValue::Bool(*value),
            Content::Number(number) => OwnedValue::Number(*number),
            Content::BigNumber(number) => OwnedValue::BigNumber(number.clone()),
            Content::Text(text) => OwnedValue::Text(text.value.as_str().into()),
            Content::List(items) => OwnedValue::List(items.iter().map(Self::to_value).collect()),
            Content::Object(entries) => {
                let entries = entries
                    .iter()
                    .map(|entry| (entry.key.text.as_str().into(), entry.value.to_value()));
                OwnedValue::Object(OwnedObject::new(entries.collect()).0)
            }
        }
    }
}

/// Reads a document that is nested at most `depth` levels.
pub(crate) fn read(text: &str, format: Format, depth: u16) -> Result<Node, Diagnostic> {
    let depth = Depth { left: depth, limit: depth };
    match format {
        Format::Json => json::read(text, depth),
        Format::Toml => toml::read(text, depth),
        Format::Yaml => yaml::read(text, depth),
    }
}

/// The number of levels that a document may still nest, and the limit for messages.
#[derive(Debug, Clone, Copy)]
struct Depth {
    left: u16,
    limit: u16,
}

impl Depth {
    fn deeper(self, span: Span) -> Result<Self, Diagnostic> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left, ..self }),
            None => Err(too_deep(span, self.limit)),
        }
    }
}

/// Returns the diagnostic for an empty document.
pub(crate) fn empty() -> Diagnostic {
    Diagnostic::new(Code::E0013, Span::default(), "the mapper is empty")
        .help("for an object without keys, write `{}`")
}

/// Returns the diagnostic for a part that is nested too deeply.
pub(crate) fn too_deep(span: Span, limit: u16) -> Diagnostic {
    Diagnostic::new(Code::E0018, span, format!("this is nested more than {limit} deep"))
        .help("map a part of it elsewhere, or name a value once: `EVAL()` has `args` for that")
}

/// Returns the diagnostic for syntax that the format does not allow.
fn unreadable(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::E0501, span, message)
}

/// Parses a number from its digits. As in literals, an integer is exact or an error.
fn number(digits: &str, span: Span) -> Result<Content, Diagnostic> {
    match ParsedNumber::parse(&plain_notation(digits)) {
        Some(ParsedNumber::Number(number)) => Ok(Content::Number(number)),
        Some(ParsedNumber::Big(number)) if number.is_integer() => {
            Ok(Content::BigNumber(number.into()))
        }
        _ => Err(out_of_range(span, digits)),
    }
}

fn integer(value: Option<i128>, span: Span, written: &str) -> Result<Content, Diagnostic> {
    let number = value.and_then(Number::integer);
    number.map(Content::Number).ok_or_else(|| out_of_range(span, written))
}

fn decimal(value: Option<f64>, span: Span, written: &str) -> Result<Content, Diagnostic> {
    let number = value.and_then(Number::decimal);
    number.map(Content::Number).ok_or_else(|| out_of_range(span, written))
}

fn out_of_range(span: Span, written: &str) -> Diagnostic {
    Diagnostic::new(Code::E0003, span, format!("`{}` is out of range", shortened(written))).help(
        "integers reach from -9223372036854775808 to 18446744073709551615, and decimals are finite",
    )
}

/// Builds an object. Duplicate keys are an error.
fn object(entries: Vec<Entry>) -> Result<Content, Diagnostic> {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for Entry { key, .. } in &entries {
        if let Some(first) = seen.insert(&key.text, key.span) {
            return Err(repeated(&key.text, first, key.span));
        }
    }
    Ok(Content::Object(entries))
}

fn repeated(key: &str, first: Span, second: Span) -> Diagnostic {
    Diagnostic::new(Code::E0505, second, format!("the key `{}` comes twice", shortened(key)))
        .also(first, "it stands here first")
        .help("readers disagree on which of two values counts, so a key has one")
}
