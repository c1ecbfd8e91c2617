//! The file of a listener over its recipe: the keys of the file come first, and every other key of
//! the recipe stays.

use hookgate::config::FieldType;
use hookgate::listener::{
    ConfigSource, LISTENER, Listener, Outcome, Recipe, Sample, find_recipe, load, recipe_names,
};
use toml::{Table, Value};

use super::HEAD;
use super::defaults::file;
use super::recipes::{complaints, run, seen};

/// Loads a file over a recipe, with the secrets and variables of a sample.
fn over(recipe: &Recipe, rest: &str, sample: &Sample) -> Listener {
    let text = format!("{HEAD}provider = \"{}\"\nallow = [\"W0606\"]\n{rest}", recipe.name);
    let outside = ConfigSource {
        secrets: sample.secrets.clone(),
        vars: sample.vars.clone(),
        ..ConfigSource::empty()
    };
    let loaded = load("a.toml", &text, &outside);
    assert!(!loaded.has_errors(), "{}\n{text}", complaints(&loaded));
    loaded.listener.unwrap()
}

/// Returns everything of a listener, without the file and the line of each program.
fn shown(recipe: &Recipe, listener: &Listener) -> String {
    let own = format!("{listener:?}").replace(&format!("{}.toml:", recipe.name), "a.toml:");
    let mut parts = own.split("a.toml:");
    let first = parts.next().unwrap_or("").to_owned();
    parts.fold(first, |all, part| all + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn settings(recipe: &Recipe) -> Table {
    let text = std::fs::read_to_string(format!("src/listener/recipes/{}.toml", recipe.name));
    let read: Table = text.unwrap().parse().unwrap();
    // An alias may add nothing to the recipe under `like`.
    read.get("listener").and_then(Value::as_table).cloned().unwrap_or_default()
}

/// Returns a file for each key of each table that merges, with the value of the recipe.
fn single_keys(takes: FieldType, table: &Table, path: &[&str]) -> Vec<Table> {
    let mut files = Vec::new();
    for (key, value) in table {
        let field = takes.of_key(key);
        let path = [path, &[key.as_str()]].concat();
        match value {
            Value::Table(inner) if field.merges() => {
                files.extend(single_keys(field, inner, &path));
            }
            _ if path.len() > 1 => files.push(nested(&path, value.clone())),
            _ => {}
        }
    }
    files
}

fn nested(path: &[&str], value: Value) -> Table {
    let wrap = |value, key: &&str| Value::Table(Table::from_iter([((*key).to_owned(), value)]));
    match path.iter().rev().fold(value, wrap) {
        Value::Table(table) => table,
        _ => unreachable!("a path has a key"),
    }
}

#[test]
fn a_file_with_one_key_of_a_table_keeps_the_other_keys_of_every_recipe() {
    let mut tried = 0;
    for recipe in recipe_names().filter_map(find_recipe) {
        let sample = &recipe.samples[0];
        let whole = shown(recipe, &over(recipe, "", sample));
        for table in single_keys(FieldType::Table(&LISTENER), &settings(recipe), &[]) {
            // Redaction adds to that of the recipe, so its values would stand there twice.
            if table.contains_key("redact") {
                continue;
            }
            let text = file(&table);
            assert_eq!(
                shown(recipe, &over(recipe, &text, sample)),
                whole,
                "{}: {text}",
                recipe.name
            );
            tried += 1;
        }
    }
    assert!(tried > 200, "{tried}");
}

fn accepted(recipe: &Recipe) -> &Sample {
    recipe.samples.iter().find(|sample| sample.event_id.is_some()).unwrap()
}

#[test]
fn an_event_with_data_alone_keeps_the_type_and_the_id_of_the_recipe() {
    let recipe = find_recipe("github").unwrap();
    let sample = accepted(recipe);
    let listener = over(recipe, "[event]\ndata = 'parsed_body.action'\n", sample);
    let decision = run(&listener, sample);
    let event = decision.event.as_ref().unwrap();
    assert_eq!(event.kind.as_deref(), Some("issues"));
    assert_eq!(event.provider_id.as_deref(), sample.event_id.as_deref());
    let data = seen(sample, |request| decision.event_data(&listener, request));
    assert_eq!(data.unwrap(), "\"opened\"");
    let other = over(recipe, "[event]\ntype = 'parsed_body.action'\n", sample);
    assert_eq!(run(&other, sample).event.unwrap().kind.as_deref(), Some("opened"));
}

#[test]
fn a_deduplication_window_alone_keeps_the_keys_of_the_recipe() {
    let recipe = find_recipe("github").unwrap();
    let sample = accepted(recipe);
    let dedup = |rest: &str| run(&over(recipe, rest, sample), sample).dedup;
    let usual = dedup("");
    let short = dedup("[deduplicate]\nwindow = \"1m\"\n");
    assert_ne!(format!("{usual:?}"), format!("{short:?}"));
    let keys = |dedup: Option<hookgate::listener::DedupKeys>| dedup.unwrap().hashes;
    assert_eq!(keys(usual), keys(short));
    assert_ne!(keys(dedup("")), keys(dedup("[deduplicate]\nkeys = [\"action\"]\n")));
}

#[test]
fn a_response_header_of_the_file_joins_those_of_the_recipe() {
    let recipe = find_recipe("adyen").unwrap();
    let sample =
        recipe.samples.iter().find(|sample| sample.expect == Outcome::Accepted.name()).unwrap();
    let headers = |rest: &str| run(&over(recipe, rest, sample), sample).response.headers;
    let shown = |rest| format!("{:?}", headers(rest));
    assert_eq!(
        shown("[response.headers]\nX-Trace = \"1\"\n"),
        r#"[("Content-Type", "text/plain"), ("X-Trace", "1")]"#
    );
    assert_eq!(
        shown("[response.headers]\ncontent-type = \"text/csv\"\n"),
        r#"[("content-type", "text/csv")]"#
    );
}

#[test]
fn a_file_adds_to_the_verifications_of_its_recipe() {
    let recipe = find_recipe("github").unwrap();
    let sample = accepted(recipe);
    let refusing = "[[verify]]\nname = \"none\"\nrule = 'FALSE'\n";
    let passing = "[[verify]]\nname = \"post\"\nrule = 'http_method == \"POST\"'\n";
    assert_eq!(run(&over(recipe, refusing, sample), sample).outcome, Outcome::VerificationFailed);
    assert_eq!(run(&over(recipe, passing, sample), sample).outcome, Outcome::Accepted);
    let forged = recipe.samples.iter().find(|sample| sample.expect == "verification_failed");
    let forged = forged.unwrap();
    assert_eq!(run(&over(recipe, passing, forged), forged).outcome, Outcome::VerificationFailed);
}

#[test]
fn an_error_in_a_merged_table_points_into_the_file_that_has_the_key() {
    let text = format!(
        "{HEAD}provider = \"github\"\nsecrets.GITHUB = {{ env = \"X\" }}\n[event]\ndata = 'parsed_body.'\n"
    );
    let outside = ConfigSource { secrets_needed: false, ..ConfigSource::empty() };
    let loaded = load("a.toml", &text, &outside);
    assert!(loaded.has_errors());
    let shown = complaints(&loaded);
    assert!(shown.contains("a.toml:7:"), "{shown}");
    assert!(!shown.contains("github.toml"), "{shown}");
}

#[test]
fn a_rate_limit_with_a_burst_alone_keeps_the_usual_rate() {
    let text = |rest: &str| format!("{HEAD}provider = \"github\"\n[rate_limit]\n{rest}");
    let outside = ConfigSource { secrets_needed: false, ..ConfigSource::empty() };
    let shown = |rest: &str| complaints(&load("a.toml", &text(rest), &outside));
    assert!(!shown("burst = 2000\n").contains("rate"), "{}", shown("burst = 2000\n"));
    let period = shown("per = \"1m\"\n");
    assert!(period.contains("a period needs its number of requests"), "{period}");
}
