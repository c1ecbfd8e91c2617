//! A zone, a format and a text for the time functions: parsing and formatting again gives the same
//! instant, and where chrono parses the same text, the instant is the same.

#![no_main]

use std::cell::RefCell;
use std::time::Duration;

use chrono::DateTime;
use hookgate::config::duration;
use hookgate::delivery::retry_after;
use hookgate::engine::{Context, Engine, Machine, OwnedValue, Program, Time, UndeclaredRoots};
use hookgate_fuzz::{machine, split_text};
use libfuzzer_sys::fuzz_target;

/// Parsed, formatted, and parsed again; with an offset in the text, and without one.
const RULES: &[&str] = &[
    "$PARSE_TIME(text, format, zone)",
    "$PARSE_TIME(text, format)",
    "$PARSE_TIME(text, NULL, zone)",
    "$PARSE_TIME(text)",
    "$PARSE_TIME($INTEGER(text))",
    "$FORMAT_TIME($PARSE_TIME(text), format, zone)",
    "$FORMAT_TIME($PARSE_TIME(text), format)",
    "$FORMAT_TIME($TIME(), format, zone)",
    "$ADD_DATE($PARSE_TIME(text), $INTEGER(format), $INTEGER(zone), $INTEGER(format))",
    "$ADD_TIME($PARSE_TIME(text), $DECIMAL(format), $DECIMAL(zone), 0)",
    "[$TIME() - $PARSE_TIME(text), $TIME() < $PARSE_TIME(text), $EPOCH($PARSE_TIME(text))]",
];

/// Properties of every result.
const LAWS: &[&str] = &[
    "$PARSE_TIME($FORMAT_TIME($PARSE_TIME(text))) == $PARSE_TIME(text)",
    "$PARSE_TIME($FORMAT_TIME($PARSE_TIME(text), NULL, zone)) == $PARSE_TIME(text)",
    "$EPOCH($PARSE_TIME($TEXT($PARSE_TIME(text)))) == $EPOCH($PARSE_TIME(text))",
];

struct State {
    machine: Machine,
    rules: Vec<Program>,
    laws: Vec<Program>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::new(state());
}

fn state() -> State {
    let engine = Engine::new().strangers(UndeclaredRoots::Allow);
    let compile = |rule: &&str| engine.compile(rule).unwrap_or_else(|report| panic!("{report}"));
    State {
        machine: machine(),
        rules: RULES.iter().map(compile).collect(),
        laws: LAWS.iter().map(compile).collect(),
    }
}

fuzz_target!(|input: &str| {
    let (zone, rest) = split_text(input);
    let (format, text) = split_text(rest);
    let mut context = Context::new();
    context.set("zone", zone).set("format", format).set("text", text);
    context.set_now(Time::from_epoch(1_755_648_000i64.into()).expect("a time"));
    STATE.with_borrow_mut(|State { machine, rules, laws }| {
        for rule in rules.iter() {
            let _ = machine.eval(rule, &context);
        }
        for (law, rule) in laws.iter().zip(LAWS) {
            if let Ok(answer) = machine.eval(law, &context) {
                assert!(answer.is_null() || answer.is_truthy(), "{rule}: {answer}");
            }
        }
        let read = machine.eval(&rules[3], &context).ok().and_then(|value| value.to_owned_value());
        for theirs in [DateTime::parse_from_rfc3339(text), DateTime::parse_from_rfc2822(text)]
            .into_iter()
            .flatten()
        {
            if let Some(OwnedValue::Time(ours)) = &read {
                assert_eq!(ours.epoch_millis(), theirs.timestamp_millis(), "{text:?}");
            }
        }
    });
    if let Ok(time) = text.parse::<Time>() {
        assert_eq!(time.to_string().parse::<Time>().ok(), Some(time), "{time}");
    }
    let _ = duration::parse(text);
    let _ = retry_after(text, Time::EPOCH).is_some_and(|wait| wait > Duration::ZERO);
});
