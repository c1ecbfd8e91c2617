//! The names of types. A name that two modules define is listed with its reason, so that a reader
//! who searches for a type finds one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const LIST: &str = "tests/cases/type_names.txt";

/// Returns the name of the type that a line at the top level defines.
fn type_of(line: &str) -> Option<&str> {
    let public = line.strip_prefix("pub");
    let item = match public.and_then(|rest| rest.strip_prefix('(')) {
        Some(scope) => scope.split_once(") ")?.1,
        None => public.map_or(line, str::trim_start),
    };
    let kinds = ["struct ", "enum ", "trait ", "type "];
    let name = kinds.iter().find_map(|kind| item.strip_prefix(kind))?;
    name.split(|c: char| !c.is_alphanumeric()).next()
}

/// Returns the names of the types that a source defines at its top level.
fn types(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(type_of).collect()
}

/// Returns the modules that define each name: `deliver::client` for `src/deliver/client.rs`.
fn modules() -> BTreeMap<String, Vec<String>> {
    let mut files: Vec<PathBuf> = Vec::new();
    super::files(Path::new("src"), &mut files);
    files.sort();
    let mut modules: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files {
        let path = file.strip_prefix("src").unwrap().with_extension("");
        let parts: Vec<&str> = path.iter().map(|part| part.to_str().unwrap()).collect();
        let module = parts.join("::");
        let module = module.strip_suffix("::mod").unwrap_or(&module);
        for name in types(&std::fs::read_to_string(&file).unwrap()) {
            modules.entry(name.to_owned()).or_default().push(module.to_owned());
        }
    }
    modules
}

/// A row of the list is `Name: module, module: reason`. `UPDATE_EXPECT=1` writes the modules of the
/// names that have a reason.
#[test]
fn type_names_that_two_modules_define_are_listed_with_a_reason() {
    let mut modules = modules();
    assert!(modules.len() > 600, "{}", modules.len());
    modules.retain(|_, of_name| of_name.len() > 1);
    let list = std::fs::read_to_string(LIST).unwrap();
    let (head, rows) = list.split_once('\n').unwrap();
    let mut reasons: BTreeMap<&str, &str> = BTreeMap::new();
    for row in rows.lines() {
        let (name, rest) = row.split_once(": ").expect(row);
        let (_, reason) = rest.split_once(": ").expect(row);
        assert!(reason.len() > 10, "{LIST}: `{name}` needs a reason");
        reasons.insert(name, reason);
    }
    let mut expected = format!("{head}\n");
    for (name, of_name) in &modules {
        let reason = reasons.get(name.as_str());
        let reason = reason.unwrap_or_else(|| panic!("{LIST} lacks `{name}`: {of_name:?}"));
        expected.push_str(&format!("{name}: {}: {reason}\n", of_name.join(", ")));
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(LIST, &expected).unwrap();
    }
    let list = std::fs::read_to_string(LIST).unwrap();
    for (row, expected) in list.lines().zip(expected.lines()) {
        assert_eq!(
            row, expected,
            "{LIST}: the modules of the name have changed: is there a reason for each?"
        );
    }
    assert_eq!(
        list.lines().count(),
        expected.lines().count(),
        "{LIST} has a name that is defined once"
    );
}

#[test]
fn types_of_a_source_are_found() {
    let source = "pub struct A<T>;\npub(in crate::a) enum B {}\ntrait C {}\ntype D = u8;\n    type E = u8;\n";
    assert_eq!(types(source), ["A", "B", "C", "D"].into());
}
