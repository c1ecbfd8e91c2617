//! Generated programs against generated contexts: the machine, folded and unfolded, against the
//! reference evaluator; and what the checker says of a program against what it does.
//!
//! `PROPTEST_CASES=100000` looks longer. What was found once stays in
//! `tests/cases/differential.json`.

mod choices;
mod contexts;
mod laws;
mod programs;

use std::cell::RefCell;

use hookgate::check::Checked;
use hookgate::diagnostic::Code;
use hookgate::engine::{Engine, Limits, Machine, OwnedValue, Program, Source, Strangers, Trap};
use hookgate::reference;
use hookgate::source::Span;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use choices::{Choices, List, choices};
use contexts::{Fixed, Given, only};

/// So many cases, or as many as `PROPTEST_CASES` says.
pub(super) fn cases(usual: u32) -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if asked { config } else { ProptestConfig { cases: usual, ..config } }
}

/// What a run comes to: an answer, or a code and where.
type Outcome = Result<OwnedValue, (Code, Span)>;

fn outcome(run: Result<OwnedValue, Trap>) -> Outcome {
    run.map_err(|trap| (trap.code(), trap.span()))
}

fn is_limit(outcome: &Outcome) -> bool {
    matches!(outcome, Err((code, _)) if code.to_string().starts_with("E04"))
}

/// An engine for requests, with other names taken from the context.
pub(super) fn engine() -> Engine {
    Engine::for_requests().strangers(Strangers::Taken)
}

thread_local! {
    static MACHINE: RefCell<Machine> = RefCell::new(Machine::new(Limits {
        steps: 200_000,
        memory: 4 << 20,
        ..Limits::default()
    }));
}

fn machine_run(program: &Program, fixed: &Fixed, values: &[(&'static str, OwnedValue)]) -> Outcome {
    MACHINE.with_borrow_mut(|machine| {
        let context = fixed.context(values);
        outcome(machine.eval(program, &context).map(|answer| answer.to_owned_value().unwrap()))
    })
}

/// A program that surely holds together: as it is, or where the checker is certain that it
/// fails, so that nothing is certain. Answers also whether it was certain.
fn checked(engine: &Engine, source: &str) -> Option<(Checked, bool)> {
    match engine.check(Source::new("rule", source)) {
        Ok(checked) => Some((checked, false)),
        Err(found) => {
            let fails = |code: Code| matches!(code, Code::E0201 | Code::E0202 | Code::E0203);
            let errors = found.list.iter().filter(|one| one.is_error());
            let certain = errors.clone().all(|one| fails(one.code));
            let only_kinds = errors.clone().all(|one| one.code != Code::E0203);
            let source = format!("IF vars.go THEN ({source}\n) ELSE NULL");
            let checked = engine.check(Source::new("rule", source)).ok()?;
            Some((checked, certain && only_kinds))
        }
    }
}

/// Runs a program in every way; they agree.
fn agree(source: &str, given: &Given) -> Result<bool, TestCaseError> {
    let engine = engine();
    let Some((checked, certain)) = checked(&engine, source) else {
        return Ok(false);
    };
    let fixed = Fixed::new();
    let values = given.values();
    let folded = engine.lower(&checked, true, false).unwrap().program;
    let unfolded = engine.lower(&checked, false, false).unwrap().program;
    let answer = machine_run(&folded, &fixed, &values);
    let unfolded = machine_run(&unfolded, &fixed, &values);
    if is_limit(&answer) || is_limit(&unfolded) {
        return Ok(true);
    }
    let context = fixed.context(&values);
    let meant = outcome(reference::eval(&checked, &context));
    prop_assert_eq!(&answer, &unfolded, "folded and unfolded");
    prop_assert_eq!(&answer, &meant, "the machine and the reference");
    prop_assert_eq!(&answer, &machine_run(&folded, &fixed, &values), "a second run");
    sound(&checked, certain, &answer)?;
    reads_enough(&folded, &fixed, &values, &answer)?;
    let marked = engine.lower(&checked, true, true).unwrap().program;
    prop_assert_eq!(&answer, &machine_run(&marked, &fixed, &values), "with marks");
    Ok(true)
}

/// What the checker says of an answer holds; what it says always fails, fails.
fn sound(checked: &Checked, certain: bool, answer: &Outcome) -> Result<(), TestCaseError> {
    prop_assert!(!(certain && answer.is_ok()), "refused as failing, and answers {answer:?}");
    if let Ok(value) = answer {
        let (kind, kinds) = (value.borrow().kind(), checked.answer.kinds);
        prop_assert!(kinds.contains(kind), "inferred {kinds}, got {kind}");
        let truth = value.borrow().is_truthy();
        let inferred = checked.answer.truth;
        prop_assert!(inferred.is_none_or(|inferred| inferred == truth), "inferred {inferred:?}");
    }
    Ok(())
}

/// Nothing but what a program says it reads counts for its answer.
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
            // In the log's shape the headers lie one level deeper than the path says.
            "headers" => (*root, value.clone()),
            _ => (*root, only(value, root, &reads)),
        })
        .collect();
    prop_assert_eq!(answer, &machine_run(program, fixed, &narrowed), "reads {:?}", reads);
    Ok(())
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn the_machine_answers_what_the_language_means(
        rule in choices(160),
        context in choices(80),
    ) {
        let source = programs::program(&mut Choices::of(&rule));
        let given = Given::generate(&mut Choices::of(&context));
        let told = |error: TestCaseError| match error {
            TestCaseError::Fail(why) => TestCaseError::fail(format!(
                "{why}\n  rule: {source}\n  context: {}", given.json()
            )),
            reject => reject,
        };
        agree(&source, &given).map_err(told)?;
    }
}

/// A generator of programs that the checker mostly refuses would test nothing.
#[test]
fn most_generated_programs_run() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut run, mut answered) = (0, 0);
    let all = 300;
    let given = Given::generate(&mut Choices::of(&List(Vec::new())));
    let fixed = Fixed::new();
    for _ in 0..all {
        let list = choices(160).new_tree(&mut runner).unwrap().current();
        let source = programs::program(&mut Choices::of(&list));
        if let Some((checked, _)) = checked(&engine(), &source) {
            run += 1;
            let values = given.values();
            answered += u32::from(reference::eval(&checked, &fixed.context(&values)).is_ok());
        }
    }
    assert!(run * 10 > all * 7, "{run} of {all} run");
    assert!(answered * 3 > run, "{answered} of {run} answer");
}

#[derive(serde::Deserialize)]
struct Found {
    about: String,
    rule: String,
    context: serde_json::Value,
    answer: serde_json::Value,
}

/// What generated cases found once: the rule, what it was run against, and what it means.
#[test]
fn what_was_found_once_stays_mended() {
    let found = include_str!("../cases/differential.json");
    let found: Vec<Found> = serde_json::from_str(found).unwrap();
    for Found { about, rule, context, answer } in found {
        let context = context.as_object().unwrap();
        let mut roots = vec![("vars", "{\"go\":true}".to_owned())];
        for (root, value) in context {
            roots.push((root.clone().leak(), value.to_string()));
        }
        let given = Given { roots };
        let agreed = agree(&rule, &given);
        assert!(matches!(agreed, Ok(true)), "{about}: {rule}: {agreed:?}");
        let fixed = Fixed::new();
        let values = given.values();
        let (checked, _) = checked(&engine(), &rule).unwrap();
        let shown = match reference::eval(&checked, &fixed.context(&values)) {
            Ok(value) => serde_json::from_str(&value.to_string()).unwrap(),
            Err(trap) => serde_json::Value::from(trap.code().to_string()),
        };
        assert_eq!(shown, answer, "{about}: {rule}");
    }
}
