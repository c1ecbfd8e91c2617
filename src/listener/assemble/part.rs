//! A part of a listener file or of its recipe, with its type in the schema. A key that the part
//! omits answers the default of its row. Compiles nothing.

use std::time::Duration;

use super::super::lints;
use crate::config::{FieldType, Section, Table};
use crate::document::{Entry, Node};

/// A part of a configuration, with the file that contains it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'n> {
    pub(super) node: &'n Node,
    /// True if the part is in the recipe.
    pub(super) of_recipe: bool,
    takes: FieldType,
}

impl<'n> Part<'n> {
    /// Returns the part that is the table of a whole file.
    pub(super) fn root(node: &'n Node, table: &'static Table, of_recipe: bool) -> Self {
        Self { node, of_recipe, takes: FieldType::Table(table) }
    }

    pub(super) fn get(self, key: &str) -> Option<Self> {
        let takes = self.takes.of_key(key);
        self.node.get(key).map(|node| Self { node, takes, ..self })
    }

    pub(super) fn items(self) -> impl Iterator<Item = Self> {
        let takes = self.takes.inner();
        self.node.items().iter().map(move |node| Self { node, takes, ..self })
    }

    pub(super) fn entries(self) -> impl Iterator<Item = (&'n Entry, Self)> {
        let part = move |entry: &'n Entry| Self {
            node: &entry.value,
            takes: self.takes.of_key(&entry.key.text),
            ..self
        };
        self.node.entries().iter().map(move |entry| (entry, part(entry)))
    }

    /// Returns the string of a key, if the part has one.
    pub(super) fn str(self, key: &str) -> Option<&'n str> {
        self.node.get(key).and_then(Node::as_str)
    }

    /// Returns the part with the defaults of its rows.
    pub(super) fn section(self) -> Section<'n> {
        Section::of(self.takes, self.node)
    }

    /// Returns the string of a key, or its default.
    pub(super) fn text(self, key: &str) -> &'n str {
        self.section().text(key)
    }

    /// Returns the boolean of a key, or its default.
    pub(super) fn flag(self, key: &str) -> bool {
        self.section().flag(key)
    }

    /// Returns the duration of a key, or its default. `None` stands for `off`.
    pub(super) fn duration(self, key: &str) -> Option<Duration> {
        self.section().duration(key)
    }

    /// Returns the position, for later diagnostics.
    pub(super) fn place(self) -> lints::LintPosition {
        lints::LintPosition { span: self.node.span, of_recipe: self.of_recipe }
    }

    /// Returns the part itself if it is a string, otherwise the items of the list.
    pub(super) fn one_or_more(self) -> Vec<Self> {
        if self.node.as_text().is_some() { vec![self] } else { self.items().collect() }
    }
}
