//! The house: which module may name which, held to the table in `docs/architecture.md`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each module, bottom up, and what it may name besides itself.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("source", &[]),
    ("diagnostic", &["source"]),
    ("value", &[]),
    ("builtins", &["value"]),
    ("syntax", &["source", "diagnostic", "value"]),
    ("program", &["value", "builtins", "source"]),
    ("check", &["syntax", "builtins", "value", "diagnostic", "source", "program"]),
    ("compile", &["check", "syntax", "program", "builtins", "value", "source"]),
    ("vm", &["program", "builtins", "value", "source", "diagnostic"]),
    ("reference", &["check", "syntax", "program", "vm", "builtins", "value", "source"]),
    ("format", &["syntax", "source", "value"]),
    (
        "explain",
        &[
            "check",
            "compile",
            "program",
            "syntax",
            "vm",
            "builtins",
            "value",
            "source",
            "diagnostic",
        ],
    ),
    ("mapper", &["syntax", "builtins", "value", "diagnostic", "source"]),
    (
        "engine",
        &[
            "check",
            "compile",
            "program",
            "syntax",
            "vm",
            "mapper",
            "builtins",
            "value",
            "source",
            "diagnostic",
        ],
    ),
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules of the crate that a file names outside of comments and tests.
fn named(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or("");
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut found = BTreeSet::new();
    for line in lines {
        for part in line.split("crate::").skip(1) {
            let name: String =
                part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.insert(name);
        }
    }
    found
}

fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix("src").unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn modules_name_only_what_is_below_them() {
    let mut all = Vec::new();
    files(Path::new("src"), &mut all);
    let mut wrong = Vec::new();
    for path in all {
        let module = module_of(&path);
        let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == module) else {
            assert!(
                ["lib", "main", "cli"].contains(&module.as_str()),
                "{module} is not in the table"
            );
            continue;
        };
        for name in named(&std::fs::read_to_string(&path).unwrap()) {
            if name != module && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{} names {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let mut all = Vec::new();
    files(Path::new("src"), &mut all);
    for path in all {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} begins without a word", path.display());
        assert!(text.lines().count() <= 900, "{} has grown too long", path.display());
    }
}

#[test]
fn objects_keep_the_order_that_serde_json_gives_them() {
    // `preserve_order` anywhere among the dependencies would slow every read down.
    let object: serde_json::Value = serde_json::from_str(r#"{"b": 1, "a": 2}"#).unwrap();
    assert_eq!(object.to_string(), r#"{"a":2,"b":1}"#);
}
