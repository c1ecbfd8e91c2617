//! Diagnostics as people read them: sources in `tests/cases/diagnostics/*.rule`, and what is told
//! of each beside it. `UPDATE_EXPECT=1` rewrites what is told; read the diff.

use std::path::Path;

use hookgate::diagnostic::{Colour, render, to_json};
use hookgate::engine::{Engine, RootDeclaration, Source, Type};
use hookgate::value::read_json;

/// An engine for a source: its first line may be a comment that names what it needs.
fn engine(text: &str) -> Engine {
    let engine = Engine::for_requests();
    let first = text.lines().next().unwrap_or("");
    if first.contains("[verification]") {
        return engine.verification();
    }
    if first.contains("[no secrets]") {
        return engine.without_secrets();
    }
    match first.split_once("[sample] ") {
        Some((_, sample)) => {
            let sample = Type::of_sample(&read_json(sample.as_bytes()).unwrap());
            engine.roots([RootDeclaration::new("parsed_body").of(sample.not_null())])
        }
        None => engine,
    }
}

fn told(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let diagnostics = engine(&text).diagnose(Source::new(name, text.as_str()));
    render(&diagnostics.source, &diagnostics.list, Colour::Off)
}

#[test]
fn sources_are_told_what_is_wrong_with_them() {
    let mut files: Vec<_> = std::fs::read_dir("tests/cases/diagnostics")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rule"))
        .collect();
    files.sort();
    assert!(files.len() > 20);
    let mut wrong = Vec::new();
    for file in files {
        let told = told(&file);
        let expected = file.with_extension("txt");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&expected, &told).unwrap();
        } else if std::fs::read_to_string(&expected).ok().as_deref() != Some(&told) {
            wrong.push(format!("{}:\n{told}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn several_faults_are_told_in_one_run() {
    let source = Source::new("rule", "(a == ) OR [1, OR 2] OR b = 2 OR $X(");
    let diagnostics = Engine::new().diagnose(source);
    let codes: Vec<String> = diagnostics.list.iter().map(|one| one.code.to_string()).collect();
    assert_eq!(codes, ["E0010", "E0010", "E0014", "E0011"]);
}

#[test]
fn places_count_characters_and_offsets_count_bytes() {
    let diagnostics =
        Engine::for_requests().diagnose(Source::new("rule", "\"👍é\" ==\n  \"é\" + nope"));
    let shown = to_json(&diagnostics.source, &diagnostics.list);
    let label = &shown[0]["labels"][0];
    assert_eq!((label["line"].as_u64(), label["column"].as_u64()), (Some(2), Some(9)));
    assert_eq!((label["start"].as_u64(), label["end"].as_u64()), (Some(21), Some(25)));
}

#[test]
fn suggestions_compile_when_they_are_followed() {
    let engine = Engine::for_requests();
    for (wrong, right) in [
        ("parsd_body.x", "parsed_body.x"),
        ("$LOWRCASE(raw_body)", "$LOWERCASE(raw_body)"),
        ("http_methd == \"GET\"", "http_method == \"GET\""),
    ] {
        let diagnostics = engine.diagnose(Source::new("rule", wrong));
        let help = diagnostics.list[0].help.clone().unwrap();
        let suggested = help.split('`').nth(1).unwrap();
        assert!(right.contains(suggested), "{wrong}: {help}");
        assert!(engine.compile(right).is_ok(), "{right}");
    }
}

#[test]
fn warnings_are_silenced_by_code_and_errors_are_not() {
    use hookgate::diagnostic::Code;
    let source = || Source::new("rule", "raw_body == 1 OR nope");
    let engine = Engine::for_requests().allow([Code::W0103, Code::E0102]);
    let told = engine.diagnose(source());
    let codes: Vec<Code> = told.list.iter().map(|one| one.code).collect();
    assert_eq!(codes, [Code::E0102]);
}
