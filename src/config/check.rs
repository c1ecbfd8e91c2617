//! The check of a document against its schema. It reports all errors of a file, not only the first.
//! Knows no configuration key.

use super::advice::{self, Neighbour};
use super::masked::{self, looks_like_name};
use super::shape::{FieldType, Table, quoted_list};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Content, Entry, Node, shortened};
use crate::source::Span;

/// Maximum number of errors in one file after which the check stops. Reports show at most a hundred
/// of them.
const MAX_FAULTS: usize = 200;

/// Checks a document against a table. Returns its errors, up to `MAX_FAULTS`.
pub(super) fn check(
    node: &Node,
    table: &'static Table,
    neighbour: Option<&Neighbour>,
) -> Vec<Diagnostic> {
    let mut checker = Checker::new(table, neighbour);
    checker.table(node, table);
    checker.found
}

/// The check of one document.
struct Checker<'n> {
    root: &'static Table,
    neighbour: Option<&'n Neighbour>,
    /// The keys above the current value, and its own.
    path: Vec<&'n str>,
    /// True for the items of a list.
    in_list: bool,
    found: Vec<Diagnostic>,
}

impl<'n> Checker<'n> {
    fn new(root: &'static Table, neighbour: Option<&'n Neighbour>) -> Self {
        Self { root, neighbour, path: Vec::new(), in_list: false, found: Vec::new() }
    }

    /// Returns true if the check stops: further errors are not reported.
    fn is_full(&self) -> bool {
        self.found.len() >= MAX_FAULTS
    }

    /// Returns a text of the file for a message, or `None` if it stands where secrets stand and may
    /// be one.
    fn shown(&self, text: &str) -> Option<String> {
        let is_shown = !self.path.contains(&masked::TABLE) || looks_like_name(text);
        is_shown.then(|| format!("`{}`", shortened(text)))
    }

    fn value(&mut self, node: &'n Node, takes: &FieldType, key: &'n str) {
        if !takes.fits(node) {
            let given = self.given(node, takes);
            let message = format!("`{key}` takes {}, not {given}", takes.phrase());
            let help = advice::wrong_value(node, takes, &self.path, self.in_list);
            let wrong = Diagnostic::new(Code::E0602, node.span, message);
            self.found.push(wrong.maybe_help(help));
            return;
        }
        match (takes, &node.content) {
            (FieldType::List(item), Content::List(items)) => {
                let within = std::mem::replace(&mut self.in_list, true);
                for node in items {
                    if self.is_full() {
                        break;
                    }
                    self.value(node, item, key);
                }
                self.in_list = within;
            }
            (FieldType::Table(table), _) => self.table(node, table),
            (FieldType::Map(inner), Content::Object(entries)) => self.map(entries, inner),
            (FieldType::OneOf(options), _) => {
                if let Some(option) = options.iter().find(|option| option.fits(node)) {
                    self.value(node, option, key);
                }
            }
            _ => {}
        }
    }

    /// Checks a table whose keys the author chooses. A key of another table may have slipped in.
    fn map(&mut self, entries: &'n [Entry], inner: &FieldType) {
        for Entry { key, value } in entries {
            if self.is_full() {
                return;
            }
            let before = self.found.len();
            self.path.push(&key.text);
            self.value(value, inner, &key.text);
            self.path.pop();
            if let Some(wrong) = self.found.get_mut(before)
                && !inner.fits(value)
                && let Some(place) = advice::place(&key.text, self.root)
            {
                wrong.help = Some(place);
            }
        }
    }

    fn table(&mut self, node: &'n Node, table: &'static Table) {
        let within = std::mem::replace(&mut self.in_list, false);
        self.entries(node, table);
        self.in_list = within;
    }

    fn entries(&mut self, node: &'n Node, table: &'static Table) {
        let Content::Object(entries) = &node.content else {
            let message = format!("{} is a table, not {}", table.name, phrase(node));
            self.found.push(Diagnostic::new(Code::E0602, node.span, message));
            return;
        };
        for Entry { key, value } in entries {
            if self.is_full() {
                return;
            }
            match table.fields.iter().find(|field| *field.name == key.text) {
                Some(field) => {
                    self.path.push(field.name);
                    self.value(value, &field.takes, field.name);
                    self.path.pop();
                }
                None => {
                    let help = advice::unknown_key(&key.text, table, self.root, self.neighbour);
                    let shown = self.shown(&key.text);
                    let shown = shown.unwrap_or_else(|| "of this name".to_owned());
                    let message = format!("{} has no key {shown}", table.name);
                    self.found.push(Diagnostic::new(Code::E0601, key.span, message).help(help));
                }
            }
        }
        let has = |name: &str| entries.iter().any(|entry| entry.key.text == name);
        for field in table.fields.iter().filter(|field| field.required && !has(field.name)) {
            let message = format!("{} has no `{}`", table.name, field.name);
            let missing = Diagnostic::new(Code::E0603, head(node, entries), message);
            self.found.push(missing.help(advice::missing(field)));
        }
        choice(node, entries, table, &mut self.found);
    }

    /// Describes a value of the wrong type or outside the range.
    fn given(&self, node: &Node, takes: &FieldType) -> String {
        match (takes, &node.content) {
            // The value has the right type, so the value itself is wrong.
            (_, Content::Text(text)) if takes.takes_some_strings() => {
                self.shown(&text.value).unwrap_or_else(|| "this string".to_owned())
            }
            (_, Content::Number(_)) if takes.takes_number() => node.to_value().to_string(),
            _ => phrase(node).to_owned(),
        }
    }
}

/// Describes the type of a value. An object is a table in TOML.
fn phrase(node: &Node) -> &'static str {
    match &node.content {
        Content::Object(_) => "a table",
        _ => node.phrase(),
    }
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

/// Returns the position to report for a missing key: the first entry. The span of a whole table
/// could cover many lines.
fn head(node: &Node, entries: &[Entry]) -> Span {
    entries.first().map_or(node.span, |entry| entry.key.span)
}

#[cfg(test)]
mod tests {
    use super::{Checker, Table};
    use crate::config::{FieldType, optional, schema};
    use crate::document::{Format, read};

    static ROOT: Table = Table { name: "a test", doc: "", fields: &[], one_of: &[] };

    static NUMBERS: Table = Table {
        name: "a test",
        doc: "",
        fields: &[
            optional("list", FieldType::List(&FieldType::Bool), ""),
            optional("map", FieldType::Map(&FieldType::Bool), ""),
        ],
        one_of: &[],
    };

    #[test]
    fn the_errors_of_a_list_and_of_a_map_are_bounded() {
        let list = format!("list = [{}]", "1, ".repeat(10_000));
        let map: String = (0..10_000).map(|at| format!("map.key{at} = 1\n")).collect();
        for text in [list, map] {
            let root = read(&text, Format::Toml, 8).unwrap();
            assert_eq!(super::check(&root, &NUMBERS, None).len(), super::MAX_FAULTS);
        }
    }

    #[test]
    fn every_default_value_has_the_type_of_its_key() {
        let mut roots = vec![&crate::listener::LISTENER, &crate::listener::RECIPE];
        #[cfg(feature = "gateway")]
        roots.push(&crate::gateway::GATEWAY);
        let mut tried = 0;
        for table in roots.into_iter().flat_map(Table::all) {
            for field in table.fields {
                let Some(default) = schema::default_value(field) else { continue };
                // The scalars and lists of JSON are TOML too.
                let root = read(&format!("key = {default}"), Format::Toml, 8).unwrap();
                let mut checker = Checker::new(&ROOT, None);
                checker.value(root.get("key").unwrap(), &field.takes, field.name);
                let found = checker.found;
                assert!(found.is_empty(), "{}: `{}`: {found:?}", table.name, field.name);
                tried += 1;
            }
        }
        assert!(tried > 70, "{tried}");
    }
}
