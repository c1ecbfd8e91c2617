//! Deep and large inputs on a small stack: they give a result or an error, never a crash.

use hookgate::compile::Options;
use hookgate::engine::{Context, Engine, Machine, OwnedValue, Source, UndeclaredRoots, Value};
use hookgate::reference;
use hookgate::value::{self, Budget, Heap, OwnedObject, read_json};

/// The stack size in bytes: smaller than any thread on which a host would run rules.
const SMALL_STACK: usize = 512 << 10;

fn on_a_small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(SMALL_STACK).spawn(run).unwrap();
    thread.join().unwrap()
}

fn engine() -> Engine {
    Engine::for_requests().strangers(UndeclaredRoots::Allow)
}

/// Returns the outcome of a source on a small stack: the displayed result, or the code of an error.
/// Asserts that the machine and the reference agree.
fn outcome(source: String) -> String {
    outcome_in(source, OwnedValue::Null)
}

/// Returns the outcome of a source with a value named `x`.
fn outcome_in(source: String, x: OwnedValue) -> String {
    on_a_small_stack(move || {
        let engine = engine();
        let checked = match engine.check(Source::new("rule", source)) {
            Ok(checked) => checked,
            Err(found) => {
                let first = found.list.iter().find(|one| one.is_error()).unwrap();
                return first.code.to_string();
            }
        };
        let mut context = Context::new();
        context.set("x", &x);
        let mut shown = Vec::new();
        for (fold, mark) in [(true, false), (false, false), (true, true)] {
            let program =
                match engine.lower_with(&checked, Options { fold, mark, ..Options::default() }) {
                    Ok(compiled) => compiled.program,
                    Err(found) => return found.list[0].code.to_string(),
                };
            let _ = (program.listing(), program.reads());
            let mut machine = Machine::default();
            let (_, answer) = machine.trace(&program, &context);
            shown.push(match answer {
                Ok(value) => value.to_string(),
                Err(trap) => trap.code().to_string(),
            });
            // With its predicate tree, if it has one.
            shown.push(match machine.eval(&program, &context) {
                Ok(value) => value.to_string(),
                Err(trap) => trap.code().to_string(),
            });
        }
        let meant = match reference::eval(&checked, &context) {
            Ok(value) => value.to_string(),
            Err(trap) => trap.code().to_string(),
        };
        assert!(
            shown.iter().all(|one| *one == meant || one.starts_with("E04")),
            "{shown:?} {meant}"
        );
        shown.swap_remove(0)
    })
}

/// Returns the greatest accepted depth of a family of sources, and the result at that depth.
fn deepest(nested: impl Fn(usize) -> String) -> (usize, String) {
    let accepted = |deep: &usize| engine().check(Source::new("rule", nested(*deep))).is_ok();
    let deep = (1..=140).rev().find(accepted).unwrap();
    (deep, outcome(nested(deep)))
}

#[test]
fn ten_thousand_brackets_of_any_kind_are_an_error() {
    for open in
        ["(", "[", "{", "\"${", "x[", "$ABS(", "[(", "{\"a\":", "x.$MAP(y => ", "-(", "NOT ("]
    {
        let code = outcome(open.repeat(10_000));
        assert!(["E0018", "E0011", "E0019"].contains(&&*code), "{open}: {code}");
    }
    for close in [")", "]", "}", "}\""] {
        assert_eq!(outcome(close.repeat(10_000)).get(..3), Some("E00"), "{close}");
    }
}

#[test]
fn ten_thousand_pairs_of_brackets_are_an_error() {
    for (open, close) in
        [("(", ")"), ("[", "]"), ("{\"a\":", "}"), ("\"${", "}\""), ("x[", "]"), ("$ABS(", ")")]
    {
        let source = format!("{}x{}", open.repeat(6_000), close.repeat(6_000));
        let code = outcome(source);
        assert!(["E0018", "E0019"].contains(&&*code), "{open}: {code}");
    }
}

#[test]
fn ten_thousand_unary_operators_are_an_error() {
    assert_eq!(outcome(format!("{}x", "NOT ".repeat(10_000))), "E0018");
    assert_eq!(outcome(format!("{}1", "-".repeat(10_000))), "E0018");
    assert_eq!(outcome(format!("{}1", "- ".repeat(10_000))), "E0018");
}

#[test]
fn long_operator_chains_are_flat_and_evaluate() {
    let joined = |one: &str, by: &str, times: usize| vec![one; times].join(by);
    assert_eq!(outcome(joined("TRUE", " AND ", 7_000)), "true");
    assert_eq!(outcome(joined("x", " OR ", 10_000)), "null");
    assert_eq!(outcome(joined("x==x", " AND ", 7_000)), "true");
    assert_eq!(outcome(joined("1", "+", 10_000)), "10000");
    assert_eq!(outcome(joined("1", "*", 10_000)), "1");
    assert_eq!(outcome(joined("x", "==", 10_000)), "false");
    assert_eq!(outcome(format!("x{}", ".a".repeat(10_000))), "null");
    assert_eq!(outcome(format!("x{}", "[0]".repeat(10_000))), "null");
    assert_eq!(outcome(format!("\"é\"{}", "[:]".repeat(10_000))), "\"é\"");
    assert_eq!(outcome(format!("(-1){}", ".$ABS()".repeat(5_000))), "1");
    assert_eq!(outcome(format!("[{}]", "1,".repeat(10_000))).len(), 20_001);
    assert_eq!(outcome(format!("$COALESCE({}1)", "x,".repeat(10_000))), "1");
    assert_eq!(outcome(format!("\"{}\"", "${x}".repeat(10_000))), "\"\"");
    assert_eq!(outcome(format!("(1/0){}", ".$TRY(1/0)".repeat(3_000))), "E0304");
}

#[test]
fn ten_thousand_clauses_evaluate_with_a_larger_source_limit() {
    let source = vec!["parsed_body.action == \"opened\""; 10_000].join(" AND ");
    let limits = hookgate::syntax::SyntaxLimits { bytes: 1 << 20, depth: 128 };
    on_a_small_stack(move || {
        let program = Engine::for_requests().syntax_limits(limits).compile(&source).unwrap();
        assert_eq!(program.eval(&Context::new()).unwrap().to_string(), "false");
    });
    assert_eq!(outcome(vec!["parsed_body.action == \"a\""; 10_000].join(" OR ")), "E0019");
}

#[test]
fn an_else_if_chain_of_two_thousand_branches_evaluates() {
    let ladder = |rungs: usize, end: &str| {
        let rungs: Vec<String> =
            (0..rungs).map(|at| format!("IF x == {at} THEN {at} ELSE ")).collect();
        format!("{}{end}", rungs.concat())
    };
    assert_eq!(outcome(ladder(2_000, "\"none\"")), "\"none\"");
    let last = OwnedValue::Number(1_999i64.into());
    assert_eq!(outcome_in(ladder(2_000, "NULL"), last), "1999");
    // The last branch has no `ELSE`.
    assert_eq!(outcome(format!("{}IF x THEN 1", ladder(2_000, ""))), "null");
}

#[test]
fn nested_conditionals_are_an_error_past_the_depth_limit() {
    assert_eq!(outcome("IF x THEN ".repeat(6_000) + "1"), "E0018");
    assert_eq!(outcome("IF ".repeat(10_000)).get(..3), Some("E00"));
    assert_eq!(
        outcome(format!("{}1{}", "IF x THEN ".repeat(3_000), " ELSE 1".repeat(3_000))),
        "E0018"
    );
}

#[test]
fn the_deepest_program_of_each_kind_runs() {
    let wrapped = |open: &'static str, middle: &'static str, close: &'static str| {
        move |deep: usize| format!("{}{middle}{}", open.repeat(deep), close.repeat(deep))
    };
    let kinds: [(&str, &str, &str, &str); 14] = [
        ("(", "7", ")", "7"),
        ("-", "x", "", "null"),
        ("NOT ", "x", "", ""),
        ("$TRY(1/0, ", "7", ")", "7"),
        ("$TRY(", "1/0", ", 7)", "7"),
        ("$COALESCE(x, ", "7", ")", "7"),
        ("$ABS(", "7", ")", "7"),
        ("IF x THEN 1 ELSE (", "7", ")", "7"),
        ("IF (", "x", ") == NULL THEN 7", ""),
        ("(x == NULL AND ", "7", ")", "7"),
        ("(x OR ", "7", ")", "7"),
        ("\"${", "7", "}\"", "\"7\""),
        ("x[", "7", "]", "null"),
        ("(1 + ", "x", ")", "null"),
    ];
    for (open, middle, close, expected) in kinds {
        let (deep, answer) = deepest(wrapped(open, middle, close));
        assert!(deep >= 30, "{open}: only {deep} deep");
        assert!(expected.is_empty() || answer == expected, "{open}: {answer}");
    }
}

#[test]
fn the_deepest_lists_and_objects_are_built_and_rendered() {
    let (deep, answer) = deepest(|deep| format!("{}{}", "[".repeat(deep), "]".repeat(deep)));
    assert!(deep >= 64 && answer.starts_with("[["), "{deep}: {answer}");
    let (deep, answer) = deepest(|deep| format!("{}1{}", "{\"a\":".repeat(deep), "}".repeat(deep)));
    assert!(deep >= 64 && answer.starts_with("{\"a\":{"), "{deep}: {answer}");
}

#[test]
fn the_deepest_lambdas_run() {
    for function in ["MAP", "FILTER", "ANY", "ALL", "FIND", "SORT"] {
        let nested = |deep: usize| {
            let opened: String = (0..deep).map(|at| format!("[1].${function}(x{at} => ")).collect();
            format!("{opened}x0{}", ")".repeat(deep))
        };
        let (deep, answer) = deepest(nested);
        assert!(deep >= 30, "{function}: only {deep} deep");
        assert!(!answer.starts_with("E0"), "{function}: {answer}");
    }
    let nested =
        |deep: usize| format!("{}a{}", "[1].$REDUCE(0, (a, b) => ".repeat(deep), ")".repeat(deep));
    assert_eq!(deepest(nested).1, "0");
    assert_eq!(outcome("x.$MAP(y => ".repeat(4_000) + "y"), "E0018");
}

#[test]
fn json_past_the_depth_limit_is_passed_on_without_recursion() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let json = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        let unfinished = open.repeat(10_000);
        on_a_small_stack(move || {
            assert!(read_json(json.as_bytes()).unwrap().to_string() == json);
            assert!(read_json(unfinished.as_bytes()).is_err());
            let value = OwnedValue::Text(json.clone().into());
            assert!(outcome_in("$PARSE_JSON(x)".into(), value.clone()) == json);
            assert_eq!(outcome_in("$PARSE_JSON(x) == $PARSE_JSON(x)".into(), value), "E0403");
        });
    }
}

#[test]
fn a_value_built_past_the_depth_limit_is_an_error() {
    let deeper =
        |start: &str, step: &str| format!("$RANGE(200).$REDUCE({start}, (a, b) => {step})");
    for source in [
        deeper("[]", "[a]"),
        deeper("{}", "{ \"a\": a }"),
        deeper("[]", "$FLATTEN([[[a]]])"),
        deeper("{}", "$MERGE([{ \"a\": a }])"),
        deeper("[]", "$MAP([1], x => a)"),
        deeper("[]", "$REVERSE([a])"),
        deeper("[]", "$SORT([a])"),
        deeper("[]", "$ENTRIES({ \"a\": a })"),
    ] {
        let code = outcome(source.clone());
        assert!(["E0403", "E0309", "E0401", "E0402"].contains(&&*code), "{source}: {code}");
    }
}

#[test]
fn the_deepest_value_is_compared_rendered_and_searched() {
    let nested = format!("{}1{}", "[{\"a\":".repeat(64), "}]".repeat(64));
    let value = read_json(nested.as_bytes()).unwrap();
    for (source, expected) in [
        ("x == x", "true"),
        ("x IN [x]", "true"),
        ("$UNIQUE([x, x]).$LENGTH()", "1"),
        ("$STRINGIFY_JSON(x) == \"${x}\"", "true"),
        ("$PARSE_JSON($STRINGIFY_JSON(x)) == x", "true"),
        ("$TEXT(x).$LENGTH() > 300", "true"),
        ("$CONCAT([x, x]).$LENGTH() > 600", "true"),
        ("$RENDER(\"{{x}}\", { \"x\": x }).$LENGTH() > 300", "true"),
        ("$MAP(x, y => y) == x", "true"),
    ] {
        assert_eq!(outcome_in(source.into(), value.clone()), expected, "{source}");
    }
    assert_eq!(outcome_in("x".into(), value), nested);
}

#[test]
fn a_body_of_maximum_depth_inside_lists_of_maximum_depth_is_handled() {
    let nested = format!("{}1{}", "[".repeat(128), "]".repeat(128));
    let value = read_json(nested.as_bytes()).unwrap();
    let wrap = "$RANGE(100).$REDUCE(x, (a, b) => [a])";
    for source in [
        wrap.to_owned(),
        format!("{wrap} == {wrap}"),
        format!("$STRINGIFY_JSON({wrap}).$LENGTH()"),
        format!("\"${{{wrap}}}\".$LENGTH()"),
        format!("$UNIQUE([{wrap}, {wrap}]).$LENGTH()"),
        format!("$HEX($SHA256($STRINGIFY_JSON({wrap})))"),
    ] {
        let answer = outcome_in(source.clone(), value.clone());
        assert!(!answer.is_empty(), "{source}");
    }
}

#[test]
fn owned_values_drop_and_compare_on_a_small_stack() {
    on_a_small_stack(|| {
        let mut value = OwnedValue::Null;
        for _ in 0..128 {
            let object = OwnedObject::new(vec![("a".into(), value)]).0;
            value = OwnedValue::List(vec![OwnedValue::Object(object)]);
        }
        let other = value.clone();
        assert!(value == other);
        let heap = Heap::new(Budget { bytes: 1 << 20, steps: 100_000 });
        assert!(value::equal(&heap, value.borrow(), other.borrow()).unwrap());
        assert_eq!(format!("{value:?}").len(), value.to_string().len() + "list()".len());
        assert!(!Value::from(&value).holds_secret());
    });
}

#[test]
fn large_results_and_long_loops_end_in_limits_without_a_crash() {
    for (source, code) in [
        ("$RANGE(100000000)", "E04"),
        ("$RANGE(40).$REDUCE(\"ab\", (a, b) => a + a)", "E04"),
        ("$RANGE(40).$REDUCE([1], (a, b) => $FLATTEN([a, a]))", "E04"),
        ("$RANGE(40).$REDUCE([1], (a, b) => [a, a]).$STRINGIFY_JSON()", "E04"),
        ("$PAD_LEFT(\"x\", 1000000000)", "E04"),
        ("$RANGE(2000).$MAP(a => $RANGE(2000).$MAP(b => b))", "E04"),
        ("$MATCH(\"a\", \"(a{1000}){1000}\")", "E04"),
    ] {
        let source = source.to_owned();
        let answer = on_a_small_stack(move || match engine().compile(&source) {
            Ok(program) => match program.eval(&Context::new()) {
                Ok(value) => value.to_string(),
                Err(trap) => trap.code().to_string(),
            },
            Err(found) => found.list[0].code.to_string(),
        });
        assert!(answer.starts_with(code), "{}", answer.get(..40).unwrap_or(&answer));
    }
}

#[test]
fn a_shared_value_is_compared_within_the_limit() {
    // Two lists of 2^40 elements when expanded, and of forty in memory.
    let doubled = "$RANGE(40).$REDUCE([1], (a, b) => [a, a])";
    for source in [
        format!("$RANGE(1).$MAP(z => {doubled}) == $RANGE(1).$MAP(z => {doubled})"),
        format!("$UNIQUE([{doubled}, {doubled}])"),
        format!("{doubled} IN [{doubled}]"),
    ] {
        let answer = on_a_small_stack(move || {
            let program = engine().compile(&source).unwrap();
            program.eval(&Context::new()).map_err(|trap| trap.code().to_string())
        });
        assert!(answer.as_ref().is_err_and(|code| code.starts_with("E04")), "{answer:?}");
    }
}

#[test]
fn a_result_with_shared_parts_is_not_expanded_past_the_memory_limit() {
    // Expanded to an owned value or to text, it would have 2^40 elements.
    let source = "$RANGE(40).$REDUCE([1], (a, b) => [a, a])";
    let answer = on_a_small_stack(move || {
        let program = engine().compile(source).unwrap();
        program.eval(&Context::new()).map(|_| ()).map_err(|trap| trap.code().to_string())
    });
    assert_eq!(answer, Err("E0402".to_owned()));
}

#[test]
fn a_sort_past_the_step_limit_ends_with_a_trap() {
    use hookgate::engine::{Limits, OwnedValue};
    // A separate generator: the list must have the same order in every run.
    let mut state = 7u64;
    let mut next = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 40
    };
    let items: Vec<OwnedValue> = (0..2_000).map(|_| OwnedValue::Number(next().into())).collect();
    let list = OwnedValue::List(items);
    for steps in (2_000..60_000).step_by(97) {
        let engine = Engine::new().limits(Limits { steps, ..Limits::default() });
        let program = engine.compile("$SORT(xs).$LENGTH()").unwrap();
        let mut context = Context::new();
        context.set("xs", &list);
        match engine.machine().eval(&program, &context) {
            Ok(length) => assert_eq!(length.to_string(), "2000"),
            Err(trap) => assert_eq!(trap.code().name(), "E0401"),
        }
    }
}
