//! Expressions with contexts and expected results, from files in `tests/cases/`.

use hookgate::engine::{Context, Engine, Secrets, Source, Time, UndeclaredRoots};
use hookgate::value::{OwnedValue, read_json};

/// A case of a file: `{id, text, context?, now?, secrets?, expected | code}`.
struct Case {
    id: String,
    text: String,
    context: OwnedValue,
    now: Option<String>,
    secrets: Secrets,
    expected: Option<String>,
    code: Option<String>,
}

fn cases(path: &str) -> Vec<Case> {
    let file = std::fs::read(path).expect(path);
    // Uses our own reader, which keeps numbers exact and objects in order.
    let OwnedValue::List(list) = read_json(&file).expect(path) else { panic!("{path} is a list") };
    list.iter().map(|case| of(case, path)).collect()
}

fn of(case: &OwnedValue, path: &str) -> Case {
    let OwnedValue::Object(case) = case else { panic!("{path}: a case is an object") };
    let text = |key: &str| match case.get(key) {
        Some(OwnedValue::Text(text)) => Some(text.to_string()),
        _ => None,
    };
    let mut secrets = Secrets::default();
    if let Some(OwnedValue::Object(named)) = case.get("secrets") {
        for (name, value) in named.iter() {
            secrets.add(name, value.borrow().as_text().expect("a secret is text"));
        }
    }
    let context = match case.get("context") {
        Some(context @ OwnedValue::Object(_)) => context.clone(),
        _ => OwnedValue::Object(Default::default()),
    };
    Case {
        id: text("id").or_else(|| text("text")).expect("a case has a text"),
        text: text("text").expect("a case has a text"),
        context,
        now: text("now"),
        secrets,
        expected: case.get("expected").map(ToString::to_string),
        code: text("code"),
    }
}

/// Returns the result as JSON, or the code of the error.
fn run(case: &Case) -> Result<String, String> {
    let engine = Engine::for_requests().strangers(UndeclaredRoots::Allow);
    let mut context = Context::of(&case.context);
    context.set_secrets(&case.secrets);
    let now = case.now.as_deref().unwrap_or("2025-08-20T00:00:00Z");
    context.set_now(now.parse::<Time>().unwrap());
    let program =
        engine.compile_source(Source::new("case", case.text.as_str())).map_err(|diagnostics| {
            let error = diagnostics.list.iter().find(|one| one.is_error());
            error.expect("an error").code.to_string()
        })?;
    program.eval(&context).map(|answer| answer.to_string()).map_err(|trap| trap.code().to_string())
}

fn check(path: &str) {
    let wrong = wrong(path);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the cases of a file with an unexpected result.
fn wrong(path: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for case in cases(path) {
        let wanted = match (&case.expected, &case.code) {
            (Some(expected), None) => Ok(expected.clone()),
            (None, Some(code)) => Err(code.clone()),
            (None, None) => continue,
            _ => panic!("{}: either an answer or a code", case.id),
        };
        seen += 1;
        let found = run(&case);
        if found != wanted {
            wrong.push(format!("{path}: {}\n  wanted {wanted:?}\n  found  {found:?}", case.id));
        }
    }
    assert!(seen > 0, "{path} has no cases");
    wrong
}

#[test]
fn published_expressions_have_the_published_results() {
    check("tests/cases/published.json");
}

#[test]
fn published_rules_have_the_published_results_by_functions() {
    check("tests/cases/published_functions.json");
}

#[test]
fn every_language_rule_has_test_cases() {
    let mut files: Vec<_> = std::fs::read_dir("tests/cases/language")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let wrong: Vec<String> = files.iter().flat_map(|file| wrong(file.to_str().unwrap())).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
