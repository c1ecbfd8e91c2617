//! Generated programs in generated contexts: the machine with and without folding is compared with
//! the reference evaluator, and the results of the checker with the run.
//!
//! `PROPTEST_CASES=100000` runs more cases. Cases that failed once are kept in
//! `tests/cases/differential.json`.

mod choices;
mod contexts;
mod crypto;
mod dates;
mod differential;
mod encodings;
mod functions;
mod json;
mod laws;
mod logic;
mod numbers;
mod programs;
mod published;

use hookgate::reference;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use choices::{Choices, List, choices};
use contexts::{Fixed, Given};
use differential::{Taken, agree, engine, keeps_its_shape, take};

/// Returns a configuration with the usual number of cases, or the number in `PROPTEST_CASES`.
pub(super) fn cases(usual: u32) -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if asked { config } else { ProptestConfig { cases: usual, ..config } }
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn the_machine_agrees_with_the_reference_evaluator(
        rule in choices(400),
        context in choices(120),
    ) {
        let source = programs::program(&mut Choices::of(&rule));
        let given = Given::generate(&mut Choices::of(&context));
        let report = |error: TestCaseError| match error {
            TestCaseError::Fail(why) => TestCaseError::fail(format!(
                "{why}\n  rule: {source}\n  context: {}", given.json()
            )),
            reject => reject,
        };
        agree(&source, &given).map_err(report)?;
        keeps_its_shape(&source).map_err(report)?;
    }
}

/// Most generated programs must pass the checker; otherwise the tests would test nothing.
#[test]
fn most_generated_programs_run_without_an_error() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut run, mut answered) = (0, 0);
    let all = 300;
    let given = Given::generate(&mut Choices::of(&List(Vec::new())));
    let fixed = Fixed::new();
    for _ in 0..all {
        let list = choices(160).new_tree(&mut runner).unwrap().current();
        let source = programs::program(&mut Choices::of(&list));
        if let Some(Taken { checked, .. }) = take(&engine(), &source) {
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

/// Runs the generated cases that failed once: the rule, its context, and the expected result.
#[test]
fn differential_regressions_stay_fixed() {
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
        let Taken { checked, .. } = take(&engine(), &rule).unwrap();
        let shown = match reference::eval(&checked, &fixed.context(&values)) {
            Ok(value) => serde_json::from_str(&value.to_string()).unwrap(),
            Err(trap) => serde_json::Value::from(trap.code().to_string()),
        };
        assert_eq!(shown, answer, "{about}: {rule}");
    }
}
