//! The help of messages about configuration files: the place of a key, and the form of a value. Knows
//! no configuration key.

use super::duration;
use super::shape::{Field, FieldType, MAX_LISTED, Table, quoted_list};
use crate::diagnostic::did_you_mean;
use crate::document::{Content, Node};

/// The other file of a configuration, whose keys may stand in this one by mistake.
#[derive(Debug)]
pub(crate) struct Neighbour {
    /// The name of the file.
    pub(crate) file: &'static str,
    /// The keys at the top of the file.
    pub(crate) keys: Vec<&'static str>,
}

/// Number of places of a key that a message lists.
const MAX_PLACES: usize = 3;

/// Returns the help for a key that a table does not have.
pub(super) fn unknown_key(
    key: &str,
    table: &Table,
    root: &'static Table,
    neighbour: Option<&Neighbour>,
) -> String {
    let names = || table.fields.iter().map(|field| field.name);
    if let Some(field) = table.fields.iter().find(|field| field.old_name == Some(key)) {
        return format!("`{key}` was renamed: write `{}`", field.name);
    }
    if let Some(place) = place(key, root) {
        return place;
    }
    if let Some(other) = neighbour.filter(|other| other.keys.contains(&key)) {
        return format!("`{key}` is a key of {}", other.file);
    }
    if let Some(near) = did_you_mean(key, names()) {
        return near;
    }
    let begun: Vec<&str> = names().filter(|name| key.len() > 1 && name.starts_with(key)).collect();
    if !begun.is_empty() {
        return format!("did you mean {}?", quoted_list(&begun));
    }
    format!("{} has {}", table.name, quoted_list(&names().collect::<Vec<_>>()))
}

/// Returns the help for a key that stands in the wrong table; `None` if no table has it.
pub(super) fn place(key: &str, root: &'static Table) -> Option<String> {
    if root.field(key).is_some() {
        return Some(format!(
            "`{key}` is a key of {}: write it above the first `[table]`",
            root.name
        ));
    }
    let mut places = Vec::new();
    collect(root, key, "", &mut Vec::new(), &mut places);
    places.truncate(MAX_PLACES);
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    (!places.is_empty()).then(|| format!("`{key}` is a key of {}", quoted_list(&places)))
}

/// Collects the headers of the tables that have a key: `[server]`, `[[verify]]`.
fn collect(
    table: &'static Table,
    key: &str,
    path: &str,
    seen: &mut Vec<&'static Table>,
    places: &mut Vec<String>,
) {
    for field in table.fields {
        for (inner, suffix, is_list) in tables_of(&field.takes) {
            if seen.iter().any(|known| std::ptr::eq(*known, inner)) {
                continue;
            }
            seen.push(inner);
            let path = format!("{path}{}{suffix}", field.name);
            if inner.field(key).is_some() {
                places.push(if is_list { format!("[[{path}]]") } else { format!("[{path}]") });
            }
            collect(inner, key, &format!("{path}."), seen, places);
        }
    }
}

/// Returns the tables of a type, each with the rest of its path, and true for a list of tables.
fn tables_of(takes: &'static FieldType) -> Vec<(&'static Table, &'static str, bool)> {
    match takes {
        FieldType::Table(table) => vec![(table, "", false)],
        FieldType::List(FieldType::Table(table)) => vec![(table, "", true)],
        FieldType::Map(FieldType::Table(table)) => vec![(table, ".NAME", false)],
        FieldType::OneOf(options) => options.iter().flat_map(tables_of).collect(),
        _ => Vec::new(),
    }
}

/// Returns the help for a value of the wrong type. It never repeats a string: a secret may stand
/// there.
pub(super) fn wrong_value(
    node: &Node,
    takes: &FieldType,
    path: &[&str],
    in_list: bool,
) -> Option<String> {
    let key = path.last().copied().unwrap_or("");
    let is_scalar = !matches!(node.content, Content::List(_) | Content::Object(_));
    match (takes, &node.content) {
        (FieldType::Word(words), Content::Text(text)) => word(&text.value, words),
        (FieldType::Uuid, _) => Some(UUID.to_owned()),
        (FieldType::Duration, Content::Text(text)) => duration::advice(&text.value),
        (FieldType::List(FieldType::Table(_)), Content::Object(_)) => {
            Some(format!("write `[[{}]]`", path.join(".")))
        }
        (FieldType::List(FieldType::Table(table)), _) if is_scalar => {
            Some(table_form(table, path, true))
        }
        (FieldType::List(item), _) if is_scalar && item.fits(node) => {
            Some(format!("write it in brackets: `{key} = [{}]`", example(item)))
        }
        (FieldType::OneOf(options), _) => {
            options.iter().find_map(|option| wrong_value(node, option, path, in_list))
        }
        (FieldType::Table(table), _) if is_scalar => Some(table_form(table, path, in_list)),
        _ => None,
    }
}

const UUID: &str =
    "`uuidgen` makes a UUID, and `hookgate init PROVIDER` writes a listener with one";

fn word(given: &str, words: &[&str]) -> Option<String> {
    let near = did_you_mean(given, words.iter().copied());
    let listed = (words.len() > MAX_LISTED).then(|| format!("there are {}", quoted_list(words)));
    match (near, listed) {
        (Some(near), Some(listed)) => Some(format!("{near} {listed}")),
        (near, listed) => near.or(listed),
    }
}

/// Returns the form of a table: in one line if it has one key of several, otherwise with a header.
fn table_form(table: &Table, path: &[&str], in_list: bool) -> String {
    let key = path.last().copied().unwrap_or("");
    let forms = table.one_of.iter().filter_map(|name| table.field(name));
    let forms = forms.filter(|field| matches!(field.takes, FieldType::Text));
    let forms: Vec<String> = forms
        .map(|field| format!("{key} = {{ {} = {} }}", field.name, example(&field.takes)))
        .collect();
    if !forms.is_empty() {
        let forms: Vec<&str> = forms.iter().map(String::as_str).collect();
        return format!("write {}", quoted_list(&forms));
    }
    let keys: Vec<&str> = table.fields.iter().map(|field| field.name).collect();
    let path = path.join(".");
    let header = if in_list { format!("[[{path}]]") } else { format!("[{path}]") };
    format!("write `{header}`, and below it {}", quoted_list(&keys))
}

/// Returns the help for a missing key: its form and its meaning.
pub(super) fn missing(field: &Field) -> String {
    let form = match field.takes {
        FieldType::Table(_) => format!("`[{}]`", field.name),
        FieldType::List(FieldType::Table(_)) => format!("`[[{}]]`", field.name),
        takes => format!("`{} = {}`", field.name, example(&takes)),
    };
    let form = match field.takes {
        FieldType::Word(words) if words.len() <= MAX_LISTED => {
            format!("{form}, one of {}", quoted_list(words))
        }
        FieldType::Uuid => format!("{form}, as `uuidgen` makes it"),
        _ => form,
    };
    let meaning = field.doc.trim_end_matches('.');
    let begun = ["The ", "A ", "An "].iter().any(|article| meaning.starts_with(article));
    let mut letters = meaning.chars();
    let first = letters.next().filter(|_| begun).map(|first| first.to_ascii_lowercase());
    match first {
        Some(first) => format!("write {form}: {first}{}", letters.as_str()),
        None => format!("write {form}: {meaning}"),
    }
}

/// Returns a value of a type, as a file would write it.
fn example(takes: &FieldType) -> String {
    match takes {
        FieldType::Word([only]) => format!("\"{only}\""),
        FieldType::Duration => "\"10m\"".to_owned(),
        FieldType::Bool => "true".to_owned(),
        FieldType::Count(least, _) => least.to_string(),
        FieldType::Number => "1".to_owned(),
        FieldType::Expression => "'…'".to_owned(),
        FieldType::List(item) => format!("[{}]", example(item)),
        FieldType::OneOf([first, ..]) => example(first),
        FieldType::Table(_) | FieldType::Map(_) | FieldType::Mapper => "{ … }".to_owned(),
        _ => "\"…\"".to_owned(),
    }
}
