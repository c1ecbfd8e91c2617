//! A table of a configuration file together with its schema: each key answers the value of the file,
//! or the default of its row. Knows no key by name.

use std::time::Duration;

use super::{Field, FieldType, KeyDefault, Table, duration};
use crate::document::Node;

/// A table of a file. A missing table answers the defaults of its rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section<'n> {
    table: Option<&'static Table>,
    node: Option<&'n Node>,
}

impl<'n> Section<'n> {
    /// Returns a table of a file that was checked against its schema.
    pub(crate) fn new(table: &'static Table, node: &'n Node) -> Self {
        Self { table: Some(table), node: Some(node) }
    }

    /// Returns a table that no file has: it answers the defaults of its rows.
    pub(crate) fn defaults(table: &'static Table) -> Self {
        Self { table: Some(table), node: None }
    }

    /// Returns a value with the table of its type. A value of another type has no keys.
    pub(crate) fn of(takes: FieldType, node: &'n Node) -> Self {
        Self { table: takes.table(), node: Some(node) }
    }

    /// Returns the table under a key.
    pub(crate) fn table(self, key: &str) -> Self {
        let table = self.field(key).and_then(|field| field.takes.table());
        Self { table, node: self.given(key) }
    }

    /// Returns the string of a key.
    pub(crate) fn text(self, key: &str) -> &'n str {
        let given = self.given(key).and_then(Node::as_str);
        given.or_else(|| self.default_text(key)).unwrap_or_default()
    }

    /// Returns the strings of a list.
    pub(crate) fn texts(self, key: &str) -> Vec<&'n str> {
        match (self.given(key), self.default_of(key)) {
            (Some(node), _) => node.items().iter().filter_map(Node::as_str).collect(),
            (None, KeyDefault::List(items)) => items.to_vec(),
            (None, _) => Vec::new(),
        }
    }

    /// Returns the boolean of a key.
    pub(crate) fn flag(self, key: &str) -> bool {
        let given = self.given(key).and_then(Node::as_bool);
        given.or_else(|| self.default_text(key)?.parse().ok()).unwrap_or_default()
    }

    /// Returns the whole number of a key.
    pub(crate) fn count(self, key: &str) -> u64 {
        let given = self.given(key).and_then(Node::as_count);
        given.or_else(|| self.default_text(key)?.parse().ok()).unwrap_or_default()
    }

    /// Returns the duration of a key, or `None` for a word such as `off`.
    pub(crate) fn duration(self, key: &str) -> Option<Duration> {
        match self.given(key) {
            Some(node) => duration::of(node),
            None => duration::parse(self.default_text(key)?),
        }
    }

    fn given(self, key: &str) -> Option<&'n Node> {
        self.node?.get(key)
    }

    fn field(self, key: &str) -> Option<&'static Field> {
        self.table?.field(key)
    }

    fn default_text(self, key: &str) -> Option<&'static str> {
        match self.default_of(key) {
            KeyDefault::Value(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the default in the row of a key.
    fn default_of(self, key: &str) -> KeyDefault {
        let field = self.field(key);
        let default = field.map_or(KeyDefault::None, |field| field.default);
        // The tests read every key, so a row without a default fails there. A file can lack a
        // required key: the check of its schema has reported that.
        debug_assert!(
            self.given(key).is_some()
                || field.is_some_and(|field| field.required || field.default.is_fixed()),
            "`{key}` has no default"
        );
        default
    }
}

impl FieldType {
    /// Returns the table that a value of this type is.
    pub fn table(&self) -> Option<&'static Table> {
        match self {
            Self::Table(table) => Some(table),
            Self::OneOf(options) => options.iter().find_map(Self::table),
            _ => None,
        }
    }

    /// Returns true if two values of this type merge key by key. The keys of a table that takes
    /// exactly one of several exclude each other, and a mapper is one expression.
    pub fn merges(&self) -> bool {
        match self {
            Self::Table(table) => table.one_of.is_empty(),
            Self::Map(_) => true,
            _ => false,
        }
    }

    /// Returns the type of the items of a list, or of the values of a table with free keys.
    pub fn inner(&self) -> Self {
        let found = match self {
            Self::List(inner) | Self::Map(inner) => Some(**inner),
            Self::OneOf(options) => {
                let inner = options.iter().map(Self::inner);
                inner.into_iter().find(|inner| !matches!(inner, Self::Any))
            }
            _ => None,
        };
        found.unwrap_or(Self::Any)
    }

    /// Returns the type of the value under a key.
    pub fn of_key(&self, key: &str) -> Self {
        let field = self.table().and_then(|table| table.field(key));
        field.map_or_else(|| self.inner(), |field| field.takes)
    }
}
