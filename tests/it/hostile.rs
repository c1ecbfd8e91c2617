//! Hostile sources: reading and checking them must not take much time or memory.

use std::time::Duration;

use hookgate::diagnostic::{Code, Colour, Diagnostics, render_all, to_json};
use hookgate::engine::{Context, Engine, Source, UndeclaredRoots};
use hookgate::syntax::SyntaxLimits;

/// The maximum processor time of a case, in an unoptimised build. Before the fixes the cases took
/// minutes.
const LONG: Duration = Duration::from_secs(5);

fn engine() -> Engine {
    Engine::for_requests().strangers(UndeclaredRoots::Allow)
}

/// Returns the processor time of this thread, which does not depend on other processes.
pub(crate) fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

/// Returns the diagnostics of a source. Asserts that they take less than the allowed time.
fn diagnose_in_time(source: String) -> Diagnostics {
    let begun = processor_time();
    let shown: String = source.chars().take(40).collect();
    let report = engine().diagnose(Source::new("rule", source));
    let took = processor_time() - begun;
    assert!(took < LONG, "{shown}: {took:?}");
    report
}

fn codes(report: &Diagnostics) -> Vec<Code> {
    report.list.iter().map(|one| one.code).collect()
}

#[test]
fn type_inference_of_nested_lambdas_is_fast() {
    for function in ["MAP", "FILTER"] {
        let deep = 40;
        let source =
            format!("{}x{}", format!("x.${function}(a => ").repeat(deep), ")[0]".repeat(deep));
        assert!(!diagnose_in_time(source).has_errors(), "{function}");
    }
    assert!(!diagnose_in_time(format!("x{}", ".$MAP(a => [a, a])".repeat(3_000))).has_errors());
}

#[test]
fn unions_of_record_types_with_shared_parts_are_fast() {
    let doubled = |name: &str| {
        let step = format!(".$MAP({name} => {{ \"a\": {name}, \"b\": {name} }})");
        format!("[1]{}", step.repeat(30))
    };
    let one = format!("IF x THEN {} ELSE {}", doubled("p"), doubled("q"));
    assert!(!diagnose_in_time(format!("({one})[0].a.b")).has_errors());
    // The union is computed many times, for many members that are read at an unknown index.
    let members: Vec<String> = (0..1_500).map(|at| format!("\"{at}\": [p, q][x]")).collect();
    let read = vec!["y[x]"; 3_000].join(", ");
    let source =
        format!("[1].$MAP(p => [2].$MAP(q => [{{ {} }}].$MAP(y => [{read}])))", members.join(", "));
    assert!(!diagnose_in_time(source).has_errors());
}

#[test]
fn taint_spreads_from_a_secret_object_to_objects_built_from_it() {
    let secret = "{ $TEXT(1): $SECRET('NAME') }";
    for source in [
        format!("{secret}.$MAP(v => 1)"),
        format!("{secret}.$FILTER(v => TRUE)"),
        format!("{secret}.$MAP(v => 1).$KEYS()[0]"),
    ] {
        assert!(codes(&diagnose_in_time(source.clone())).contains(&Code::E0203), "{source}");
    }
    // The digests of a list of secrets are not secret.
    let source = "$SECRETS('NAME').$MAP(s => $HMAC_SHA256(s, raw_body).$HEX())";
    assert_eq!(codes(&diagnose_in_time(source.to_owned())), []);
}

#[test]
fn stacked_unary_operators_and_conditionals_are_an_error_at_once() {
    let garbage = |times: usize| "a b ".repeat(times);
    for source in [
        "NOT ".repeat(8_000) + &garbage(8_000),
        "IF a THEN ".repeat(3_000) + &garbage(8_000),
        "- ".repeat(8_000) + &garbage(8_000),
        "a => ".repeat(6_000) + &garbage(8_000),
        "a ? ".repeat(8_000) + &garbage(8_000),
        "a ? b : ".repeat(8_000),
        "NOT a == (".repeat(100) + &"NOT ".repeat(8_000) + &garbage(3_000),
    ] {
        assert_eq!(codes(&diagnose_in_time(source)), [Code::E0018]);
    }
}

#[test]
fn error_recovery_ends_soon_in_invalid_sources() {
    let ladder = "IF a THEN b ELSE ".repeat(2_000);
    for source in [
        ladder.clone() + &"a b ".repeat(7_000),
        ladder.clone() + &"a b c d e f g h AND ".repeat(1_200),
        ladder.clone() + &"a b + ".repeat(4_000),
        ladder.clone() + &"a : : : ".repeat(3_000),
        ladder + &"a $F $F $F ".repeat(2_500),
        "a b ".repeat(16_000),
        "a ".to_owned() + &"\"b\" ".repeat(10_000),
        "; ".repeat(16_000),
    ] {
        let report = diagnose_in_time(source).list.len();
        assert!((1..=20).contains(&report), "{report}");
    }
}

#[test]
fn long_sources_without_nesting_are_parsed_whole() {
    let sources = [
        format!("x{}", " AND NOT x".repeat(5_000)),
        format!("1{}", " - -1".repeat(8_000)),
        format!("x{}", " NOT IN x".repeat(5_000)),
        format!("x{}", ".a[0].b[:].$TEXT()".repeat(3_000)),
        format!("[{}]", "-x, NOT x, IF x THEN -1 ELSE 2, {\"a\": NOT x}, ".repeat(1_200)),
        format!("{}1", "IF x THEN IF NOT x THEN 1 ELSE -2 ELSE ".repeat(1_500)),
        format!("\"{}\"", "a ${-x} b ${NOT x} ".repeat(2_000)),
    ];
    for source in sources {
        let report = diagnose_in_time(source);
        assert!(!report.list.iter().any(|one| one.is_error()), "{report}");
    }
    // A lambda with many parameters is rejected for their number, not for its syntax.
    let names: Vec<String> = (0..5_000).map(|at| format!("p{at}")).collect();
    let report = diagnose_in_time(format!("[1].$MAP(({}) => 1)", names.join(", ")));
    assert_eq!(codes(&report), [Code::E0110]);
}

#[test]
fn the_help_for_a_ternary_quotes_only_short_operands() {
    let long = "parsed_body.member".repeat(3);
    let report = diagnose_in_time(format!("a ? {long} : c"));
    let help = report.list.first().and_then(|one| one.help.clone()).unwrap();
    assert_eq!(help, "write `IF a THEN … ELSE c`");
}

#[test]
fn a_run_of_hashes_in_an_interpolation_is_one_diagnostic() {
    let report = diagnose_in_time(format!("\"${{{}}}\"", "#".repeat(60_000)));
    let faults = report.list.iter().filter(|one| one.code == Code::E0001).count();
    assert_eq!(faults, 1);
    assert!(!diagnose_in_time(format!("\"${{{}}}\"", "# ".repeat(30_000))).list.is_empty());
}

/// Returns an engine that accepts larger sources than the default limits.
fn engine_for_large() -> Engine {
    engine().syntax_limits(SyntaxLimits { bytes: 4 << 20, depth: 128 })
}

#[test]
fn more_names_than_the_program_limit_are_an_error() {
    let names = |count: usize| {
        let names: Vec<String> = (0..count).map(|at| format!("n{at}")).collect();
        Source::new("rule", format!("[{}]", names.join(",")))
    };
    assert_eq!(codes(&engine_for_large().diagnose(names(65_535))), []);
    assert_eq!(codes(&engine_for_large().diagnose(names(65_536))), [Code::E0019]);
}

#[test]
fn a_chain_of_65536_steps_calls_the_right_functions() {
    let source = format!("\"A\"{}.$LOWERCASE().$UPPERCASE().$LOWERCASE()", "[:]".repeat(65_534));
    let program = engine_for_large().compile(&source).unwrap();
    assert_eq!(program.eval(&Context::new()).unwrap().to_string(), "\"a\"");
}

#[test]
fn a_host_function_does_not_inherit_the_checks_of_a_built_in() {
    use hookgate::builtins::{Function, Param};
    use hookgate::value::{Kinds, Value};
    const ANY: &[Param] =
        &[Param::new("value", Kinds::ANY), Param::new("other", Kinds::ANY).optional()];
    let own =
        |name| Function::host(name, ANY, Kinds::ANY, "The host's own.", |_, _| Ok(Value::Null));
    let names = ["TRY", "JWT_VERIFY", "CONCAT"];
    let engine = Engine::for_requests().verification();
    let engine = names.into_iter().fold(engine, |engine, name| engine.function(own(name)));
    let report = |source: &str| codes(&engine.diagnose(Source::new("rule", source)));
    assert_eq!(report("(\"a\" - 1).$TRY(2)"), [Code::E0201]);
    assert_eq!(report("$JWT_VERIFY(raw_body).sub == \"a\""), []);
    assert_eq!(report("$CONCAT($SHA256(raw_body))"), []);
}

#[test]
fn diagnostics_are_the_same_in_every_run() {
    let verify = "$JWT_VERIFY(headers.a, $SECRET('NAME'), \"HS256\").sub == \"a\"";
    let source = vec![verify; 20].join(" AND ");
    for _ in 0..20 {
        let report = diagnose_in_time(source.clone());
        let first = report.list.iter().find(|one| one.code == Code::W0113).unwrap();
        assert_eq!(first.span().start, 0);
    }
}

#[test]
fn at_most_a_hundred_diagnostics_are_reported() {
    let names: Vec<String> = (0..6_500).map(|at| format!("a{at}")).collect();
    let source = format!("{} OR ($TEXT({{a: 1}}) - 1) + b", names.join(" AND "));
    let report = Engine::for_requests().diagnose(Source::new("rule", source));
    assert_eq!((report.list.len(), report.more), (100, 6_405));
    let shown = render_all(&report, Colour::Off);
    assert!(shown.len() < 100_000, "{}", shown.len());
    assert!(shown.ends_with("note: and 6405 more\n\n"), "{shown}");
    assert_eq!(to_json(&report.source, &report.list).as_array().unwrap().len(), 100);
    // Errors displace warnings.
    let warnings = "raw_body == 1, ".repeat(300);
    let report = Engine::for_requests().diagnose(Source::new("rule", format!("[{warnings}nope]")));
    assert!(report.has_errors() && report.list.len() == 100 && report.more == 201);
}

#[test]
fn a_long_source_line_is_cut_around_the_diagnostic() {
    let before = "TRUE AND ".repeat(100);
    let source = format!("# first\n  \"é\" == \"é\" AND {before}nope AND {before}TRUE");
    let report = Engine::for_requests().diagnose(Source::new("rule", source));
    let shown = render_all(&report, Colour::Off);
    assert!(shown.contains("rule:2:918"), "{shown}");
    let lines: Vec<&str> = shown.lines().collect();
    let at = lines.iter().position(|line| line.contains("nope AND")).unwrap();
    assert!(lines[at].chars().count() < 450 && lines[at].starts_with("2 │ …"), "{shown}");
    let column = |line: &str, sign: &str| line.split(sign).next().unwrap().chars().count();
    assert_eq!(column(lines[at], "nope"), column(lines[at + 1], "^^^^"), "{shown}");
    // A long source that is one error throughout, and one that ends too early.
    for source in
        [format!("({}", "a + ".repeat(500)), format!("\"{}", "é\n".repeat(500)), "é".repeat(900)]
    {
        let report = diagnose_in_time(source);
        assert!(render_all(&report, Colour::Off).lines().all(|line| line.chars().count() < 450));
    }
}
