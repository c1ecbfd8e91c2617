//! The table of resources in `SECURITY.md`: each resource, its consumers, and their bounds.
//!
//! The section `## Resources` has a part for each resource, `### Memory` and so on, with a table of
//! four columns: consumer, bound, where it is set, tests. A cell of the matrix is a row. Where a
//! consumer cannot consume a resource, its bound is `none: ` and the reason.

use std::collections::BTreeSet;
use std::path::Path;

const RESOURCES: [&str; 9] = [
    "memory",
    "files",
    "CPU time",
    "disk",
    "connections",
    "streams",
    "permits",
    "look-ups",
    "rows",
];

const CONSUMERS: [&str; 6] =
    ["stranger", "failing sender", "sender", "author", "subscriber", "receiver"];

/// A row of the table of a resource.
struct Row {
    consumer: String,
    bound: String,
    set_by: String,
    tests: String,
}

/// Returns the parts of the section, with their names in lower case.
fn parts(page: &str) -> Vec<(String, Vec<Row>)> {
    let section = page.split("\n## ").find(|section| section.starts_with("Resources\n"));
    let section = section.expect("SECURITY.md has no section `## Resources`");
    section
        .split("\n### ")
        .skip(1)
        .map(|part| {
            let (name, text) = part.split_once('\n').unwrap_or((part, ""));
            let rows = text.lines().filter(|line| line.starts_with('|')).skip(2);
            (name.trim().to_lowercase(), rows.map(row).collect())
        })
        .collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<String> =
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let [consumer, bound, set_by, tests] = <[String; 4]>::try_from(cells)
        .unwrap_or_else(|_| panic!("a row of the table of resources has four cells: {line}"));
    Row { consumer, bound, set_by, tests }
}

/// Returns the defects of a row, apart from its consumer.
fn faults(row: &Row, tests: &BTreeSet<String>) -> Vec<String> {
    if let Some(reason) = row.bound.strip_prefix("none:") {
        let words = reason.split_whitespace().count();
        return if words < 3 { vec!["`none:` without a reason".to_owned()] } else { Vec::new() };
    }
    let mut faults = Vec::new();
    for (what, cell) in [("bound", &row.bound), ("place where it is set", &row.set_by)] {
        if cell.chars().filter(|letter| letter.is_alphanumeric()).count() == 0 {
            faults.push(format!("no {what}"));
        }
    }
    let named: Vec<&str> = row.tests.split('`').skip(1).step_by(2).collect();
    if named.is_empty() {
        faults.push("no test".to_owned());
    }
    for name in named.into_iter().filter(|name| !tests.contains(*name)) {
        faults.push(format!("the test `{name}` does not exist"));
    }
    faults
}

/// Collects the names of all tests in a directory.
fn tests_of(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_of(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                let function = line.trim_start_matches("async ").strip_prefix("fn ");
                if let Some(function) = function.filter(|_| is_test) {
                    found.extend(function.split('(').next().map(ToOwned::to_owned));
                    is_test = false;
                }
            }
        }
    }
}

#[test]
fn the_resource_table_is_complete_and_names_existing_tests() {
    let page = std::fs::read_to_string("SECURITY.md").unwrap();
    let mut tests = BTreeSet::new();
    tests_of(Path::new("src"), &mut tests);
    tests_of(Path::new("tests"), &mut tests);
    let parts = parts(&page);
    let mut wrong = Vec::new();
    for resource in RESOURCES {
        let Some((_, rows)) = parts.iter().find(|(name, _)| *name == resource.to_lowercase())
        else {
            wrong.push(format!("{resource}: there is no part `### {resource}`"));
            continue;
        };
        for consumer in CONSUMERS {
            let of_consumer: Vec<&Row> =
                rows.iter().filter(|row| row.consumer.to_lowercase() == consumer).collect();
            if of_consumer.is_empty() {
                wrong.push(format!("{resource}, {consumer}: there is no row"));
            }
            let report = of_consumer.into_iter().flat_map(|row| faults(row, &tests));
            wrong.extend(report.map(|fault| format!("{resource}, {consumer}: {fault}")));
        }
        for row in rows.iter().filter(|row| !CONSUMERS.contains(&&*row.consumer.to_lowercase())) {
            wrong.push(format!("{resource}: `{}` is no consumer", row.consumer));
        }
    }
    for (name, _) in &parts {
        if !RESOURCES.iter().any(|resource| resource.to_lowercase() == *name) {
            wrong.push(format!("`### {name}` is no resource"));
        }
    }
    assert!(wrong.is_empty(), "{:#?}", wrong);
}

#[test]
fn a_resource_row_without_bound_setting_or_test_is_reported() {
    let tests = BTreeSet::from(["a_flood_is_refused".to_owned()]);
    let faults = |line: &str| faults(&row(line), &tests);
    assert!(faults("| stranger | 64 MiB | `limits.memory` | `a_flood_is_refused` |").is_empty());
    assert!(faults("| author | none: authors open no connections | – | – |").is_empty());
    assert_eq!(faults("| author | none: | – | – |"), ["`none:` without a reason"]);
    assert_eq!(faults("| sender | – | `x` | `a_flood_is_refused` |"), ["no bound"]);
    assert_eq!(
        faults("| sender | 1 | – | `a_flood_is_taken` |"),
        ["no place where it is set", "the test `a_flood_is_taken` does not exist"]
    );
    assert_eq!(faults("| sender | 1 | `x` | later |"), ["no test"]);
}
