//! Explanations: they agree with the run, and name the deciding parts.

use hookgate::engine::{Context, Engine, Machine, OwnedValue, Source, Time, UndeclaredRoots};
use hookgate::explain::{Explanation, explain, to_json, to_text};
use hookgate::value::read_json;

fn explained(text: &str, context: &OwnedValue) -> Explanation {
    let engine = Engine::for_requests().strangers(UndeclaredRoots::Allow);
    let checked = engine.check(Source::new("rule", text)).unwrap();
    let mut context = Context::of(context);
    context.set_now(Time::from_epoch(1_755_648_000i64.into()).unwrap());
    explain(&checked, &context, &mut Machine::default()).unwrap()
}

fn json(text: &str) -> OwnedValue {
    read_json(text.as_bytes()).unwrap()
}

#[test]
fn explanations_name_the_deciding_parts() {
    let context = json(
        r#"{"a": true, "b": false, "c": 1, "xs": [{"n": 1}, {"n": 5}, {"n": 9}], "o": {"k": 0, "l": 2}}"#,
    );
    for (text, answer, deciding) in [
        ("a AND b AND c", "false", vec!["b"]),
        ("a AND c", "1", vec!["a", "c"]),
        ("b OR a OR c", "true", vec!["a"]),
        ("b OR missing", "null", vec!["b", "missing"]),
        ("NOT (a AND b)", "true", vec!["b"]),
        ("(b OR c == 1) AND a", "true", vec!["c == 1", "a"]),
        ("IF b THEN 1 ELSE c > 5", "false", vec!["b", "c > 5"]),
        ("(a AND b) == TRUE", "false", vec!["b"]),
        ("xs.$ANY(x => x.n > 4 AND a)", "true", vec!["x.n > 4", "a"]),
        ("xs.$ALL(x => x.n > 0 AND x.n < 6)", "false", vec!["x.n < 6"]),
        ("xs.$FILTER(x => x.n == 5).$LENGTH()", "1", vec!["x.n == 5"]),
        ("xs.$FIND(x => x.n > 1).n", "5", vec!["x.n > 1"]),
        ("o.$ANY((v, k) => k == \"l\")", "true", vec!["k == \"l\""]),
        ("a AND xs.$ANY(x => xs.$ANY(y => y.n > x.n))", "true", vec!["a", "y.n > x.n"]),
        ("b OR TRUE", "true", vec!["TRUE"]),
        ("missing OR \"nobody\"", "\"nobody\"", vec!["\"nobody\""]),
        ("a AND FALSE", "false", vec!["FALSE"]),
        ("IF a THEN \"yes\" ELSE \"no\"", "\"yes\"", vec!["a", "\"yes\""]),
        ("xs.$MAP(x => x.n)", "[1,5,9]", vec!["xs.$MAP(x => x.n)"]),
        ("c + 1", "2", vec!["c + 1"]),
    ] {
        let explanation = explained(text, &context);
        let found: Vec<&str> =
            explanation.deciding().iter().map(|part| explanation.source.slice(part.span)).collect();
        assert_eq!(explanation.answer.as_ref().unwrap().to_string(), answer, "{text}");
        assert_eq!(found, deciding, "{text}");
    }
}

#[test]
fn explanations_name_the_deciding_element_of_a_loop() {
    let context = json(r#"{"xs": [{"n": 1}, {"n": 5}, {"n": 9}]}"#);
    let turn = |text: &str| {
        let explanation = explained(text, &context);
        let part = find(&explanation.root, &|part| part.turn.is_some()).unwrap();
        let turn = part.turn.clone().unwrap();
        (turn.at, turn.of, turn.passed)
    };
    assert_eq!(turn("xs.$ANY(x => x.n > 4)"), (1, 2, vec![1]));
    assert_eq!(turn("xs.$ALL(x => x.n < 4)"), (1, 2, vec![0]));
    assert_eq!(turn("xs.$FILTER(x => x.n > 4)"), (1, 3, vec![1, 2]));
    assert_eq!(turn("xs.$ANY(x => x.n > 40)"), (2, 3, vec![]));
}

fn find<'p>(
    part: &'p hookgate::explain::Part,
    wanted: &dyn Fn(&hookgate::explain::Part) -> bool,
) -> Option<&'p hookgate::explain::Part> {
    if wanted(part) {
        return Some(part);
    }
    part.parts.iter().find_map(|inner| find(inner, wanted))
}

#[test]
fn explanations_mark_the_part_that_failed() {
    let explanation = explained("a AND 10 / ($INTEGER(b) - 5) > 1", &json(r#"{"a": 1, "b": "5"}"#));
    assert_eq!(explanation.answer.as_ref().unwrap_err().code().name(), "E0304");
    let deciding = explanation.deciding();
    assert_eq!(explanation.source.slice(deciding[0].span), "10 / ($INTEGER(b) - 5)");
    assert!(to_text(&explanation).contains("failed  <- decides"));
}

#[test]
fn explanations_mark_a_failed_part_inside_try() {
    let explanation = explained("$TRY(1 / 0, a)", &json(r#"{"a": 7}"#));
    assert_eq!(explanation.root.parts[0].state, hookgate::explain::State::Failed);
    assert_eq!(explanation.answer.unwrap().to_string(), "7");
}

#[test]
fn explanations_are_rendered_under_the_source() {
    let context = json(
        r#"{"parsed_body": {"issue": {"priority": "High", "status": "Closed"}, "project": {"key": "ENG"}}}"#,
    );
    let text = "parsed_body.issue.priority == \"High\"\nand parsed_body.issue.status == \"Open\"\nand parsed_body.project.key == \"ENG\"";
    let shown = to_text(&explained(text, &context));
    let expected = "\
1 │ parsed_body.issue.priority == \"High\"
  │ ~~~~~~~~~~~~~~~~~~~~~~~~~~ \"High\"
  │ ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ true
2 │ and parsed_body.issue.status == \"Open\"
  │     ~~~~~~~~~~~~~~~~~~~~~~~~ \"Closed\"
  │     ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ false  <- decides
3 │ and parsed_body.project.key == \"ENG\"
  │     ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ skipped
  │                                    ^ from line 1: false
  = false, by `parsed_body.issue.status == \"Open\"`";
    assert_eq!(shown, expected);
}

#[test]
fn explanations_as_json_contain_every_part() {
    let explanation = explained("a > 1 AND b", &json(r#"{"a": 0}"#));
    let read = |explanation: &Explanation| -> serde_json::Value {
        serde_json::from_str(&to_json(explanation)).unwrap()
    };
    let shown = read(&explanation);
    assert_eq!(shown["answer"], false);
    assert_eq!(shown["deciding"][0]["text"], "a > 1");
    assert_eq!(shown["root"]["parts"][1]["state"], "skipped");
    assert_eq!(shown["root"]["parts"][0]["parts"][0]["value"], 0);
    let failed = read(&explained("1 / a", &json(r#"{"a": 0}"#)));
    assert_eq!(failed["trap"]["code"], "E0304");
}

#[test]
fn explanations_as_json_write_values_as_the_evaluation_does() {
    let written = r#"{"b":1e21,"a":[9007199254740993,0.1]}"#;
    let explanation = explained("o.$MERGE({})", &json(&format!("{{\"o\": {written}}}")));
    assert_eq!(explanation.answer.as_ref().unwrap().to_string(), written);
    let shown = to_json(&explanation);
    assert!(shown.contains(&format!("\"answer\":{written},")), "{shown}");
    assert!(shown.contains(&format!("\"state\":\"value\",\"value\":{written}")), "{shown}");
}

#[test]
fn explanations_have_the_result_of_the_run() {
    // Explains every expression of the language cases.
    let mut seen = 0;
    for file in std::fs::read_dir("tests/cases/language").unwrap() {
        let OwnedValue::List(cases) =
            read_json(&std::fs::read(file.unwrap().path()).unwrap()).unwrap()
        else {
            panic!("a list");
        };
        for case in &cases {
            let OwnedValue::Object(case) = case else { panic!("an object") };
            let Some(OwnedValue::Text(text)) = case.get("text") else { panic!("a text") };
            let context =
                case.get("context").cloned().unwrap_or(OwnedValue::Object(Default::default()));
            let engine = Engine::for_requests().strangers(UndeclaredRoots::Allow);
            let Ok(checked) = engine.check(Source::new("case", &**text)) else { continue };
            let mut roots = Context::of(&context);
            roots.set_now(Time::from_epoch(1_755_648_000i64.into()).unwrap());
            let program = engine.lower(&checked).unwrap();
            let run = program.eval(&roots);
            let explanation = explain(&checked, &roots, &mut Machine::default()).unwrap();
            assert_eq!(explanation.answer, run, "{text}");
            seen += 1;
        }
    }
    assert!(seen > 100);
}

#[test]
fn explanations_do_not_expand_values_with_shared_parts() {
    let text = "$LENGTH($RANGE(40).$REDUCE([1], (list, n) => [list, list])) > 1";
    let explanation = explained(text, &json("{}"));
    assert_eq!(explanation.answer.unwrap().to_string(), "true");
    let explanation = explained(text, &json("{}"));
    assert!(to_text(&explanation).contains("<too large to show>"));
}

#[test]
fn explanations_mark_wide_combining_and_invisible_characters_in_columns() {
    let marks = |text: &str| -> Vec<usize> {
        let shown = to_text(&explained(text, &json(r#"{"a": 1}"#)));
        let marked =
            |line: &str| line.contains('~').then(|| line.find('~').unwrap() - "  │ ".len());
        shown.lines().filter_map(marked).collect()
    };
    // The mark of `a == 2` begins below its `a`.
    let first = |left: &str| marks(&format!("{left} == \"x\" OR a == 2"))[1];
    assert_eq!(first("\"abc\""), 16);
    assert_eq!(first("\"日本\""), 17, "wide characters take two columns");
    assert_eq!(first("\"e\u{301}\""), 14, "combining characters take none");
    assert_eq!(first("\"\u{200b}\""), 19, "invisible characters are shown as escapes");
}
