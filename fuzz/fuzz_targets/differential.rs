//! A source and a context, a line apart: the machine, folded and unfolded, answers what the
//! reference evaluator answers, or fails with the same code at the same place.

#![no_main]

use hookgate::compile::Options;
use hookgate::engine::{Context, Engine, Machine, OwnedValue, Source, Time};
use hookgate::value::read_json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let (context, text) = input.split_once('\n').unwrap_or(("{}", input));
    let Ok(context @ OwnedValue::Object(_)) = read_json(context.as_bytes()) else {
        return;
    };
    let engine = Engine::new();
    let Ok(checked) = engine.check(Source::new("fuzz", text)) else {
        return;
    };
    let mut roots = Context::of(&context);
    if let Ok(now) = Time::from_epoch(1_755_648_000i64.into()) {
        roots.set_now(now);
    }
    let told = |answer: Result<OwnedValue, hookgate::engine::Trap>| {
        answer.map(|answer| format!("{answer:?}")).map_err(|trap| (trap.code(), trap.span()))
    };
    let run = |fold| {
        let program = engine.lower_with(&checked, Options { fold, ..Options::default() }).expect("it compiles").program;
        let mut machine = Machine::default();
        let answer = machine.eval(&program, &roots);
        told(answer.map(|answer| answer.to_owned_value().expect("no secret is out")))
    };
    let folded = run(true);
    // The reference has no limits, and folding spends none.
    if matches!(&folded, Err((code, _)) if code.name().starts_with("E04")) {
        return;
    }
    assert_eq!(folded, run(false));
    assert_eq!(folded, told(hookgate::reference::eval(&checked, &roots)));
});
