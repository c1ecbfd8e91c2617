//! Generated pages.

use std::collections::BTreeSet;

use hookgate::diagnostic::all_codes;

use super::{hookgate, read, root, updating};

#[test]
fn the_function_reference_is_up_to_date() {
    generated("docs/functions.md", &["functions", "--markdown"]);
}

#[test]
fn the_pages_of_diagnostic_codes_are_up_to_date() {
    generated("docs/errors.md", &["explain-code", "--markdown"]);
    for row in all_codes() {
        let code = row.code.name();
        generated(&format!("docs/errors/{code}.md"), &["explain-code", code, "--markdown"]);
    }
}

#[test]
fn the_configuration_reference_and_schemas_are_up_to_date() {
    generated("docs/configuration.md", &["schema", "--markdown"]);
    for kind in ["gateway", "listener", "recipe", "test"] {
        generated(&format!("docs/schemas/{kind}.json"), &["schema", kind]);
    }
}

#[test]
fn the_provider_page_is_up_to_date() {
    generated("docs/providers.md", &["init", "--markdown"]);
}

#[test]
fn every_diagnostic_page_belongs_to_a_code() {
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
