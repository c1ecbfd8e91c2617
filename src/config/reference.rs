//! The reference page of configuration files, generated from the schema: a section for each table,
//! a row for each key. Knows no configuration file.

use std::fmt::Write;

use super::{Field, FieldType, KeyDefault, Table, quoted_list};

/// Renders the sections of the tables in Markdown.
pub fn sections(tables: &[&'static Table]) -> String {
    tables.iter().fold(String::new(), |mut out, table| {
        section(table, &mut out);
        out
    })
}

fn section(table: &Table, out: &mut String) {
    let _ = writeln!(out, "\n## {}\n\n{}", capitalised(table.name), table.doc);
    if !table.one_of.is_empty() {
        let _ = writeln!(out, "It has exactly one of {}.", quoted_list(table.one_of));
    }
    out.push_str("\n| key | value | default | meaning |\n|---|---|---|---|\n");
    for field in table.fields {
        let _ = writeln!(out, "{}", row(field).replace('\n', " "));
    }
}

fn row(field: &Field) -> String {
    let required = if field.required { ", required" } else { "" };
    let doc = field.doc.replace('|', "\\|");
    let default = match field.default {
        KeyDefault::None => String::new(),
        KeyDefault::Value(value) => quoted(value),
        KeyDefault::List(items) => {
            items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", ")
        }
        KeyDefault::Derived(words) => words.to_owned(),
    };
    format!("| `{}` | {}{required} | {default} | {doc} |", field.name, words(&field.takes))
}

fn quoted(value: &str) -> String {
    format!("`{}`", value.replace('|', "\\|"))
}

/// Describes the values that a field accepts, with links to the sections of tables.
fn words(takes: &FieldType) -> String {
    match takes {
        FieldType::List(item) => format!("a list, each {}", words(item)),
        FieldType::Map(each) => format!("a table, each {}", words(each)),
        FieldType::Table(table) => format!("[{}](#{})", table.name, table.anchor()),
        FieldType::OneOf(options) => options.iter().map(words).collect::<Vec<_>>().join(", or "),
        other => other.phrase(),
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
