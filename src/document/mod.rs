//! Documents: what JSON, TOML and YAML have in common, with the place of every part.
//!
//! A file a format; each reads into the same small tree. Knows nothing of what a document is
//! for: mappers and configurations are read by it alike.

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
use crate::value::{Number, OwnedObject, OwnedValue};

/// A part of a document.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) content: Content,
    pub(crate) span: Span,
}

/// What a part of a document is.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    Number(Number),
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

/// A key, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) span: Span,
}

impl Key {
    /// Whether it calls an operator: `MAP()`.
    pub(crate) fn is_call(&self) -> bool {
        self.text.ends_with("()")
    }
}

impl Node {
    /// What it is, for people.
    pub(crate) fn phrase(&self) -> &'static str {
        match &self.content {
            Content::Null => "null",
            Content::Bool(_) => "a boolean",
            Content::Number(_) => "a number",
            Content::Text(_) => "a text",
            Content::List(_) => "a list",
            Content::Object(_) => "an object",
        }
    }
}

/// Looking into a document that was held to what may stand in it: what is not there, or is
/// something else, is nothing.
impl Node {
    /// The part under a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key.text == key).map(|entry| &entry.value)
    }

    /// The entries of an object.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Object(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// The text.
    pub(crate) fn as_text(&self) -> Option<&Text> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What the text says.
    pub(crate) fn as_str(&self) -> Option<&str> {
        self.as_text().map(|text| &*text.value)
    }

    /// The truth value.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self.content {
            Content::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The whole number that is not negative.
    pub(crate) fn as_count(&self) -> Option<u64> {
        match self.content {
            Content::Number(number) => number.as_integer().and_then(|n| u64::try_from(n).ok()),
            _ => None,
        }
    }

    /// The part as a value.
    pub(crate) fn to_value(&self) -> OwnedValue {
        match &self.content {
            Content::Null => OwnedValue::Null,
            Content::Bool(value) => OwnedValue::Bool(*value),
            Content::Number(number) => OwnedValue::Number(*number),
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

/// Reads a document that nests at most so deep.
pub(crate) fn read(text: &str, format: Format, depth: u16) -> Result<Node, Diagnostic> {
    let depth = Depth { left: depth, limit: depth };
    match format {
        Format::Json => json::read(text, depth),
        Format::Toml => toml::read(text, depth),
        Format::Yaml => yaml::read(text, depth),
    }
}

/// How much deeper a document may nest.
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

/// The diagnostic of a document with nothing in it.
pub(crate) fn empty() -> Diagnostic {
    Diagnostic::new(Code::E0013, Span::default(), "the mapper is empty")
        .help("for an object without keys, write `{}`")
}

/// The diagnostic of what is nested too deeply.
pub(crate) fn too_deep(span: Span, limit: u16) -> Diagnostic {
    Diagnostic::new(Code::E0018, span, format!("this is nested more than {limit} deep"))
        .help("map a part of it elsewhere, or name a value once: `EVAL()` has `args` for that")
}

/// The diagnostic of what a format does not allow.
fn unreadable(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::E0501, span, message)
}

/// A number from its digits; like a literal, an integer is exact or an error.
fn number(digits: &str, span: Span) -> Result<Content, Diagnostic> {
    let integral = digits.trim_start_matches(['+', '-']).bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse::<Number>() {
        Ok(Number::Decimal(_)) if integral => Err(out_of_range(span, digits)),
        Ok(number) => Ok(Content::Number(number)),
        Err(_) => Err(out_of_range(span, digits)),
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

/// An object whose keys are different ones.
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
