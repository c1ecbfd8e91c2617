//! What may stand in a configuration file: tables of rows, a row a key.
//!
//! Reading, the JSON Schema for editors and the reference page are all made from the rows. Every
//! fault of a file is told, not only the first.

use super::duration;
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::document::{Content, Entry, Node, shortened};
use crate::source::Span;

/// A table of a configuration file.
#[derive(Debug)]
pub struct Table {
    /// What it is called in messages and in the reference.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Its keys.
    pub fields: &'static [Field],
    /// Keys of which exactly one has to be there; empty where there is no such choice.
    pub one_of: &'static [&'static str],
}

impl Table {
    /// This table and those that may stand in it, each once, in the order they are met in.
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

    /// Its name as a link has it: `a-public-key-check`.
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
    /// What may stand there.
    pub takes: Takes,
    /// Whether it has to be there.
    pub required: bool,
    /// What it means, with its unit and what it is if left out.
    pub doc: &'static str,
}

/// A key that may be left out.
pub const fn optional(name: &'static str, takes: Takes, doc: &'static str) -> Field {
    Field { name, takes, required: false, doc }
}

/// A key that has to be there.
pub const fn required(name: &'static str, takes: Takes, doc: &'static str) -> Field {
    Field { name, takes, required: true, doc }
}

/// What may stand at a place.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// Any text.
    Text,
    /// An expression of the rule language.
    Expression,
    /// A text template: the inside of a text with `${…}`.
    Template,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A UUID.
    Uuid,
    /// A time span: `10m`, or seconds.
    Duration,
    /// True or false.
    Bool,
    /// A whole number in a range, both ends in it.
    Count(u64, u64),
    /// Any number.
    Number,
    /// Any scalar, list or table.
    Any,
    /// A list of these.
    List(&'static Takes),
    /// A table with these keys.
    Table(&'static Table),
    /// A table with keys of the author's choice.
    Map(&'static Takes),
    /// A table that is a Data Mapper document.
    Mapper,
    /// One of these.
    OneOf(&'static [Takes]),
}

impl Takes {
    /// What it is, for people.
    pub fn phrase(&self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Expression => "an expression in quotes".to_owned(),
            Self::Template => "a text template".to_owned(),
            Self::Word([only]) => format!("`{only}`"),
            Self::Word(words) => format!("one of {}", quoted_list(words)),
            Self::Uuid => "a UUID".to_owned(),
            Self::Duration => "a time span as `10m`, or seconds".to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Count(least, most) => format!("a whole number from {least} to {most}"),
            Self::Number => "a number".to_owned(),
            Self::Any => "any value".to_owned(),
            Self::List(item) => format!("a list, each {}", item.phrase()),
            Self::Table(table) => format!("a table of {}", table.name),
            Self::Map(value) => format!("a table, each {}", value.phrase()),
            Self::Mapper => "a mapper as a table".to_owned(),
            Self::OneOf(options) => {
                options.iter().map(Self::phrase).collect::<Vec<_>>().join(", or ")
            }
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

    /// Whether what stands there is of this kind, as far as can be said without looking into it.
    fn fits(&self, node: &Node) -> bool {
        match (self, &node.content) {
            (Self::Any, _) => true,
            (Self::Text | Self::Expression | Self::Template, Content::Text(_)) => true,
            (Self::Word(words), Content::Text(text)) => words.contains(&&*text.value),
            (Self::Uuid, Content::Text(text)) => is_uuid(&text.value),
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

/// Faults of a file that are looked for: more than a hundred are never reported.
const MAX_FAULTS: usize = 200;

/// Holds a document to a table; answers what is wrong with it, up to a limit.
pub(super) fn check(node: &Node, table: &'static Table) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    table_of(node, table, &mut found);
    found
}

fn value(node: &Node, takes: &Takes, key: &str, found: &mut Vec<Diagnostic>) {
    if !takes.fits(node) {
        let message = format!("`{key}` takes {}, not {}", takes.phrase(), node.phrase());
        let wrong = Diagnostic::new(Code::E0602, node.span, message);
        found.push(wrong.maybe_help(near_word(node, takes)));
        return;
    }
    match (takes, &node.content) {
        (Takes::List(item), Content::List(items)) => {
            items.iter().for_each(|node| value(node, item, key, found));
        }
        (Takes::Table(table), _) => table_of(node, table, found),
        (Takes::Map(inner), Content::Object(entries)) => {
            entries.iter().for_each(|entry| value(&entry.value, inner, &entry.key.text, found));
        }
        (Takes::OneOf(options), _) => {
            if let Some(option) = options.iter().find(|option| option.fits(node)) {
                value(node, option, key, found);
            }
        }
        _ => {}
    }
}

fn table_of(node: &Node, table: &'static Table, found: &mut Vec<Diagnostic>) {
    let Content::Object(entries) = &node.content else {
        let message = format!("{} is a table, not {}", table.name, node.phrase());
        found.push(Diagnostic::new(Code::E0602, node.span, message));
        return;
    };
    for Entry { key, value: inside } in entries {
        if found.len() >= MAX_FAULTS {
            return;
        }
        match table.fields.iter().find(|field| *field.name == key.text) {
            Some(field) => value(inside, &field.takes, field.name, found),
            None => found.push(unknown(&key.text, key.span, table)),
        }
    }
    let has = |name: &str| entries.iter().any(|entry| entry.key.text == name);
    for field in table.fields.iter().filter(|field| field.required && !has(field.name)) {
        let message = format!("{} has no `{}`", table.name, field.name);
        found.push(
            Diagnostic::new(Code::E0603, head(node, entries), message).help(field.doc.to_owned()),
        );
    }
    choice(node, entries, table, found);
}

fn choice(node: &Node, entries: &[Entry], table: &'static Table, found: &mut Vec<Diagnostic>) {
    if table.one_of.is_empty() {
        return;
    }
    let mut chosen = entries.iter().filter(|entry| table.one_of.contains(&&*entry.key.text));
    match (chosen.next(), chosen.next()) {
        (None, _) => {
            let message = format!("{} has one of {}", table.name, quoted_list(table.one_of));
            found.push(Diagnostic::new(Code::E0603, head(node, entries), message));
        }
        (Some(first), Some(second)) => {
            let message = format!("{} has only one of {}", table.name, quoted_list(table.one_of));
            found.push(
                Diagnostic::new(Code::E0604, second.key.span, message)
                    .also(first.key.span, "this is the first"),
            );
        }
        _ => {}
    }
}

fn unknown(key: &str, span: Span, table: &Table) -> Diagnostic {
    let names = || table.fields.iter().map(|field| field.name);
    let help = match nearest(key, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{} has {}", table.name, quoted_list(&names().collect::<Vec<_>>())),
    };
    let message = format!("{} has no key `{}`", table.name, shortened(key));
    Diagnostic::new(Code::E0601, span, message).help(help)
}

/// Where to point when something is missing: a table of many lines has no line of its own.
fn head(node: &Node, entries: &[Entry]) -> Span {
    entries.first().map_or(node.span, |entry| entry.key.span)
}

fn near_word(node: &Node, takes: &Takes) -> Option<String> {
    let (Takes::Word(words), Content::Text(text)) = (takes, &node.content) else {
        return None;
    };
    nearest(&text.value, words.iter().copied()).map(|near| format!("did you mean `{near}`?"))
}

/// `a`, `b` or `c`.
pub(crate) fn quoted_list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The usual form of RFC 9562, section 4, in any case.
pub(crate) fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
