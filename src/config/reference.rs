//! The reference page of configuration files, made from the rows: a section a table, a row a key.

use std::fmt::Write;

use super::{Field, Table, Takes, quoted_list};

/// The sections of tables, in Markdown.
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
    out.push_str("\n| key | value | what it is |\n|---|---|---|\n");
    for field in table.fields {
        let _ = writeln!(out, "{}", row(field).replace('\n', " "));
    }
}

fn row(field: &Field) -> String {
    let required = if field.required { ", required" } else { "" };
    let doc = field.doc.replace('|', "\\|");
    format!("| `{}` | {}{required} | {doc} |", field.name, words(&field.takes))
}

/// What may stand at a place, with links to the tables.
fn words(takes: &Takes) -> String {
    match takes {
        Takes::List(item) => format!("a list, each {}", words(item)),
        Takes::Map(each) => format!("a table, each {}", words(each)),
        Takes::Table(table) => format!("[{}](#{})", table.name, table.anchor()),
        Takes::OneOf(options) => options.iter().map(words).collect::<Vec<_>>().join(", or "),
        other => other.phrase(),
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
