//! What an evaluation does is counted before it is done: hostile inputs meet a limit early.

use std::time::{Duration, Instant};

use hookgate::builtins::{self, Code, Function, Param, Role};
use hookgate::engine::{Context, Engine, Kind, Limits, Machine, OwnedValue, Strangers, Value};
use hookgate::value::OwnedObject;

/// Steps for a thirtieth of a second or so: an input that takes much longer is not counted.
fn machine(steps: u64) -> Machine {
    Machine::new(Limits { steps, ..Limits::default() })
}

/// The answer of a rule for a value under the name `x`, or its trap's code and message.
fn outcome(machine: &mut Machine, rule: &str, x: Value<'_>) -> Result<String, (String, String)> {
    let engine = Engine::for_requests().strangers(Strangers::Taken);
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
fn patterns_made_one_after_the_other_meet_the_limit() {
    let before = Instant::now();
    let rule = r#"$RANGE(3000).$MAP(i => $MATCH("a", "\\w{12}${i}"))"#;
    assert_eq!(code(rule, &OwnedValue::Null), "E0401");
    assert!(before.elapsed() < Duration::from_secs(60));
    // One that is met again is compiled once.
    let rule = r#"$RANGE(3000).$MAP(i => $MATCH("a", "\\w${x}"))"#;
    assert_eq!(code(rule, &text("{2}".to_owned())), "answer");
}

/// Functions that answer without looking at every element: `$ALL` stops at one that fails, and
/// `$RENDER` reads what its template names.
const AT_ONCE: &[&str] = &["FIRST", "LAST", "LENGTH", "KIND", "ALL", "RENDER"];

/// An argument that fits a parameter, written in a rule.
fn argument(param: &Param) -> String {
    match param.role {
        Role::Lambda { least, .. } if least > 1 => return "(a, b) => b".to_owned(),
        Role::Lambda { .. } => return "y => y".to_owned(),
        Role::LiteralName => return "'NAME'".to_owned(),
        _ => {}
    }
    let kinds =
        [(Kind::Text, "'a'"), (Kind::Number, "1"), (Kind::List, "[1]"), (Kind::Object, "{}")];
    let fits = kinds.into_iter().find(|(kind, _)| param.kinds.contains(*kind));
    fits.map_or("NULL", |(_, written)| written).to_owned()
}

/// Calls of a function with `x` in the place of each parameter that takes such a kind.
fn calls(function: &'static Function, kind: Kind) -> impl Iterator<Item = String> {
    // A loop walks its subject; what else it takes, it hands on.
    let is_loop = matches!(function.code, Code::Loop(_));
    let takes = move |at: &usize| {
        let param = &function.params[*at];
        (*at == 0 || !is_loop)
            && param.kinds.contains(kind)
            && !param.is_lambda()
            && param.role == Role::Value
    };
    (0..function.params.len()).filter(takes).map(move |place| {
        let args = function.params.iter().enumerate();
        let args =
            args.map(|(at, param)| if at == place { "x".to_owned() } else { argument(param) });
        format!("${}({})", function.name, args.collect::<Vec<_>>().join(", "))
    })
}

#[test]
fn no_function_walks_a_list_or_an_object_uncounted() {
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
    // A form hands its arguments on, and has no code that could walk them.
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
fn searches_that_each_look_to_the_end_meet_the_limit() {
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
fn everyday_replacements_in_large_texts_answer() {
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
