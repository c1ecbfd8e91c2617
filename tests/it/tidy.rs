//! The structure of the repository: the modules that each module may use, as in the table in
//! `docs/architecture.md`.

mod imports;
mod prose;
mod public_items;
mod type_names;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Returns each module with the modules that it may use besides itself, from the table.
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

/// Returns the modules of the crate that a file names outside comments and tests.
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
fn modules_import_only_lower_modules() {
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
fn files_have_no_import_cycles() {
    let uses = imports::uses();
    assert!(uses.len() > 250, "{} files", uses.len());
    // Operators of mappers are rows with functions that lower them, and may contain each other.
    let inherent = |file: &PathBuf| file.starts_with("src/mapper");
    let cycles: Vec<_> = imports::cycles(&uses)
        .into_iter()
        .filter(|cycle| !cycle.iter().all(inherent))
        .map(|cycle| {
            let edges = cycle.iter().flat_map(|file| {
                let within = uses[file].iter().filter(|(other, _)| cycle.contains(*other));
                within.map(move |(other, names)| format!("{file:?} uses {names:?} of {other:?}"))
            });
            edges.collect::<Vec<_>>().join("\n")
        })
        .collect();
    assert!(cycles.is_empty(), "{}", cycles.join("\n\n"));
}

/// The public items. A new one is a decision: write the reason into the commit.
const PUBLIC_ITEMS: &str = "tests/cases/public_items.txt";

#[test]
fn public_items_are_few_and_listed() {
    let items = public_items::public_items();
    let lines: String = items.iter().map(|item| format!("{item}\n")).collect();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(PUBLIC_ITEMS, &lines).unwrap();
    }
    let listed = std::fs::read_to_string(PUBLIC_ITEMS).unwrap();
    assert_eq!(lines, listed, "{PUBLIC_ITEMS} differs; UPDATE_EXPECT=1 rewrites it");
    assert!((100..250).contains(&items.len()), "{} public items", items.len());
}

#[test]
fn every_source_file_has_a_module_comment() {
    let mut all = Vec::new();
    files(Path::new("src"), &mut all);
    for path in all {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} has no module comment", path.display());
        assert!(text.lines().count() <= 900, "{} is too long", path.display());
    }
}

#[test]
fn serde_json_sorts_object_keys() {
    // The feature `preserve_order` in any dependency would slow down every read.
    let object: serde_json::Value = serde_json::from_str(r#"{"b": 1, "a": 2}"#).unwrap();
    assert_eq!(object.to_string(), r#"{"a":2,"b":1}"#);
}

#[test]
fn the_tests_named_in_the_threat_model_exist() {
    let page = std::fs::read_to_string("SECURITY.md").unwrap();
    let mut all = Vec::new();
    files(Path::new("src"), &mut all);
    files(Path::new("tests"), &mut all);
    let code: Vec<String> = all.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let is_there = |name: &str| {
        let test = format!("fn {name}(");
        code.iter().any(|text| text.contains(&test))
    };
    // A test is named as a sentence; settings have a dot before their last word.
    let quoted = page.split('`').skip(1).step_by(2);
    let is_sentence = |name: &&str| name.matches('_').count() >= 3 && !name.contains('.');
    let named: BTreeSet<&str> = quoted.filter(is_sentence).collect();
    assert!(named.len() > 60, "{}", named.len());
    let missing: Vec<&str> = named.into_iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Returns a version as numbers, without the part after `-` or `+`.
fn version(text: &str) -> Vec<u64> {
    let numbers = text.split(['-', '+']).next().unwrap();
    numbers.split('.').map(|number| number.parse().unwrap()).collect()
}

#[test]
fn locked_crates_have_the_versions_required_by_advisories() {
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

/// Terms that the documentation has to explain, each in at least one of its pages.
const TERMS: &[&str] = &[
    "backoff",
    "dead-letter queue",
    "group commit",
    "write-ahead log",
    "checkpoint",
    "queue",
    "worker",
    "fan-out",
    "token bucket",
    "backpressure",
    "SSRF",
    "latency",
    "throughput",
    "durable",
    "idempotent",
    "hot reload",
    "syntax tree",
    "short-circuit",
    "constant folding",
    "type inference",
    "taint",
    "sandbox",
    "mitigation",
    "replay protection",
    "clock skew",
    "deduplication index",
    "predicate tree",
    "encryption at rest",
    "memory budget",
];

#[test]
fn the_terms_of_the_field_occur_in_the_documentation() {
    let mut pages: Vec<String> = ["README.md", "SECURITY.md", "CONTRIBUTING.md"]
        .map(|page| std::fs::read_to_string(page).unwrap().to_lowercase())
        .to_vec();
    for entry in std::fs::read_dir("docs").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(std::fs::read_to_string(path).unwrap().to_lowercase());
        }
    }
    let is_there = |term: &&&str| pages.iter().any(|page| page.contains(&term.to_lowercase()));
    let missing: Vec<_> = TERMS.iter().filter(|term| !is_there(term)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_book_lists_every_page() {
    let summary = std::fs::read_to_string("docs/SUMMARY.md").unwrap();
    for folder in ["docs", "docs/how-to", "docs/errors"] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let page = path.strip_prefix("docs").unwrap().display().to_string();
            if page.ends_with(".md") && page != "SUMMARY.md" {
                assert!(summary.contains(&format!("({page})")), "docs/SUMMARY.md lacks {page}");
            }
        }
    }
}

#[test]
fn source_files_that_the_documentation_names_exist() {
    let mut pages = vec!["README.md".into(), "SECURITY.md".into(), "CONTRIBUTING.md".into()];
    for entry in std::fs::read_dir("docs").unwrap() {
        pages.push(entry.unwrap().path());
    }
    let mut missing = Vec::new();
    let mut found = 0;
    for page in pages.iter().filter(|page| page.extension().is_some_and(|one| one == "md")) {
        let text = std::fs::read_to_string(page).unwrap();
        for quoted in text.split('`').skip(1).step_by(2).filter(|quoted| quoted.ends_with(".rs")) {
            let is_path = quoted.contains('/') && !quoted.contains(['*', ' ', '{', '…', '<']);
            let roots = [
                "",
                "src/",
                "src/gateway/",
                "src/gateway/store/",
                "tests/it/",
                "tests/it/gateway/",
            ];
            if is_path {
                found += 1;
                if !roots.iter().any(|root| Path::new(&format!("{root}{quoted}")).exists()) {
                    missing.push(format!("{}: {quoted}", page.display()));
                }
            }
        }
    }
    assert!(found > 50, "{found}");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
