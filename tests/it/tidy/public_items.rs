//! The public items: the names that a program can use from the crate root, without the features
//! `internals` and `cli`. Fields, variants and methods are not items.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Returns the public items, as paths from the crate root.
pub(super) fn public_items() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let root = std::fs::read_to_string("src/lib.rs").unwrap();
    for (attributes, name) in modules(&root) {
        let is_hidden = ["internals", "\"cli\"", "\"reference\"", "doctest"];
        if !is_hidden.iter().any(|word| attributes.contains(word)) {
            module(&name, &file_of(Path::new("src"), &name), &mut found);
        }
    }
    found
}

/// Returns the public modules that a file declares, with their attributes.
fn modules(text: &str) -> Vec<(String, String)> {
    let mut attributes = String::new();
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')) {
            found.push((std::mem::take(&mut attributes), name.to_owned()));
        } else if line.starts_with("mod ") || line.is_empty() {
            attributes.clear();
        } else {
            attributes.push_str(line);
        }
    }
    found
}

fn file_of(folder: &Path, name: &str) -> PathBuf {
    let file = folder.join(format!("{name}.rs"));
    if file.exists() { file } else { folder.join(name).join("mod.rs") }
}

fn module(path: &str, file: &Path, found: &mut BTreeSet<String>) {
    found.insert(path.to_owned());
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    for (_, name) in modules(text) {
        let folder = match file.file_name().is_some_and(|name| name == "mod.rs") {
            true => file.parent().unwrap().to_owned(),
            false => file.with_extension(""),
        };
        module(&format!("{path}::{name}"), &file_of(&folder, &name), found);
    }
    for name in re_exported(text).into_iter().chain(defined(text)) {
        found.insert(format!("{path}::{name}"));
    }
}

/// Returns the names of `pub use`.
fn re_exported(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for statement in text.split("\npub use ").skip(1) {
        let statement = statement.split(';').next().unwrap();
        let list = statement.split_once('{').map_or(statement, |(_, list)| list);
        for name in list.trim_end_matches('}').split(',').map(str::trim) {
            let last = name.rsplit("::").next().unwrap();
            names.push(last.rsplit(" as ").next().unwrap().trim().to_owned());
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Returns the names of the items that a file defines at its top level.
fn defined(text: &str) -> Vec<String> {
    let kinds = ["fn ", "async fn ", "struct ", "enum ", "trait ", "const ", "static ", "type "];
    let mut names = Vec::new();
    for line in text.lines() {
        let Some(item) = line.strip_prefix("pub ") else {
            continue;
        };
        let item = item.strip_prefix("const fn ").unwrap_or(item);
        let named = kinds.iter().find_map(|kind| item.strip_prefix(kind)).unwrap_or(item);
        let end = named.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(named.len());
        if !["use", "mod"].contains(&&named[..end]) {
            names.push(named[..end].to_owned());
        }
    }
    names
}
