//! Work limits: work is charged before it is done, so hostile inputs reach a limit early.

use std::time::{Duration, Instant};

use hookgate::builtins::{self, Code, Function, Param, ParamRole};
use hookgate::engine::{
    Context, Engine, Kind, Limits, Machine, OwnedValue, Source, UndeclaredRoots, Value,
};
use hookgate::value::{
    Budget, Heap, OwnedObject, RepeatedKeys, interpolate, read_json, read_json_into,
    write_json_text,
};

/// Returns a machine whose steps last about a thirtieth of a second. An input that takes much
/// longer is not charged correctly.
fn machine(steps: u64) -> Machine {
    Machine::new(Limits { steps, ..Limits::default() })
}

/// Returns the result of a rule with a value named `x`, or the code and message of its trap.
fn outcome(machine: &mut Machine, rule: &str, x: Value<'_>) -> Result<String, (String, String)> {
    let engine = Engine::for_requests().strangers(UndeclaredRoots::Allow);
    let program = match engine.compile(rule) {
        Ok(program) => program,
        Err(found) => return Err(("compile".to_owned(), format!("{found:?}"))),
    };
    let mut context = Context::new();
    context.set("x", x).set("headers", x);
    match machine.eval(&program, &context) {
        Ok(answer) => Ok(answer.to_string()),
        Err(trap) => Err((trap.code().to_string(), trap.fault().message().to_owned())),
    }
}

fn code(rule: &str, x: &OwnedValue) -> String {
    match outcome(&mut machine(1_000_000), rule, x.borrow()) {
        Ok(_) => "answer".to_owned(),
        Err((code, _)) => code,
    }
}

fn text(text: String) -> OwnedValue {
    OwnedValue::Text(text.into())
}

#[test]
fn patterns_compiled_in_a_loop_meet_the_step_limit() {
    let before = Instant::now();
    let rule = r#"$RANGE(3000).$MAP(i => $MATCH("a", "\\w{12}${i}"))"#;
    assert_eq!(code(rule, &OwnedValue::Null), "E0401");
    assert!(before.elapsed() < Duration::from_secs(60));
    // A pattern that occurs again is compiled once.
    let rule = r#"$RANGE(3000).$MAP(i => $MATCH("a", "\\w${x}"))"#;
    assert_eq!(code(rule, &text("{2}".to_owned())), "answer");
}

/// Functions that do not read every element: `$ALL` stops at one that fails, and `$RENDER` reads
/// only the names in its template.
const AT_ONCE: &[&str] = &["FIRST", "LAST", "LENGTH", "KIND", "ALL", "RENDER", "LIST", "SET"];

/// Returns the source of an argument that fits a parameter.
fn argument(param: &Param) -> String {
    match param.role {
        ParamRole::Lambda { least, .. } if least > 1 => return "(a, b) => b".to_owned(),
        ParamRole::Lambda { .. } => return "y => y".to_owned(),
        ParamRole::LiteralName => return "'NAME'".to_owned(),
        ParamRole::ReadFormat | ParamRole::WriteFormat => return "'%F'".to_owned(),
        ParamRole::TimeZone => return "'UTC'".to_owned(),
        ParamRole::Value | ParamRole::Pattern => {}
    }
    let kinds =
        [(Kind::Text, "'a'"), (Kind::Number, "1"), (Kind::List, "[1]"), (Kind::Object, "{}")];
    let fits = kinds.into_iter().find(|(kind, _)| param.kinds.contains(*kind));
    fits.map_or("NULL", |(_, written)| written).to_owned()
}

/// Returns calls of a function with `x` as each parameter that accepts the kind.
fn calls(function: &'static Function, kind: Kind) -> impl Iterator<Item = String> {
    // A loop reads its subject; other arguments are passed on.
    let is_loop = matches!(function.code, Code::Loop(_));
    let takes = move |at: &usize| {
        let param = &function.params[*at];
        (*at == 0 || !is_loop)
            && param.kinds.contains(kind)
            && !param.is_lambda()
            && !matches!(param.role, ParamRole::Pattern | ParamRole::LiteralName)
    };
    (0..function.params.len()).filter(takes).map(move |place| {
        let args = function.params.iter().enumerate();
        let args =
            args.map(|(at, param)| if at == place { "x".to_owned() } else { argument(param) });
        format!("${}({})", function.name, args.collect::<Vec<_>>().join(", "))
    })
}

#[test]
fn every_function_is_charged_for_walking_a_list_or_object() {
    const MANY: usize = 100_000;
    let empty = || OwnedValue::Object(OwnedObject::default());
    let entries = (0..MANY).map(|at| (at.to_string().into(), OwnedValue::Null)).collect();
    let subjects = [
        (Kind::List, OwnedValue::List(vec![OwnedValue::Null; MANY])),
        (Kind::List, OwnedValue::List(vec![text(String::new()); MANY])),
        (Kind::List, OwnedValue::List((0..MANY).map(|_| empty()).collect())),
        (Kind::Object, OwnedValue::Object(OwnedObject::new(entries).0)),
    ];
    let mut machine = machine(MANY as u64 / 64);
    let mut uncounted = Vec::new();
    // A form passes its arguments on, and has no code that could read them.
    let walks = |function: &&Function| {
        !matches!(function.code, Code::Form(_)) && !AT_ONCE.contains(&function.name)
    };
    for function in builtins::all().filter(walks) {
        for (kind, subject) in &subjects {
            for call in calls(function, *kind) {
                if let Ok(answer) = outcome(&mut machine, &call, subject.borrow()) {
                    let start: String = answer.chars().take(40).collect();
                    uncounted.push(format!("{call}: {start}"));
                }
            }
        }
    }
    assert!(uncounted.is_empty(), "{}", uncounted.join("\n"));
}

#[test]
fn searches_with_unbounded_lookahead_meet_the_step_limit() {
    let far = text("a".repeat(20_000));
    for pattern in [".*z|a", "(?:.*z)?a", "a(?:.*z)?", "(?:a*z)*a", "(?:(?:aa)*z)?a"] {
        for (pattern, with) in [(pattern.to_owned(), "b"), (format!("({pattern})"), "\\\\1")] {
            let rule = format!("$REPLACE(x, '{pattern}', '{with}')");
            let stopped = outcome(&mut machine(20_000), &rule, far.borrow()).unwrap_err();
            assert_eq!(stopped.0, "E0401", "{pattern}");
        }
    }
}

#[test]
fn ordinary_replacements_in_large_strings_stay_within_the_limits() {
    let words = text("Ab, c 12-34 <i>é</i>\n".repeat(5_000));
    for pattern in [
        " ",
        "[a-z]",
        ",|;",
        "[^a-z0-9]+",
        "\\\\s*,\\\\s*",
        "<[^>]*>",
        "(\\\\d+)-(\\\\d+)",
        "\\\\b",
        "$",
        "(?i)ab",
        "\\\\n+",
        "\\\\d{2}",
    ] {
        assert_eq!(code(&format!("$REPLACE(x, '{pattern}', '_')"), &words), "answer", "{pattern}");
    }
}

#[test]
fn case_insensitive_header_lookups_are_charged_in_steps() {
    let headers = (0..5_000).map(|at| (format!("x-{at}").into(), OwnedValue::Null)).collect();
    let headers = OwnedValue::Object(OwnedObject::new(headers).0);
    for looked in ["headers.missing", "headers[$TEXT(i)]", "'missing' IN headers"] {
        let rule = format!("$RANGE(90000).$MAP(i => {looked}).$LENGTH()");
        assert_eq!(code(&rule, &headers), "E0401", "{looked}");
    }
    assert_eq!(code("$RANGE(500).$MAP(i => headers.missing)", &headers), "answer");
}

#[test]
fn diagnostics_quote_payloads_only_in_part() {
    let large = [
        text("a".repeat(1 << 17)),
        text("7".repeat(1 << 17)),
        text("é{{".repeat(1 << 15)),
        text(format!("{{{{{}}}}}", ".a".repeat(10_000))),
        text(format!("{{{{#a}}}}{{{{/{}}}}}", "b".repeat(10_000))),
        text(format!("{{{0}:1,{0}:2}}", format_args!("\"{}\"", "k".repeat(1 << 17)))),
        text(format!("2025-08-17T{}", "0".repeat(1 << 17))),
    ];
    let mut long = Vec::new();
    let mut rules: Vec<String> =
        builtins::all().flat_map(|function| calls(function, Kind::Text)).collect();
    for rule in [
        "$EXTRACT('a', '(a)', x)",
        "$MATCH('a', x)",
        "$PARSE_JSON('{\"' + x + '\":1,\"' + x + '\":2}')",
        "$PARSE_TIME('1', x)",
        "$PARSE_TIME(x, '%Y')",
        "$RENDER(x, {})",
        "$INTEGER(x)",
        "x[0.5]",
        "x < 1",
        "{ \"a\": 1 }[x] + 1",
        "$DECIMAL('1' + x)",
        "x IN 1",
    ] {
        rules.push(rule.to_owned());
    }
    for rule in rules {
        for value in &large {
            let found = outcome(&mut machine(2_000_000), &rule, value.borrow());
            if let Err((_, message)) = found
                && message.chars().count() > 400
            {
                long.push(format!("{rule}: {}", message.chars().take(100).collect::<String>()));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// Returns true if a heap with this budget refuses the work.
fn refused(bytes: usize, steps: u64, work: impl FnOnce(&Heap) -> bool) -> bool {
    !work(&Heap::new(Budget { bytes, steps }))
}

#[test]
fn joining_bytes_is_charged_their_memory() {
    let half = [7u8; 1 << 16];
    let parts = [Value::Bytes(&half), Value::Bytes(&half)];
    let join = |heap: &Heap| interpolate(heap, &parts).is_ok();
    assert!(!refused(1 << 17, 100_000, join));
    assert!(refused((1 << 17) - 1, 100_000, join));
}

#[test]
fn json_output_is_charged_before_it_is_built() {
    let bytes = vec![7u8; 1 << 20];
    let write = |heap: &Heap| {
        let mut out = heap.text_builder();
        let written = write_json_text(heap, &mut out, Value::Bytes(&bytes)).is_ok();
        assert!(written || out.len() <= 1 << 16);
        written
    };
    assert!(refused(1 << 16, 1_000_000, write));
    assert!(!refused(3 << 20, 1_000_000, write));
}

#[test]
fn nested_json_output_is_charged_once() {
    let long = "a".repeat(64_000);
    let deep = format!("{}\"{long}\"{}", "[".repeat(128), "]".repeat(128));
    let deep = read_json(deep.as_bytes()).unwrap();
    let write =
        |heap: &Heap| write_json_text(heap, &mut heap.text_builder(), deep.borrow()).is_ok();
    assert!(!refused(1 << 20, 1_200, write));
    assert!(refused(1 << 20, 1_000, write));
}

#[test]
fn json_keys_with_and_without_escapes_are_equal() {
    let json = r#"{"a":1,"\u0062":{"\n":[2]}}"#;
    let heap = Heap::new(Budget { bytes: 1 << 16, steps: 1_000 });
    let built = read_json_into(&heap, json, RepeatedKeys::Refuse).unwrap().to_string();
    assert_eq!(built, r#"{"a":1,"b":{"\n":[2]}}"#);
    assert_eq!(read_json(json.as_bytes()).unwrap().to_string(), built);
    assert!(
        read_json_into(&heap, "{1:2}", RepeatedKeys::Refuse)
            .unwrap_err()
            .message()
            .contains("a key is text")
    );
}

#[test]
fn groups_and_fingerprints_are_charged_their_memory() {
    let small = Limits { memory: 1 << 20, steps: 100_000_000, ..Limits::default() };
    let form = (0..20_000).map(|at| format!("{at}=&")).collect::<String>();
    let numbers = (0..30_000i64).map(|at| OwnedValue::Number(at.into())).collect();
    for (rule, x) in
        [("$PARSE_FORM(x)[\"0\"]", text(form)), ("$UNIQUE(x)[0]", OwnedValue::List(numbers))]
    {
        let stopped = outcome(&mut Machine::new(small), rule, x.borrow()).unwrap_err();
        assert_eq!(stopped.0, "E0402", "{rule}");
    }
}

#[test]
fn patterns_with_slow_inputs_meet_the_step_limit() {
    // In a random sequence of two characters, each character may start a match.
    let mut state = 1_u64;
    let mixed: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if state >> 63 == 0 { 'a' } else { 'b' }
    })
    .take(1_000_000)
    .collect();
    let mixed = text(mixed);
    let before = Instant::now();
    for pattern in
        ["[ab]*a[ab]{300}c", "(a|b)*a(a|b){1000}c", "(?:[ab]{0,100}a){1,30}c", "(?:\\\\bab?){200}c"]
    {
        for rule in [
            format!("$MATCH(x, '{pattern}')"),
            format!("$EXTRACT(x, '{pattern}')"),
            format!("$REPLACE(x, '{pattern}', '')"),
        ] {
            assert_eq!(code(&rule, &mixed), "E0401", "{rule}");
        }
    }
    assert!(before.elapsed() < Duration::from_secs(60));
    for pattern in
        ["[ab]*a[ab]{3}c", "\\\\d{4}-\\\\d{2}-\\\\d{2}", "abab|baba|aaaaaaaaaaaaaaaaaaaa"]
    {
        assert_eq!(code(&format!("$MATCH(x, '{pattern}')"), &mixed), "answer", "{pattern}");
    }
}

#[test]
fn a_chain_is_checked_in_linear_time() {
    let seconds = |links: usize, link: &str| {
        let source = vec!["1"; links].join(link);
        let once = || {
            let before = Instant::now();
            let _ = Engine::for_requests().diagnose(Source::new("rule", source.as_str()));
            before.elapsed().as_secs_f64()
        };
        (0..3).map(|_| once()).fold(f64::INFINITY, f64::min)
    };
    for link in ["==", " AND 1=='x' AND "] {
        let most = 60_000 / (link.len() + 1);
        let (short, long) = (seconds(most / 8, link), seconds(most, link));
        // Linear is 8, quadratic 64.
        assert!(long < short * 24.0 + 0.05, "{link}: {short} {long}");
    }
}
