//! The pages that the program writes.

use std::collections::BTreeSet;

use hookgate::diagnostic::all_codes;

use super::{hookgate, read, root, updating};

#[test]
fn the_reference_of_functions_is_what_the_program_writes() {
    generated("docs/functions.md", &["functions", "--markdown"]);
}

#[test]
fn the_pages_of_codes_are_what_the_program_writes() {
    generated("docs/errors.md", &["explain-code", "--markdown"]);
    for row in all_codes() {
        let code = row.code.name();
        generated(&format!("docs/errors/{code}.md"), &["explain-code", code, "--markdown"]);
    }
}

#[test]
fn the_reference_and_the_schemas_of_configurations_are_what_the_program_writes() {
    generated("docs/configuration.md", &["schema", "--markdown"]);
    for kind in ["gateway", "listener", "recipe", "test"] {
        generated(&format!("docs/schemas/{kind}.json"), &["schema", kind]);
    }
}

#[test]
fn the_page_of_providers_is_what_the_program_writes() {
    generated("docs/providers.md", &["init", "--markdown"]);
}

#[test]
fn no_code_has_a_page_that_nothing_writes() {
    let written: BTreeSet<String> =
        all_codes().map(|row| format!("{}.md", row.code.name())).collect();
    for entry in std::fs::read_dir(root().join("docs/errors")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(written.contains(&name), "docs/errors/{name} belongs to no code");
    }
}

fn generated(page: &str, arguments: &[&str]) {
    let output = hookgate(arguments);
    assert!(output.status.success(), "{arguments:?}");
    let wanted = String::from_utf8(output.stdout).unwrap();
    let path = root().join(page);
    if updating() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &wanted).unwrap();
    }
    assert!(
        read(&path) == wanted,
        "{page} is not what `hookgate {}` writes; UPDATE_EXPECT=1 rewrites it",
        arguments.join(" ")
    );
}
