//! The house: which module may name which, as the table in `docs/architecture.md` has it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each module and what it may name besides itself, as the table says.
fn table() -> Vec<(String, Vec<String>)> {
    let page = std::fs::read_to_string("docs/architecture.md").unwrap();
    let rows = page.lines().skip_while(|line| !line.starts_with("| module |")).skip(2);
    let words =
        |cell: &str| cell.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect::<Vec<_>>();
    rows.take_while(|line| line.starts_with('|'))
        .map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            (words(cells[1]).remove(0), words(cells[3]))
        })
        .collect()
}

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
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
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
    let table = table();
    assert!(table.len() > 12);
    let mut all = Vec::new();
    files(Path::new("src"), &mut all);
    let mut wrong = Vec::new();
    for path in all {
        let module = module_of(&path);
        if ["lib", "main", "cli"].contains(&module.as_str()) {
            continue;
        }
        let row = table.iter().find(|(name, _)| *name == module);
        let (_, allowed) = row.unwrap_or_else(|| panic!("{module} is not in the table"));
        for name in named(&std::fs::read_to_string(&path).unwrap()) {
            if name != module && !allowed.contains(&name) {
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

#[test]
fn the_tests_that_the_threat_model_names_are_there() {
    let page = std::fs::read_to_string("SECURITY.md").unwrap();
    let mut all = Vec::new();
    files(Path::new("src"), &mut all);
    files(Path::new("tests"), &mut all);
    let code: Vec<String> = all.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let is_there = |name: &str| {
        let test = format!("fn {name}(");
        code.iter().any(|text| text.contains(&test))
    };
    // A test is named as a sentence; settings have a dot in front of their last word.
    let quoted = page.split('`').skip(1).step_by(2);
    let is_sentence = |name: &&str| name.matches('_').count() >= 3 && !name.contains('.');
    let named: BTreeSet<&str> = quoted.filter(is_sentence).collect();
    assert!(named.len() > 60, "{}", named.len());
    let missing: Vec<&str> = named.into_iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// A version as numbers, without what follows `-` or `+`.
fn version(text: &str) -> Vec<u64> {
    let numbers = text.split(['-', '+']).next().unwrap();
    numbers.split('.').map(|number| number.parse().unwrap()).collect()
}

#[test]
fn locked_crates_have_the_versions_that_advisories_ask_for() {
    let page = std::fs::read_to_string("docs/testing.md").unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with("Dependencies")).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let lock: toml::Table = std::fs::read_to_string("Cargo.lock").unwrap().parse().unwrap();
    let locked = |name: &str| -> Vec<&str> {
        let packages = lock["package"].as_array().unwrap().iter();
        let named = packages.filter(|package| package["name"].as_str() == Some(name));
        named.map(|package| package["version"].as_str().unwrap()).collect()
    };
    let mut checked = 0;
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let (name, least) = (cells[1], cells[2]);
        let versions = locked(name);
        assert!(!versions.is_empty(), "Cargo.lock has no {name}");
        for found in versions {
            assert!(version(found) >= version(least), "{name} {found} is older than {least}");
            checked += 1;
        }
    }
    assert!(checked >= 8, "{checked}");
}
