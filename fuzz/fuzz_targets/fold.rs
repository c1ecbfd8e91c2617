//! Constant folding changes no result and no fault of a rule or a template, in every compiled form.
//! The only exception is a run past a limit, because folded code takes fewer steps.

#![no_main]

use hookgate::check::Checked;
use hookgate::compile::Options;
use hookgate::engine::{Engine, Machine, OwnedValue, Source, Trap, UndeclaredRoots};
use hookgate_fuzz::{Case, machine};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let case = Case::of(input);
    let engine = Engine::for_requests().strangers(UndeclaredRoots::Allow);
    let source = || Source::new("fuzz", case.rule.as_str());
    let mut machine = machine();
    for checked in [engine.check(source()), engine.check_template(source())].into_iter().flatten() {
        assert_equal_outcomes(&engine, &checked, &case, &mut machine);
    }
});

fn assert_equal_outcomes(engine: &Engine, checked: &Checked, case: &Case, machine: &mut Machine) {
    let context = case.context();
    let mut run = |options| {
        let program =
            engine.lower_with(checked, options).expect("an accepted source compiles").program;
        comparable(
            machine
                .eval(&program, &context)
                .map(|answer| answer.to_owned_value().expect("no secret escapes")),
        )
    };
    let plain = run(Options { fold: false, predicate: false, ..Options::default() });
    for (fold, predicate, mark) in [
        (true, true, false),
        (true, false, false),
        (false, true, false),
        (true, false, true),
        (false, false, true),
    ] {
        let other = run(Options { fold, predicate, mark, ..Options::default() });
        let limited = [&plain, &other]
            .iter()
            .any(|one| matches!(one, Err((code, _)) if code.starts_with("E04")));
        assert!(
            limited || plain == other,
            "{plain:?} is not {other:?} with {fold}, {predicate}, {mark}: {}",
            case.rule
        );
    }
}

fn comparable(
    answer: Result<OwnedValue, Trap>,
) -> Result<OwnedValue, (String, hookgate::source::Span)> {
    answer.map_err(|trap| (trap.code().to_string(), trap.span()))
}
