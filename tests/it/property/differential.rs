//! Runs a program in every way and compares the results: with and without folding, with marks, as a
//! predicate tree, in a rule set, and in the reference evaluator. Also tests the results of the
//! checker.

use std::cell::RefCell;
use std::ops::ControlFlow;

use hookgate::check::Checked;
use hookgate::compile::{Compiled, Options};
use hookgate::diagnostic::Code;
use hookgate::engine::{
    Context, Engine, Limits, Machine, OwnedValue, Program, RootDeclaration, RuleSet, Source, Trap,
    Type, UndeclaredRoots, Value,
};
use hookgate::reference;
use hookgate::source::Span;
use hookgate::syntax::{Expr, Parsed};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::contexts::{Fixed, Given, only};

/// The outcome of a run: a result, or a code with its span.
type Outcome = Result<OwnedValue, (Code, Span)>;

fn outcome(run: Result<OwnedValue, Trap>) -> Outcome {
    run.map_err(|trap| (trap.code(), trap.span()))
}

fn is_limit(outcome: &Outcome) -> bool {
    matches!(outcome, Err((code, _)) if code.to_string().starts_with("E04"))
}

/// Returns an engine for requests that reads undeclared names from the context.
pub(super) fn engine() -> Engine {
    Engine::for_requests().strangers(UndeclaredRoots::Allow)
}

thread_local! {
    static MACHINE: RefCell<Machine> = RefCell::new(Machine::new(Limits {
        steps: 200_000,
        memory: 4 << 20,
        ..Limits::default()
    }));
}

fn machine_run(program: &Program, fixed: &Fixed, values: &[(&'static str, OwnedValue)]) -> Outcome {
    machine_run_in(program, &fixed.context(values))
}

fn machine_run_in(program: &Program, context: &Context<'_>) -> Outcome {
    MACHINE.with_borrow_mut(|machine| {
        outcome(machine.eval(program, context).map(|answer| answer.to_owned_value().unwrap()))
    })
}

/// A checked program, and true if the checker reported that it always fails.
pub(super) struct Taken {
    pub(super) checked: Checked,
    fails: bool,
}

/// Checks a program. If the checker rejects it because an operation always fails, the program is
/// wrapped in a condition, so that nothing is certain. If the checker rejects it because of a
/// secret, it is wrapped in operations that declassify.
pub(super) fn take(engine: &Engine, source: &str) -> Option<Taken> {
    let check = |source: String| engine.check(Source::new("rule", source));
    let found = match check(source.to_owned()) {
        Ok(checked) => return Some(Taken { checked, fails: false }),
        Err(found) => found,
    };
    let mut codes = found.list.iter().filter(|one| one.is_error()).map(|one| one.code);
    let fails = codes.all(|code| matches!(code, Code::E0201 | Code::E0202));
    if let Ok(checked) = check(format!("IF vars.go THEN ({source}\n) ELSE NULL")) {
        return Some(Taken { checked, fails });
    }
    let report = format!(
        "IF vars.go THEN [$KIND({source}), ({source}) == \"key zoom-secret\", $SHA256({source})]"
    );
    Some(Taken { checked: check(report).ok()?, fails: false })
}

/// Runs a program in every way, and asserts equal results.
pub(super) fn agree(source: &str, given: &Given) -> Result<bool, TestCaseError> {
    let values = given.values();
    let engine = engine();
    let Some(accepted) = take(&engine, source) else {
        return Ok(false);
    };
    let fixed = Fixed::new();
    if let Some(answer) = runs_alike(&engine, &accepted, &fixed, &values)? {
        let folded = engine.lower(&accepted.checked).unwrap();
        reads_enough(&folded, &fixed, &values, &answer)?;
        embedded_alike(&folded, &fixed, &values, given, &answer)?;
    }
    // The same, with the types that a sample of the context gives.
    let sampled = sampled(&values);
    if let Some(accepted) = take(&sampled, source) {
        runs_alike(&sampled, &accepted, &fixed, &values)?;
    }
    Ok(true)
}

/// Returns an engine with the types of all variables from a sample, which is the context itself.
fn sampled(values: &[(&'static str, OwnedValue)]) -> Engine {
    let sample = |(root, value): &(&'static str, OwnedValue)| {
        let known = RootDeclaration::new(*root).of(Type::of_sample(value));
        if *root == "headers" { RootDeclaration::new(*root).case_insensitive() } else { known }
    };
    engine().roots(values.iter().map(sample)).strangers(UndeclaredRoots::Allow)
}

/// Returns the common result of all ways to run. `None` if a limit is exceeded.
fn runs_alike(
    engine: &Engine,
    accepted: &Taken,
    fixed: &Fixed,
    values: &[(&'static str, OwnedValue)],
) -> Result<Option<Outcome>, TestCaseError> {
    let lower = |fold, mark| {
        engine
            .lower_with(&accepted.checked, Options { fold, mark, ..Options::default() })
            .unwrap()
            .program
    };
    let folded = lower(true, false);
    as_a_tree(engine, accepted, &folded, &fixed.context(values))?;
    let answer = machine_run(&folded, fixed, values);
    let unfolded = machine_run(&lower(false, false), fixed, values);
    if is_limit(&answer) || is_limit(&unfolded) {
        return Ok(None);
    }
    let context = fixed.context(values);
    let meant = reference::eval(&accepted.checked, &context);
    let leaves = |trap: &Trap| trap.fault().message() == "the answer would hold a secret";
    prop_assert!(!meant.as_ref().is_err_and(leaves), "the checker misses an escape");
    let meant = outcome(meant);
    prop_assert_eq!(&answer, &unfolded, "folded and unfolded");
    prop_assert_eq!(&answer, &meant, "the machine and the reference");
    prop_assert_eq!(&answer, &machine_run(&folded, fixed, values), "a second run");
    let marked = machine_run(&lower(true, true), fixed, values);
    // A marked program is folded less, so it takes more steps.
    prop_assert!(marked == answer || is_limit(&marked), "with marks {marked:?}, not {answer:?}");
    sound(accepted, &answer)?;
    warnings_hold(engine, &accepted.checked, &context)?;
    Ok(Some(answer))
}

/// Asserts that a predicate tree gives the same result as the instructions, with the same steps and
/// at the same limits.
fn as_a_tree(
    engine: &Engine,
    accepted: &Taken,
    folded: &Program,
    context: &Context<'_>,
) -> Result<(), TestCaseError> {
    let options = Options { predicate: false, ..Options::default() };
    let plain = engine.lower_with(&accepted.checked, options).unwrap().program;
    prop_assert!(plain.predicate().is_none());
    for (steps, memory) in [(200_000, 4 << 20), (40, 4 << 20), (3, 4 << 20), (200_000, 200), (0, 0)]
    {
        let mut machine = Machine::new(Limits { steps, memory, ..Limits::default() });
        let mut run = |program: &Program| {
            let answer =
                machine.eval(program, context).map(|answer| answer.to_owned_value().unwrap());
            let truth = answer.as_ref().map(|answer| answer.borrow().is_truthy()).ok();
            (outcome(answer), truth)
        };
        let (answer, truth) = run(folded);
        prop_assert_eq!(
            &answer,
            &run(&plain).0,
            "as a tree, with {} steps, {} bytes",
            steps,
            memory
        );
        let tested = machine.test(folded, context).ok();
        prop_assert_eq!(tested, truth, "tested, with {} steps, {} bytes", steps, memory);
        in_a_set(&mut machine, [folded, &plain, folded, folded], context)?;
    }
    Ok(())
}

/// Asserts that programs in a set give the same results as alone, including limits.
fn in_a_set<const N: usize>(
    machine: &mut Machine,
    programs: [&Program; N],
    context: &Context<'_>,
) -> Result<(), TestCaseError> {
    let message = |answer: Result<bool, Trap>| answer.map_err(|trap| trap.to_string());
    let alone = programs.map(|program| message(machine.test(program, context)));
    let set = RuleSet::new(programs.map(Program::clone));
    let mut together = Vec::new();
    machine.test_set(&set, context, |at, answer| {
        assert_eq!(at, together.len());
        together.push(message(answer));
        ControlFlow::<()>::Continue(())
    });
    prop_assert_eq!(&together[..], &alone[..], "in a set");
    Ok(())
}

/// Asserts that each warning about a part is true whenever the part runs.
fn warnings_hold(
    engine: &Engine,
    checked: &Checked,
    context: &Context<'_>,
) -> Result<(), TestCaseError> {
    let Compiled { program, places } =
        engine.lower_with(checked, Options { mark: true, ..Options::default() }).unwrap();
    let mut machine = Machine::default();
    let (marks, _) = machine.trace(&program, context);
    for mark in marks {
        let tree = &checked.parsed.tree;
        let place = places[mark.place as usize];
        let (whole, own) = match (tree.expr(place.expr), place.step) {
            (Expr::Chain { steps, .. }, Some(at)) => {
                let step = &steps[at as usize];
                (step.span, step.own)
            }
            (Expr::Chain { steps, .. }, None) => (tree.span(place.expr), steps.last().unwrap().own),
            _ => (tree.span(place.expr), tree.span(place.expr)),
        };
        let value = mark.value;
        for warning in checked.warnings.iter().filter(|one| [whole, own].contains(&one.span())) {
            let message = &*warning.message;
            let holds = match warning.code {
                Code::W0102 | Code::W0109 if warning.span() == own => value.is_null(),
                Code::W0115 if warning.span() == whole => value.is_null(),
                Code::W0104 if message.ends_with("independently of the value before it") => {
                    value.is_truthy()
                }
                Code::W0104 => message.ends_with(&format!("always {}", value.is_truthy())),
                Code::W0114 => !value.is_truthy(),
                Code::W0103 if message.ends_with("unless both are null") => true,
                Code::W0103 => value.is_truthy() == message.contains("always"),
                // For an argument, the call is the operation that fails.
                Code::W0108
                    if message.contains("does not work on") || message.contains("no order") =>
                {
                    !message.ends_with("whenever it runs")
                }
                _ => true,
            };
            prop_assert!(holds, "{}: {message} at {:?}, and is {value:?}", warning.code, whole);
        }
    }
    Ok(())
}

/// Asserts that a context of `serde_json::Value` gives the same result, if it keeps the order of
/// keys.
fn embedded_alike(
    program: &Program,
    fixed: &Fixed,
    values: &[(&'static str, OwnedValue)],
    given: &Given,
    answer: &Outcome,
) -> Result<(), TestCaseError> {
    let embedded: serde_json::Value = serde_json::from_str(&given.json()).unwrap();
    let mut context = fixed.context(values);
    for (root, value) in values {
        let theirs = Value::from(&embedded[*root]);
        if theirs.to_owned_value().as_ref() == Some(value) {
            context.set(root, theirs);
        }
    }
    prop_assert_eq!(answer, &machine_run_in(program, &context), "as serde_json has it");
    Ok(())
}

/// Asserts the checker's type of the result, and that a program reported as always failing fails.
fn sound(accepted: &Taken, answer: &Outcome) -> Result<(), TestCaseError> {
    let Taken { checked, fails } = accepted;
    prop_assert!(!(*fails && answer.is_ok()), "refused as failing, and results in {answer:?}");
    if let Ok(value) = answer {
        let (kind, kinds) = (value.borrow().kind(), checked.answer.kinds);
        prop_assert!(kinds.contains(kind), "inferred {kinds}, got {kind}");
        let truth = value.borrow().is_truthy();
        let inferred = checked.answer.truth;
        prop_assert!(inferred.is_none_or(|inferred| inferred == truth), "inferred {inferred:?}");
    }
    Ok(())
}

/// Asserts that the result only depends on the paths that the program reports to read.
fn reads_enough(
    program: &Program,
    fixed: &Fixed,
    values: &[(&'static str, OwnedValue)],
    answer: &Outcome,
) -> Result<(), TestCaseError> {
    let reads = program.reads();
    let narrowed: Vec<(&'static str, OwnedValue)> = values
        .iter()
        .filter(|(root, _)| *root != "headers" || reads.iter().any(|read| &*read.root == *root))
        .map(|(root, value)| match *root {
            // In the log's form the headers are one level deeper than the path.
            "headers" => (*root, value.clone()),
            _ => (*root, only(value, root, &reads)),
        })
        .collect();
    prop_assert_eq!(answer, &machine_run(program, fixed, &narrowed), "reads {:?}", reads);
    Ok(())
}

/// Asserts that white space and comments around a program change nothing.
pub(super) fn keeps_its_shape(source: &str) -> Result<(), TestCaseError> {
    let parsed = |source: String| engine().parse(Source::new("rule", source)).ok();
    let (one, other) = (parsed(source.to_owned()), parsed(format!("# why\n\t{source} # so\n ")));
    let fingerprint =
        |parsed: &Option<Parsed>| parsed.as_ref().map(|p| p.tree.fingerprint(p.tree.root()));
    prop_assert_eq!(
        fingerprint(&one),
        fingerprint(&other),
        "the type with white space around the source"
    );
    prop_assert!(one.is_some(), "the source parses");
    Ok(())
}
