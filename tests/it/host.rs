//! Functions defined by the host.

use hookgate::engine::{
    Args, Context, Diagnostics, Engine, Env, Fault, FaultKind, Function, Kinds, Param, Secrets,
    Value,
};

const TEXT: &[Param] = &[Param::new("text", Kinds::TEXT)];
const ANY: &[Param] = &[Param::new("value", Kinds::ANY)];
const LOOSE: &[Param] =
    &[Param::new("text", Kinds::TEXT), Param::new("count", Kinds::NUMBER).optional()];
const MANY: &[Param] = &[Param::new("first", Kinds::TEXT), Param::new("more", Kinds::TEXT).rest()];

fn shout<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    Ok(Value::Text(env.heap.text(&format!("{}!", args.text(0)?.to_uppercase()))?))
}

fn engine() -> Engine {
    Engine::new()
        .function(Function::host("SHOUT", TEXT, Kinds::TEXT, "Louder.", shout))
        .function(Function::host("LOWERCASE", TEXT, Kinds::TEXT, "Not lower.", shout))
        .function(Function::host("TIMES", LOOSE, Kinds::TEXT, "Again.", |env, args| {
            let count = usize::try_from(args.optional_integer(1)?.unwrap_or(2)).unwrap_or(0);
            Ok(Value::Text(env.heap.text(&args.text(0)?.repeat(count))?))
        }))
        .function(Function::host("HOW_MANY", MANY, Kinds::NUMBER, "How many.", |_, args| {
            Ok(Value::count(args.len() + args.rest(1).len()))
        }))
        .function(Function::host("REFUSE", TEXT, Kinds::TEXT, "Refuses.", |_, args| {
            Err(Fault::new(FaultKind::BadData, format!("`{}` is refused", args.text(0)?)))
        }))
        .function(Function::host("SAME", ANY, Kinds::TEXT, "As it came.", |_, args| {
            Ok(args.value(0))
        }))
        .function(Function::host("BOTH", TEXT, Kinds::LIST, "Twice.", |env, args| {
            env.heap.list(&[args.value(0), Value::Bool(true)])
        }))
}

/// Returns the result of a rule, or the code of the diagnostic with its message.
fn answer(rule: &str) -> String {
    let report = |found: Diagnostics| {
        let error = found.list.iter().find(|one| one.is_error()).unwrap();
        format!("{}: {}", error.code, error.message)
    };
    let program = match engine().compile(rule) {
        Ok(program) => program,
        Err(found) => return report(found),
    };
    let mut secrets = Secrets::default();
    secrets.add("KEY", "hunter2");
    let n = serde_json::json!(7);
    let mut context = Context::new();
    context.set("n", &n).set_secrets(&secrets);
    match program.eval(&context) {
        Ok(value) => value.to_string(),
        Err(trap) => format!("{}: {}", trap.code(), trap.fault().message()),
    }
}

#[test]
fn host_functions_take_precedence_over_built_in_functions() {
    assert_eq!(answer("$LOWERCASE('a')"), r#""A!""#);
    assert_eq!(answer("'a'.$lowercase()"), r#""A!""#);
    assert_eq!(answer("$UPPERCASE('a')"), r#""A""#);
}

#[test]
fn host_functions_with_a_null_subject_return_null_without_a_call() {
    assert_eq!(answer("$REFUSE(missing)"), "null");
    assert!(answer("$REFUSE('a')").starts_with("E0309: `a` is refused"));
    assert_eq!(answer("$TRY($REFUSE('a'), 1)"), "1");
}

#[test]
fn host_functions_may_have_optional_and_variadic_parameters() {
    assert_eq!(answer("$TIMES('ab')"), r#""abab""#);
    assert_eq!(answer("$TIMES('ab', 3)"), r#""ababab""#);
    assert_eq!(answer("$TIMES('ab', missing)"), r#""abab""#);
    assert_eq!(answer("$HOW_MANY('a')"), "1");
    assert_eq!(answer("$HOW_MANY('a', 'b', 'c')"), "5");
}

#[test]
fn host_function_arguments_are_type_checked() {
    assert!(answer("$SHOUT()").starts_with("E01"), "{}", answer("$SHOUT()"));
    assert!(answer("$SHOUT('a', 'b')").starts_with("E01"));
    assert!(answer("$TIMES('a', 1, 2)").starts_with("E01"));
    assert!(answer("$SHOUT([1])").starts_with("E0"), "{}", answer("$SHOUT([1])"));
    assert!(
        answer("$SHOUT(n)").starts_with("E0302: `$SHOUT` takes a string"),
        "{}",
        answer("$SHOUT(n)")
    );
    assert!(answer("$HOW_MANY('a', n)").starts_with("E0302"));
    assert!(answer("$HOW_MANY('a', missing)").starts_with("E0310"));
}

#[test]
fn results_of_host_functions_with_a_secret_argument_are_secret() {
    // The checker rejects it if it can infer the secret; otherwise the run fails.
    assert!(answer("$SHOUT($SECRET('KEY'))").starts_with("E0203"));
    assert!(answer("$BOTH($SECRET('KEY'))").starts_with("E0203"));
    assert_eq!(answer("$BOTH($SECRET('KEY'))[0] == 'hunter2'"), "true");
    assert_eq!(answer("$SHOUT($SECRET('KEY')) == 'HUNTER2!'"), "true");
    let report = answer("$HOW_MANY($SECRET('KEY'))");
    assert!(report.starts_with("E0203") || report.starts_with("E0312"), "{report}");
}

#[test]
fn a_host_function_fault_does_not_quote_a_secret() {
    let report = answer("$REFUSE($SECRET('KEY')) == 'a'");
    assert_eq!(report, "E0309: `$REFUSE` fails on the content of the secret");
    assert!(!answer("$REFUSE('a' + $SECRET('KEY')) == 'a'").contains("hunter2"));
}

#[test]
fn a_host_function_result_of_an_undeclared_kind_is_a_fault() {
    assert_eq!(answer("$SAME('a')"), r#""a""#);
    let report = answer("$SAME(n)");
    assert_eq!(report, "E0302: `$SAME` answers a string by its declaration, and answered a number");
    assert!(answer("$SAME([n])").contains("answered a list"));
    // The kind of a secret's content is considered; the content is not reported.
    assert_eq!(answer("$SAME($SECRET('KEY')) == 'hunter2'"), "true");
}

#[test]
fn an_engine_is_shared_between_threads() {
    let engine = engine();
    let program = engine.compile("$SHOUT(name)").unwrap();
    std::thread::scope(|scope| {
        for name in ["ada", "grace", "edsger"] {
            let (engine, program) = (&engine, &program);
            scope.spawn(move || {
                let value = serde_json::json!(name);
                let mut context = Context::new();
                context.set("name", &value);
                let expected = format!("{:?}", format!("{}!", name.to_uppercase()));
                let mut machine = engine.machine();
                assert_eq!(machine.eval(program, &context).unwrap().to_string(), expected);
                let again = engine.compile("$SHOUT(name)").unwrap();
                assert_eq!(machine.eval(&again, &context).unwrap().to_string(), expected);
            });
        }
    });
}

#[test]
fn host_functions_do_not_replace_functions_used_by_mapper_operators() {
    use hookgate::engine::{Format, Source};
    let engine =
        Engine::new().function(Function::host("TEXT", ANY, Kinds::TEXT, "Wrong.", |_, _| {
            Ok(Value::Text("wrong"))
        }));
    let document = r#"{"LOOKUP()": {"key": "1", "mapping": {"1": "'right'", "wrong": "'wrong'"}}}"#;
    let program = engine.compile_mapper(Source::new("m.json", document), Format::Json).unwrap();
    assert_eq!(program.eval(&Context::new()).unwrap().to_string(), "\"right\"");
}

#[test]
fn explanations_treat_a_host_function_named_try_as_an_ordinary_call() {
    use hookgate::engine::Source;
    let engine =
        Engine::new().function(Function::host("TRY", ANY, Kinds::ANY, "Itself.", |_, args| {
            Ok(args.value(0))
        }));
    let checked = engine.check(Source::new("rule", "a AND $TRY(b)")).unwrap();
    let explanation = engine.explain(&checked, &Context::new(), &mut engine.machine()).unwrap();
    assert_eq!(explanation.root.parts[1].state, hookgate::explain::State::Skipped);
}
