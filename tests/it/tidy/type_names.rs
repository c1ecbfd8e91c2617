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

#[test]
fn type_names_that_two_modules_define_are_listed_with_a_reason() {
    let mut files: Vec<PathBuf> = Vec::new();
    super::files(Path::new("src"), &mut files);
    let mut modules: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files {
        for name in types(&std::fs::read_to_string(&file).unwrap()) {
            modules.entry(name.to_owned()).or_default().push(file.display().to_string());
        }
    }
    assert!(modules.len() > 600, "{}", modules.len());
    modules.retain(|_, files| files.len() > 1);
    let list = std::fs::read_to_string(LIST).unwrap();
    let rows = list.lines().filter(|line| !line.starts_with('#'));
    let listed: BTreeMap<&str, &str> =
        rows.map(|row| row.split_once(": ").expect("`Name: reason`")).collect();
    for (name, files) in &modules {
        assert!(listed.contains_key(name.as_str()), "{LIST} lacks `{name}`: {files:?}");
    }
    for (name, reason) in listed {
        assert!(modules.contains_key(name), "{LIST}: `{name}` is defined once");
        assert!(reason.len() > 10, "{LIST}: `{name}` needs a reason");
    }
}

#[test]
fn types_of_a_source_are_found() {
    let source = "pub struct A<T>;\npub(in crate::a) enum B {}\ntrait C {}\ntype D = u8;\n    type E = u8;\n";
    assert_eq!(types(source), ["A", "B", "C", "D"].into());
}
