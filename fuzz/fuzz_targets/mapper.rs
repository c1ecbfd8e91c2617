//! Compiles a document in JSON, YAML or TOML as a mapper and runs it in a context: an accepted document compiles, or
//! gets diagnostics with valid spans. Neither folding nor marking changes a result, and a JSON
//! document has the same meaning when it is read as YAML.

#![no_main]

use hookgate::compile::Options;
use hookgate::engine::{Context, Engine, Format, OwnedValue, Source, Time, Trap};
use hookgate::value::read_json;
use hookgate_fuzz::diagnostics::holds;
use hookgate_fuzz::{machine, split_text};
use libfuzzer_sys::fuzz_target;

/// The outcome of a document: a result or a code.
type Outcome = Result<OwnedValue, String>;

fuzz_target!(|input: &str| {
    let (document, context) = split_text(input);
    let context = read_json(context.as_bytes()).ok();
    let context = context.filter(|value| matches!(value, OwnedValue::Object(_)));
    let context = context.unwrap_or_else(|| read_json(b"{}").expect("JSON"));
    let json = outcome(document, Format::Json, &context);
    let yaml = outcome(document, Format::Yaml, &context);
    let _ = outcome(document, Format::Toml, &context);
    if let (Some(json), Some(yaml)) = (json, yaml) {
        assert_eq!(json, yaml, "JSON and YAML differ");
    }
});

fn outcome(document: &str, format: Format, context: &OwnedValue) -> Option<Outcome> {
    let engine = Engine::new();
    let checked = match engine.check_mapper(Source::new("fuzz", document), format) {
        Ok(checked) => checked,
        Err(diagnostics) => {
            holds(&diagnostics);
            return None;
        }
    };
    let mut roots = Context::of(context);
    roots.set_now(Time::from_epoch(1_755_648_000i64.into()).expect("a time"));
    let run = |fold, mark| {
        let options = Options { fold, mark, ..Options::default() };
        let program =
            engine.lower_with(&checked, options).expect("an accepted document compiles").program;
        let mut machine = machine();
        let answer = machine.eval(&program, &roots);
        comparable(answer.map(|answer| answer.to_owned_value().expect("no secret escapes")))
    };
    let all = [run(true, false), run(false, false), run(true, true)];
    // Folded code takes fewer steps, so it may stay within a limit.
    if all.iter().any(|one| matches!(one, Err(code) if code.starts_with("E04"))) {
        return None;
    }
    let [folded, plain, marked] = all;
    assert_eq!(folded, plain, "folded and unfolded differ");
    assert_eq!(folded, marked, "folded and marked differ");
    Some(folded)
}

fn comparable(answer: Result<OwnedValue, Trap>) -> Outcome {
    answer.map_err(|trap| trap.code().to_string())
}
