//! Tests of definitions: their values are cached for the programs of one request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{
    Context, DefinitionCache, DefinitionUses, Engine, Fault, FaultKind, Function, Kinds, Limits,
    Machine, Param, Program, RootDeclaration, Secrets, Source,
};

/// A function of the host that counts its calls and returns its argument.
fn counted(calls: &Arc<AtomicUsize>) -> Function {
    let calls = Arc::clone(calls);
    const ANY: &[Param] = &[Param::new("value", Kinds::ANY)];
    Function::host("COUNTED", ANY, Kinds::ANY, "The value.", move |_, args| {
        calls.fetch_add(1, Ordering::Relaxed);
        let value = args.value(0);
        if value.as_text() == Some("fault") {
            return Err(Fault::new(FaultKind::BadArgument, "a fault"));
        }
        Ok(value)
    })
}

struct Defined {
    programs: Vec<Program>,
    uses: DefinitionUses,
    calls: Arc<AtomicUsize>,
}

/// Compiles programs that use the name `d` of an expression.
fn defined(definition: &str, programs: &[&str]) -> Defined {
    let calls = Arc::default();
    let headers = RootDeclaration::new("headers").case_insensitive();
    let engine =
        Engine::new().function(counted(&calls)).roots([headers, RootDeclaration::new("body")]);
    let checked = engine.clone().fragment().check(Source::new("d", definition)).unwrap();
    let engine = engine.define("d", &checked);
    let programs: Vec<Program> = programs.iter().map(|one| engine.compile(one).unwrap()).collect();
    let mut uses = DefinitionUses::default();
    programs.iter().for_each(|program| uses.add(program));
    Defined { programs, uses, calls }
}

fn secrets() -> Secrets {
    let mut secrets = Secrets::default();
    secrets.add("KEY", "a secret key");
    secrets
}

impl Defined {
    /// Runs the programs for one request, with and without the cache. Returns the results, which
    /// have to be the same, and the number of calls with the cache.
    fn run(&self, body: &serde_json::Value, limits: Limits) -> (Vec<String>, usize) {
        let before = self.calls.load(Ordering::Relaxed);
        let cached = self.results(body, limits, Some(&DefinitionCache::new(&self.uses)));
        let calls = self.calls.load(Ordering::Relaxed) - before;
        assert_eq!(cached, self.results(body, limits, None));
        (cached, calls)
    }

    fn results(
        &self,
        body: &serde_json::Value,
        limits: Limits,
        cache: Option<&DefinitionCache>,
    ) -> Vec<String> {
        let (secrets, mut machine) = (secrets(), Machine::new(limits));
        let headers = serde_json::json!({ "X-Kind": "a" });
        let mut context = Context::new();
        context.set("body", body).set("headers", &headers).set_secrets(&secrets);
        if let Some(cache) = cache {
            context.set_definitions(cache);
        }
        let mut result = |program| match machine.eval(program, &context) {
            Ok(value) => format!("{value:?}"),
            Err(trap) => format!("{trap}"),
        };
        self.programs.iter().map(&mut result).collect()
    }
}

fn run(definition: &str, programs: &[&str]) -> (Vec<String>, usize) {
    let body = serde_json::json!({ "a": { "b": [1, 2.5, "x", null] }, "text": "abc" });
    defined(definition, programs).run(&body, Limits::default())
}

#[test]
fn a_value_is_evaluated_once_for_all_programs_of_a_request() {
    for definition in [
        "$COUNTED(1 + 1)",
        "$COUNTED(body.a)",
        "[$COUNTED(body.text), body.a.b, NULL]",
        "{ \"k\": $COUNTED($PARSE_TIME(\"2026-01-02T03:04:05Z\")) }",
        "$HMAC_SHA256($SECRET(\"KEY\"), $COUNTED(body.text)).$HEX()",
        "$HMAC_SHA256($SECRET(\"KEY\"), $COUNTED(body.text))",
    ] {
        let programs = ["d", "[d, d]", "body.a.b.$MAP(one => d == one)", "d == d AND d != 1"];
        let (_, calls) = run(definition, &programs);
        assert_eq!(calls, 1, "{definition}");
    }
}

#[test]
fn a_value_used_once_is_not_cached_and_one_in_a_loop_is() {
    assert!(!DefinitionCache::new(&defined("$COUNTED(1)", &["d"]).uses).is_shared(0));
    assert!(DefinitionCache::new(&defined("$COUNTED(1)", &["[1].$MAP(x => d)"]).uses).is_shared(0));
    let (_, calls) = run("$COUNTED(1)", &["body.a.b.$MAP(x => d)"]);
    assert_eq!(calls, 1);
    // To read a path again costs less than a copy.
    assert!(!DefinitionCache::new(&defined("body.a", &["d", "d"]).uses).is_shared(0));
}

#[test]
fn a_fault_is_cached_and_occurs_at_each_use() {
    let programs = ["d", "$TRY(d, 1)", "d.$TRY(2)", "[$TRY(d, 1), $TRY([d], 2)]", "d + 1"];
    let (results, calls) = run("$COUNTED(\"fault\")", &programs);
    assert_eq!(calls, 1);
    assert!(results[0].contains("a fault") && results[4].contains("a fault"), "{results:?}");
    assert_eq!(results[1..4], ["number(1)", "number(2)", "list([1,2])"]);
    // The fault of a part that is caught inside of the definition is not the one of the definition.
    let (results, calls) = run("$TRY($COUNTED(\"fault\"), 3)", &["d", "d"]);
    assert_eq!((results, calls), (vec!["number(3)".to_owned(); 2], 1));
}

#[test]
fn a_value_whose_copy_would_differ_is_evaluated_again() {
    for definition in [
        "$SHA256($COUNTED($SECRET(\"KEY\")))",
        "$COUNTED(headers)",
        "[$COUNTED(headers)]",
        "[$COUNTED($HMAC_SHA256($SECRET(\"KEY\"), \"x\").$HEX())]",
    ] {
        let programs = ["$KIND(d)", "d == NULL"];
        let (_, calls) = run(definition, &programs);
        assert_eq!(calls, 2, "{definition}");
    }
}

#[test]
fn a_context_with_another_variable_does_not_use_the_cache() {
    let defined = defined("$COUNTED(body.text)", &["d", "d"]);
    let cache = DefinitionCache::new(&defined.uses);
    let (first, second) = (serde_json::json!({ "text": "a" }), serde_json::json!({ "text": "b" }));
    let mut context = Context::new();
    context.set("body", &first).set_definitions(&cache);
    let mut changed = context.clone();
    changed.set("body", &second);
    let [program, _] = defined.programs.as_slice() else { unreachable!() };
    for (context, expected) in [(&context, "\"a\""), (&changed, "\"b\""), (&context, "\"a\"")] {
        assert_eq!(program.eval(context).unwrap().to_string(), expected);
    }
}

#[test]
fn a_large_value_is_evaluated_again() {
    let defined = defined("$COUNTED(body.text)", &["$LENGTH(d)", "$LENGTH(d) + 1"]);
    let body = serde_json::json!({ "text": "x".repeat(5 << 20) });
    assert_eq!(defined.run(&body, Limits::default()).1, 2);
}

#[test]
fn a_limit_does_not_depend_on_the_cache() {
    let programs = ["d.$LENGTH()", "[d, d].$LENGTH()", "$TRY([d, 1 / 0], d)"];
    let defined = defined("body.a.b.$MAP(x => \"${x}-\").$CONCAT(\",\")", &programs);
    let body = serde_json::json!({ "a": { "b": (0..20).collect::<Vec<_>>() } });
    for steps in 0..400 {
        defined.run(&body, Limits { steps, ..Limits::default() });
    }
    for memory in (0..4000).step_by(7) {
        defined.run(&body, Limits { memory, ..Limits::default() });
    }
}

#[test]
fn a_definition_of_a_definition_is_cached_too() {
    let calls = Arc::default();
    let engine = Engine::new().function(counted(&calls));
    let inner = engine.clone().fragment().check(Source::new("d", "$COUNTED(1)")).unwrap();
    let engine = engine.define("inner", &inner);
    let outer = engine.clone().fragment().check(Source::new("d", "[inner, inner]")).unwrap();
    let engine = engine.define("outer", &outer);
    let program: Program = engine.compile("[outer, inner, outer]").unwrap();
    let mut uses = DefinitionUses::default();
    uses.add(&program);
    let cache = DefinitionCache::new(&uses);
    let mut context = Context::new();
    context.set_definitions(&cache);
    let value = program.eval(&context).unwrap();
    assert_eq!(value.to_string(), "[[1,1],1,[1,1]]");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}
