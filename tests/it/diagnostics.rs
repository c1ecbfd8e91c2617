//! Diagnostics as people read them: sources in `tests/cases/diagnostics/*.rule`, each with the
//! expected messages in a file beside it. `UPDATE_EXPECT=1` rewrites these files; review the diff.

use std::path::{Path, PathBuf};

use hookgate::diagnostic::{Colour, Diagnostic, render, to_json};
use hookgate::engine::{Engine, RootDeclaration, Source, Type};
use hookgate::value::read_json;

/// Returns the engine for a source. A comment in its first line may name the required settings.
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

/// Returns the source files.
fn rules() -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir("tests/cases/diagnostics")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rule"))
        .collect();
    files.sort();
    assert!(files.len() > 20);
    files
}

fn rendered(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let diagnostics = engine(&text).diagnose(Source::new(name, text.as_str()));
    render(&diagnostics.source, &diagnostics.list, Colour::Off)
}

#[test]
fn diagnostics_of_rules_match_their_expected_files() {
    let files = rules();
    let mut wrong = Vec::new();
    for file in files {
        let report = rendered(&file);
        let expected = file.with_extension("txt");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&expected, &report).unwrap();
        } else if std::fs::read_to_string(&expected).ok().as_deref() != Some(&report) {
            wrong.push(format!("{}:\n{report}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn several_syntax_errors_are_reported_in_one_run() {
    let source = Source::new("rule", "(a == ) OR [1, OR 2] OR b = 2 OR $X(");
    let diagnostics = Engine::new().diagnose(source);
    let codes: Vec<String> = diagnostics.list.iter().map(|one| one.code.to_string()).collect();
    assert_eq!(codes, ["E0010", "E0010", "E0014", "E0011"]);
}

#[test]
fn diagnostic_columns_count_characters_and_offsets_count_bytes() {
    let diagnostics =
        Engine::for_requests().diagnose(Source::new("rule", "\"👍é\" ==\n  \"é\" + nope"));
    let shown = to_json(&diagnostics.source, &diagnostics.list);
    let label = &shown[0]["labels"][0];
    assert_eq!((label["line"].as_u64(), label["column"].as_u64()), (Some(2), Some(9)));
    assert_eq!((label["start"].as_u64(), label["end"].as_u64()), (Some(21), Some(25)));
}

#[test]
fn diagnostics_mark_wide_combining_and_invisible_characters_in_columns() {
    for (left, column) in [("abc", 17), ("日本", 18), ("e\u{301}", 15), ("\u{200b}", 20)] {
        let source = Source::new("rule", format!("\"{left}\" == \"x\" AND nope"));
        let found = Engine::for_requests().diagnose(source);
        let shown = render(&found.source, &found.list, Colour::Off);
        let marks = shown.lines().find(|line| line.contains('^')).unwrap();
        assert_eq!(marks.find('^').unwrap() - "  │ ".len(), column, "{shown}");
        // The position counts characters.
        let place = format!("rule:1:{}", left.chars().count() + 15);
        assert!(shown.contains(&place), "{shown}");
    }
}

/// Returns the name that a help suggests: ``did you mean `x`?``.
fn suggested(one: &Diagnostic) -> Option<&str> {
    let (_, rest) = one.help.as_deref()?.split_once("did you mean `")?;
    rest.split('`').next()
}

/// Returns the source with the suggestion applied: the suggested name replaces the name. A label
/// may start with the dot before a member, or omit the dollar sign of a function.
fn with_suggestion(text: &str, one: &Diagnostic, name: &str) -> String {
    let range = one.span().range();
    let written = &text[range.clone()];
    let dot = if written.starts_with('.') { "." } else { "" };
    let name = if written.starts_with('$') || !text[..range.start].ends_with('$') {
        name
    } else {
        name.trim_start_matches('$')
    };
    format!("{}{dot}{name}{}", &text[..range.start], &text[range.end..])
}

#[test]
fn suggestions_compile_when_they_are_applied() {
    let mut sources: Vec<String> =
        rules().iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    sources.extend(
        ["parsd_body.x", "$LOWRCASE(raw_body)", "raw_body.$LOWRCASE()", "http_methd == \"GET\""]
            .map(ToOwned::to_owned),
    );
    let mut tried = 0;
    for text in sources {
        let engine = engine(&text);
        for one in engine.diagnose(Source::new("rule", text.as_str())).list {
            let Some(name) = suggested(&one) else { continue };
            let followed = with_suggestion(&text, &one, name);
            let left = engine.diagnose(Source::new("rule", followed.as_str())).list;
            let still = left
                .iter()
                .any(|other| other.code == one.code && other.span().start == one.span().start);
            assert!(!still, "{one}, with `{name}`:\n{followed}");
            tried += 1;
        }
    }
    assert!(tried >= 6, "only {tried} suggestions");
}

#[test]
fn warnings_are_silenced_by_code_and_errors_are_not() {
    use hookgate::diagnostic::Code;
    let source = || Source::new("rule", "raw_body == 1 OR nope");
    let engine = Engine::for_requests().allow([Code::W0103, Code::E0102]);
    let report = engine.diagnose(source());
    let codes: Vec<Code> = report.list.iter().map(|one| one.code).collect();
    assert_eq!(codes, [Code::E0102]);
}

#[test]
fn a_digest_compared_by_search_is_warned_about_in_a_verification() {
    use hookgate::diagnostic::Code;
    let digest = "$HMAC_SHA256(\"key\", raw_body)";
    let warns = |engine: Engine, source: &str| {
        let report = engine.diagnose(Source::new("rule", source));
        report.list.iter().any(|one| one.code == Code::W0118)
    };
    for (source, wanted) in [
        (format!("{digest}.$HEX() IN headers[\"x\"]"), true),
        (format!("headers[\"x\"].$ENDS_WITH({digest}.$BASE64())"), true),
        (format!("$MATCH(headers[\"x\"], \"^v1=${{{digest}.$HEX()}}\")"), true),
        (format!("$STARTS_WITH(headers[\"x\"], $CONCAT([\"v1=\", {digest}.$HEX()]))"), true),
        (format!("{digest}.$HEX() IN $SPLIT(headers[\"x\"], \",\")"), false),
        (format!("\"v1=${{{digest}.$HEX()}}\" == headers[\"x\"]"), false),
        ("\"a\".$HEX() IN headers[\"x\"]".to_owned(), false),
    ] {
        assert_eq!(warns(Engine::for_requests().verification(), &source), wanted, "{source}");
        assert!(!warns(Engine::for_requests(), &source), "{source}");
    }
}
