//! A part of a listener file merged with the same part of its recipe, with its type in the schema. A
//! key of the file comes first, then that of the recipe, then the default of the row. Compiles
//! nothing.

use std::time::Duration;

use super::super::lints;
use crate::config::{FieldType, Section, Table};
use crate::document::{Content, Entry, Node};

/// A part of a configuration, with the file that contains it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'n> {
    pub(super) node: &'n Node,
    /// True if the part is in the recipe.
    pub(super) of_recipe: bool,
    takes: FieldType,
    /// The same table in the recipe. Its keys apply where the file omits them.
    under: Option<&'n Node>,
}

impl<'n> Part<'n> {
    /// Returns the part that is the table of a whole file.
    pub(super) fn root(node: &'n Node, table: &'static Table, of_recipe: bool) -> Self {
        Self { node, of_recipe, takes: FieldType::Table(table), under: None }
    }

    /// Puts the table of a recipe under the table of a file.
    pub(super) fn over(self, recipe: Option<&'n Node>) -> Self {
        Self { under: recipe, ..self }
    }

    pub(super) fn get(self, key: &str) -> Option<Self> {
        let recipe = self.under.and_then(|under| under.get(key));
        match self.node.get(key) {
            Some(node) => Some(self.of_file(node, key, recipe)),
            None => recipe.map(|node| self.of_the_recipe(node, key)),
        }
    }

    /// Returns the value of a key in the table itself, merged with that of the recipe if both are
    /// tables of the same keys.
    fn of_file(self, node: &'n Node, key: &str, recipe: Option<&'n Node>) -> Self {
        let takes = self.takes.of_key(key);
        let under = recipe.filter(|recipe| takes.merges() && is_object(node) && is_object(recipe));
        Self { node, takes, under, ..self }
    }

    fn of_the_recipe(self, node: &'n Node, key: &str) -> Self {
        Self { node, takes: self.takes.of_key(key), of_recipe: true, under: None }
    }

    pub(super) fn items(self) -> impl Iterator<Item = Self> {
        let takes = self.takes.inner();
        self.node.items().iter().map(move |node| Self { node, takes, under: None, ..self })
    }

    /// Returns the entries of the recipe, with the values of the file where it has the key, then
    /// those that only the file has.
    pub(super) fn entries(self) -> impl Iterator<Item = (&'n Entry, Self)> {
        let (own, recipe) =
            (self.node.entries(), self.under.map(Node::entries).unwrap_or_default());
        let named =
            |entries: &'n [Entry], key: &str| entries.iter().find(|entry| entry.key.text == key);
        let merged = recipe.iter().map(move |entry| {
            let key = &*entry.key.text;
            match named(own, key) {
                Some(own) => (own, self.of_file(&own.value, key, Some(&entry.value))),
                None => (entry, self.of_the_recipe(&entry.value, key)),
            }
        });
        let more = own.iter().filter(move |entry| named(recipe, &entry.key.text).is_none());
        merged.chain(
            more.map(move |entry| (entry, self.of_file(&entry.value, &entry.key.text, None))),
        )
    }

    /// Returns the string of a key, if the part has one.
    pub(super) fn str(self, key: &str) -> Option<&'n str> {
        self.get(key).and_then(|part| part.node.as_str())
    }

    /// Returns the table that answers a key: that of the file, or that of the recipe if only it has
    /// the key.
    pub(super) fn section(self, key: &str) -> Section<'n> {
        let under =
            self.under.filter(|under| self.node.get(key).is_none() && under.get(key).is_some());
        Section::of(self.takes, under.unwrap_or(self.node))
    }

    /// Returns the string of a key, or its default.
    pub(super) fn text(self, key: &str) -> &'n str {
        self.section(key).text(key)
    }

    /// Returns the boolean of a key, or its default.
    pub(super) fn flag(self, key: &str) -> bool {
        self.section(key).flag(key)
    }

    /// Returns the duration of a key, or its default. `None` stands for `off`.
    pub(super) fn duration(self, key: &str) -> Option<Duration> {
        self.section(key).duration(key)
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

fn is_object(node: &Node) -> bool {
    matches!(node.content, Content::Object(_))
}
