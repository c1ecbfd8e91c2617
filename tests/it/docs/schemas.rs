//! The JSON Schemas for editors accept and reject the same files as the configuration reader.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hookgate::config::{Table, schema};
use hookgate::diagnostic::{Code, Setting, all_codes};
use hookgate::gateway::{GATEWAY, TEST_FILE};
use hookgate::listener::{LISTENER, RECIPE};
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::{read, root, shown};

/// Returns a TOML file as JSON.
fn json(text: &str) -> Value {
    let table = DeTable::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    table_json(table.get_ref())
}

fn table_json(table: &DeTable<'_>) -> Value {
    let entries =
        table.iter().map(|(key, value)| (key.get_ref().to_string(), value_json(value.get_ref())));
    Value::Object(entries.collect())
}

fn value_json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => text.to_string().into(),
        DeValue::Integer(digits) => {
            i64::from_str_radix(digits.as_str(), digits.radix()).unwrap().into()
        }
        DeValue::Float(digits) => digits.as_str().parse::<f64>().unwrap().into(),
        DeValue::Boolean(value) => (*value).into(),
        DeValue::Datetime(date) => date.to_string().into(),
        DeValue::Array(items) => items.iter().map(|item| value_json(item.get_ref())).collect(),
        DeValue::Table(table) => table_json(table),
    }
}

fn validator(table: &'static Table) -> jsonschema::Validator {
    let schema = schema::of(table);
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap()
}

fn faults(table: &'static Table, file: &Value) -> Vec<String> {
    let validator = validator(table);
    validator.iter_errors(file).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Returns the TOML files in a directory and below.
fn files(folder: PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(path));
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    found
}

/// Returns the kind of an example file, by its path.
fn kind(path: &Path) -> &'static Table {
    let name = path.file_name().unwrap().to_str().unwrap();
    let folder = path.parent().unwrap().file_name().unwrap();
    match name {
        "hookgate.toml" => &GATEWAY,
        test if test.ends_with(".test.toml") => &TEST_FILE,
        _ if folder == "listeners" => &LISTENER,
        _ => panic!("{}: unknown kind of file", shown(path)),
    }
}

#[test]
fn every_recipe_and_example_file_is_valid_against_its_json_schema() {
    let recipes = files(root().join("src/listener/recipes"));
    let examples = files(root().join("examples"));
    assert!(recipes.len() >= 37, "{}", recipes.len());
    assert!(examples.len() >= 20, "{}", examples.len());
    let recipes = recipes.into_iter().map(|path| (path, &RECIPE));
    let examples = examples.into_iter().map(|path| {
        let kind = kind(&path);
        (path, kind)
    });
    for (path, table) in recipes.chain(examples) {
        let faults = faults(table, &json(&read(&path)));
        assert!(faults.is_empty(), "{}: {}", shown(&path), faults.join("\n"));
    }
}

#[test]
fn the_listener_json_schema_rejects_structural_errors_only() {
    const SHAPE: &[Code] = &[Code::E0601, Code::E0602, Code::E0603, Code::E0604];
    let rows = all_codes().filter(|row| row.setting == Setting::Listener);
    let mut tried = 0;
    for row in rows.filter(|row| row.code != Code::E0600) {
        let faults = self::faults(&LISTENER, &json(row.example));
        assert_eq!(!faults.is_empty(), SHAPE.contains(&row.code), "{}: {faults:?}", row.code);
        let faults = self::faults(&LISTENER, &json(row.fixed.unwrap()));
        assert!(faults.is_empty(), "{}: {faults:?}", row.code);
        tried += 1;
    }
    assert!(tried > 8, "{tried}");
}

const HEAD: &str = "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"a\"\ntenant = \"b\"\n";

#[test]
fn the_json_schema_and_the_configuration_reader_agree_on_every_type() {
    let check = |inside: &str| format!("{HEAD}[[verify]]\nname = \"a\"\n{inside}");
    let secret = |inside: &str| format!("{HEAD}[secrets]\nA = {inside}");
    for (file, valid) in [
        (HEAD.to_owned(), true),
        (HEAD.replace("5b1f1f0c-", "5B1F1F0C-"), true),
        (HEAD.replace("5b1f1f0c-", ""), false),
        (HEAD.replace("5b1f1f0c-", "xb1f1f0c-"), false),
        (format!("{HEAD}capture = 1"), false),
        (format!("{HEAD}methods = [\"POST\", \"GET\"]"), true),
        (format!("{HEAD}methods = [\"TRACE\"]"), false),
        (format!("{HEAD}[vars]\na = 1\nb = [\"c\"]"), true),
        (format!("{HEAD}[rate_limit]\nrequests = 1"), true),
        (format!("{HEAD}[rate_limit]\nrequests = 0"), false),
        (format!("{HEAD}[rate_limit]\nrequests = 1_000_001"), false),
        (format!("{HEAD}[rate_limit]\nrequests = 1.5"), false),
        (format!("{HEAD}[rate_limit]\nrequests = 1\nper = \"10m\""), true),
        (format!("{HEAD}[rate_limit]\nrequests = 1\nper = 10"), true),
        (format!("{HEAD}[rate_limit]\nrequests = 1\nper = \"10 m\""), false),
        (format!("{HEAD}[rate_limit]\nrequests = 1\nper = -1"), false),
        (format!("{HEAD}[response]\nstatus = \"200 OK\""), true),
        (format!("{HEAD}[response]\nstatus = 99"), false),
        (format!("{HEAD}[response.headers]\na = \"b\"\nc = {{ expr = \"1\" }}"), true),
        (format!("{HEAD}[response.headers]\na = {{ exp = \"1\" }}"), false),
        (format!("{HEAD}[event.data]\na = \"1\""), true),
        (format!("{HEAD}[event]\ndata = [\"1\"]"), false),
        (check("rule = \"TRUE\""), true),
        (check(""), false),
        (check("rule = \"TRUE\"\naddresses = [\"::1\"]"), false),
        (check("rule = \"TRUE\"\nenforce = false"), true),
        (secret("{ env = \"A\" }"), true),
        (secret("[{ env = \"A\" }, { file = \"a\", encoding = \"hex\" }]"), true),
        (secret("{ env = \"A\", file = \"a\" }"), false),
        (secret("{ env = \"A\", encoding = \"rot13\" }"), false),
        (secret("\"A\""), false),
    ] {
        let faults = self::faults(&LISTENER, &json(&file));
        assert_eq!(faults.is_empty(), valid, "rejected by the schema: {file}\n{faults:?}");
        let loaded =
            hookgate::listener::load("a.toml", &file, &hookgate::listener::ConfigSource::empty());
        let report = loaded.diagnostics.iter().flat_map(|all| &all.list).map(|one| one.code);
        let shape = [Code::E0600, Code::E0601, Code::E0602, Code::E0603, Code::E0604];
        let refused = report.filter(|code| shape.contains(code)).count() > 0;
        assert_eq!(!refused, valid, "rejected by the reader: {file}");
    }
}

#[test]
fn configuration_tables_have_unique_names() {
    for root in [&LISTENER, &RECIPE, &GATEWAY, &TEST_FILE] {
        let all = root.all();
        let names: BTreeSet<String> = all.iter().map(|table| table.anchor()).collect();
        assert_eq!(names.len(), all.len());
    }
}
