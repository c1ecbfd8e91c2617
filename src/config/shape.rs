//! The schema of configuration files: tables of rows, one row for each key.
//!
//! The reader, the JSON Schemas for editors and the reference page all use these rows. This module
//! does not know the meaning of any key.

use super::duration;
use crate::document::{Content, Node};

/// A table of a configuration file.
#[derive(Debug)]
pub struct Table {
    /// The name in messages and in the reference.
    pub name: &'static str,
    /// The purpose of the table.
    pub doc: &'static str,
    /// The keys of the table.
    pub fields: &'static [Field],
    /// A group of keys of which exactly one is required. Empty if the table has no such group.
    pub one_of: &'static [&'static str],
}

impl Table {
    /// Returns the row of a key.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Returns this table and all tables nested in it. Each occurs once, in the order of discovery.
    pub fn all(&'static self) -> Vec<&'static Self> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect(&'static self, found: &mut Vec<&'static Self>) {
        if found.iter().any(|known| std::ptr::eq(*known, self)) {
            return;
        }
        found.push(self);
        self.fields.iter().for_each(|field| field.takes.collect(found));
    }

    /// Returns the name as an anchor for links: `a-public-key-check`.
    pub fn anchor(&self) -> String {
        let lower = self.name.to_lowercase();
        let kept = lower.chars().filter(|c| c.is_alphanumeric() || *c == ' ');
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    }
}

/// A key of a table.
#[derive(Debug)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// The type of the value.
    pub takes: FieldType,
    /// True if the key is required.
    pub required: bool,
    /// The meaning, with the unit.
    pub doc: &'static str,
    /// The value that applies if a file omits the key.
    pub default: KeyDefault,
    /// The name of the key in earlier versions. The check rejects it and shows the current name in
    /// the help.
    pub old_name: Option<&'static str>,
}

/// The value of a key that a file omits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyDefault {
    /// No default: the feature is off, or the key is required.
    None,
    /// A fixed value, as a file would write it, without quotes.
    Value(&'static str),
    /// A fixed list of such values.
    List(&'static [&'static str]),
    /// A value that depends on other keys, described in words.
    Derived(&'static str),
}

/// Creates a row for an optional key.
pub const fn optional(name: &'static str, takes: FieldType, doc: &'static str) -> Field {
    Field { name, takes, required: false, doc, default: KeyDefault::None, old_name: None }
}

/// Creates a row for a required key.
pub const fn required(name: &'static str, takes: FieldType, doc: &'static str) -> Field {
    Field { name, takes, required: true, doc, default: KeyDefault::None, old_name: None }
}

impl Field {
    /// Sets a fixed default, as a file would write it, without quotes.
    pub const fn or(self, value: &'static str) -> Self {
        Self { default: KeyDefault::Value(value), ..self }
    }

    /// Sets a fixed list as the default.
    pub const fn or_list(self, values: &'static [&'static str]) -> Self {
        Self { default: KeyDefault::List(values), ..self }
    }

    /// Sets a default that depends on other keys, described in words.
    pub const fn or_derived(self, words: &'static str) -> Self {
        Self { default: KeyDefault::Derived(words), ..self }
    }

    /// Sets the name that the key had in earlier versions.
    pub const fn renamed_from(self, old_name: &'static str) -> Self {
        Self { old_name: Some(old_name), ..self }
    }
}

impl KeyDefault {
    /// Returns true for a fixed value or list.
    pub fn is_fixed(self) -> bool {
        matches!(self, Self::Value(_) | Self::List(_))
    }
}

/// Maximum number of words that a message lists in its first line.
pub(super) const MAX_LISTED: usize = 8;

/// The type of a configuration value.
#[derive(Debug, Clone, Copy)]
pub enum FieldType {
    /// Any string.
    Text,
    /// An expression of the rule language.
    Expression,
    /// A string template: the content of a string with `${…}`.
    Template,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A UUID.
    Uuid,
    /// An id that people choose: see [`is_id`].
    Id,
    /// A duration: `10m`, or a number of seconds.
    Duration,
    /// True or false.
    Bool,
    /// A whole number in an inclusive range.
    Count(u64, u64),
    /// Any number.
    Number,
    /// Any scalar, list or table.
    Any,
    /// A list of values of one type.
    List(&'static FieldType),
    /// A table with a fixed set of keys.
    Table(&'static Table),
    /// A table with keys that the author chooses, and values of one type.
    Map(&'static FieldType),
    /// A table that is a Data Mapper document.
    Mapper,
    /// A value of any of these types.
    OneOf(&'static [FieldType]),
}

impl FieldType {
    /// Describes the type for messages.
    pub fn phrase(&self) -> String {
        match self {
            Self::Text => "a string".to_owned(),
            Self::Expression => "an expression in quotes".to_owned(),
            Self::Template => "a text template".to_owned(),
            Self::Word([only]) => format!("`{only}`"),
            // A longer list stands in the help.
            Self::Word(words) if words.len() > MAX_LISTED => {
                format!("one of {} words", words.len())
            }
            Self::Word(words) => format!("one of {}", quoted_list(words)),
            Self::Uuid => "a UUID".to_owned(),
            Self::Id => ID_FORM.to_owned(),
            Self::Duration => "a time span as `10m` or `14d`, or seconds".to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Count(least, most) => format!("a whole number from {least} to {most}"),
            Self::Number => "a number".to_owned(),
            Self::Any => "any value".to_owned(),
            Self::List(Self::Text) => "a list of strings".to_owned(),
            Self::List(Self::Expression) => "a list of expressions in quotes".to_owned(),
            Self::List(Self::Table(_)) => "a list of tables".to_owned(),
            Self::List(item) => format!("a list, each {}", item.phrase()),
            Self::Table(table) => format!("a table of {}", table.name),
            Self::Map(value) => format!("a table, each {}", value.phrase()),
            Self::Mapper => "a mapper as a table".to_owned(),
            Self::OneOf(options) => {
                options.iter().map(Self::phrase).collect::<Vec<_>>().join(", or ")
            }
        }
    }

    /// Returns true if a number of some size has this type.
    pub(super) fn takes_number(&self) -> bool {
        match self {
            Self::Count(..) | Self::Number | Self::Duration => true,
            Self::OneOf(options) => options.iter().any(Self::takes_number),
            _ => false,
        }
    }

    /// Returns true if some strings have this type, and others do not.
    pub(super) fn takes_some_strings(&self) -> bool {
        match self {
            Self::Word(_) | Self::Uuid | Self::Id | Self::Duration => true,
            Self::OneOf(options) => options.iter().any(Self::takes_some_strings),
            _ => false,
        }
    }

    fn collect(&'static self, found: &mut Vec<&'static Table>) {
        match self {
            Self::List(inner) | Self::Map(inner) => inner.collect(found),
            Self::Table(table) => table.collect(found),
            Self::OneOf(options) => options.iter().for_each(|option| option.collect(found)),
            _ => {}
        }
    }

    /// Returns true if the value has this type. Does not check the content of lists and tables.
    pub(super) fn fits(&self, node: &Node) -> bool {
        match (self, &node.content) {
            (Self::Any, _) => true,
            (Self::Text | Self::Expression | Self::Template, Content::Text(_)) => true,
            (Self::Word(words), Content::Text(text)) => words.contains(&&*text.value),
            (Self::Uuid, Content::Text(text)) => is_uuid(&text.value),
            (Self::Id, Content::Text(text)) => is_id(&text.value),
            (Self::Duration, Content::Text(text)) => duration::parse(&text.value).is_some(),
            (Self::Duration, Content::Number(_)) => node.as_count().is_some(),
            (Self::Bool, Content::Bool(_)) => true,
            (Self::Count(least, most), Content::Number(_)) => {
                node.as_count().is_some_and(|count| (*least..=*most).contains(&count))
            }
            (Self::Number, Content::Number(_)) => true,
            (Self::List(_), Content::List(_)) => true,
            (Self::Table(_) | Self::Map(_) | Self::Mapper, Content::Object(_)) => true,
            (Self::OneOf(options), _) => options.iter().any(|option| option.fits(node)),
            _ => false,
        }
    }
}

/// Formats words as `a`, `b` or `c`.
pub(crate) fn quoted_list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The form of an id in messages.
pub(crate) const ID_FORM: &str = "an id of letters, digits, `-` and `_`";

/// Returns true if a text is an id that people choose, such as that of a tenant: letters and digits
/// of ASCII, `-` and `_`.
pub(crate) fn is_id(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.chars().all(fits)
}

/// Returns true if the text is a UUID in the usual form of RFC 9562, section 4, in upper or lower
/// case.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::{FieldType, Table, optional};
    use crate::config::Layer;
    use crate::source::Source;

    static TABLE: Table = Table {
        name: "a test",
        doc: "",
        fields: &[optional("timeout", FieldType::Duration, "").or("10s").renamed_from("time")],
        one_of: &[],
    };

    #[test]
    fn a_renamed_configuration_key_is_refused_with_its_new_name() {
        let source = Source::new("a.toml", "time = 3");
        let (_, found) = Layer::read_all(source, &TABLE, None).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].help.as_deref(), Some("`time` was renamed: write `timeout`"));
    }
}
