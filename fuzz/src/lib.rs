//! The common code of the fuzz targets: the generators of the property tests, contexts, machines
//! with limits.
//!
//! Each target tests one property, and its input is text that a sender or an author could write.
//! [`PARTS`] separates the parts of an input, so that seeds stay readable.

pub mod diagnostics;
pub mod listeners;

#[path = "../../tests/it/property/choices.rs"]
#[allow(dead_code, reason = "the property tests use all of it")]
mod choices;
#[path = "../../tests/it/property/contexts.rs"]
#[allow(dead_code, reason = "the property tests use all of it")]
mod contexts;
#[path = "../../tests/it/property/differential.rs"]
#[allow(dead_code, reason = "the property tests use all of it")]
mod differential;
#[path = "../../tests/it/property/programs.rs"]
#[allow(dead_code, reason = "the property tests use all of it")]
mod programs;

use hookgate::engine::{Limits, Machine, OwnedValue};
use hookgate::value::read_json;

use choices::{Choices, List};
use contexts::{Fixed, Given};

/// The separator between the parts of an input.
pub const PARTS: &str = "\n====\n";

/// Returns the first part of an input, and the rest. Both are the whole input if it has one part.
pub fn split(input: &[u8]) -> (&[u8], &[u8]) {
    let mark = PARTS.as_bytes();
    match input.windows(mark.len()).position(|window| window == mark) {
        Some(at) => (&input[..at], &input[at + mark.len()..]),
        None => (input, &[]),
    }
}

/// The same for a text.
pub fn split_text(input: &str) -> (&str, &str) {
    input.split_once(PARTS).unwrap_or((input, ""))
}

/// The choices of these bytes, two bytes for each.
pub struct Bytes(Choices);

impl Bytes {
    pub fn of(bytes: impl Iterator<Item = u8>) -> Self {
        let bytes: Vec<u8> = bytes.collect();
        let choice =
            |pair: &[u8]| pair.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte));
        Self(Choices::of(&List(bytes.chunks(2).map(choice).collect())))
    }

    /// Returns one of `ways` choices.
    pub fn pick(&mut self, ways: usize) -> usize {
        self.0.pick(ways)
    }

    pub fn one<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        self.0.one(of)
    }

    pub fn spent(&self) -> bool {
        self.0.spent()
    }
}

/// A program and its context.
pub struct Case {
    pub rule: String,
    given: Given,
    values: Vec<(&'static str, OwnedValue)>,
    fixed: Fixed,
}

impl Case {
    /// A rule, and a context in JSON after the separator. For any other input: choices from its
    /// start for the rule, and from its end for the context.
    pub fn of(input: &[u8]) -> Self {
        let written = std::str::from_utf8(input).ok().and_then(Self::written);
        written.unwrap_or_else(|| {
            let mut rule = Bytes::of(input.iter().copied()).0;
            let mut context = Bytes::of(input.iter().rev().take(240).copied()).0;
            Self::new(programs::program(&mut rule), Given::generate(&mut context))
        })
    }

    fn written(input: &str) -> Option<Self> {
        let (rule, context) = input.split_once(PARTS)?;
        let context: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(context).ok()?;
        let mut roots = vec![("vars", "{\"go\":true}".to_owned())];
        for (root, usual) in REQUEST {
            let value = context.get(*root).filter(|value| is_as_declared(value, usual));
            roots.push((root, value.map_or_else(|| (*usual).to_owned(), ToString::to_string)));
        }
        for root in ROOTS {
            roots.extend(context.get(*root).map(|value| (*root, value.to_string())));
        }
        let reads = roots.iter().all(|(_, json)| read_json(json.as_bytes()).is_ok());
        reads.then(|| Self::new(rule.to_owned(), Given { roots }))
    }

    fn new(rule: String, given: Given) -> Self {
        let values = given.values();
        Self { rule, given, values, fixed: Fixed::new() }
    }

    pub fn context(&self) -> hookgate::engine::Context<'_> {
        self.fixed.context(&self.values)
    }

    /// Runs the rule in every way, and asserts equal results.
    pub fn agrees(&self) {
        if let Err(why) = differential::agree(&self.rule, &self.given) {
            panic!("{why}\n  rule: {}\n  context: {}", self.rule, self.given.json());
        }
    }
}

/// The variables of a request whose types the checker knows, with valid values for contexts that
/// lack them: the checker trusts the host.
const REQUEST: &[(&str, &str)] = &[
    ("raw_body", "\"\""),
    ("http_method", "\"POST\""),
    ("received_at", "\"2025-08-20T00:00:00Z\""),
    ("url", "\"https://hooks.example.com/\""),
    ("headers", "{}"),
    ("query_params", "{}"),
    ("listener_metadata", "{}"),
    ("challenge_token", "{}"),
];

/// Returns true if a value is a string, or an object of strings, like the usual one.
fn is_as_declared(value: &serde_json::Value, usual: &str) -> bool {
    match value {
        serde_json::Value::String(_) => usual != "{}",
        serde_json::Value::Object(members) => {
            usual == "{}" && members.values().all(|member| member.is_string() || member.is_null())
        }
        _ => false,
    }
}

/// Other variable names that the written cases use.
const ROOTS: &[&str] = &[
    "parsed_body",
    "n",
    "s",
    "l",
    "ls",
    "lo",
    "o",
    "x",
    "a",
    "b",
    "c",
    "d",
    "e",
    "i",
    "k",
    "m",
    "t",
    "v",
    "xs",
    "ts",
    "text",
    "list",
    "items",
    "data",
    "name",
];

/// A machine with limits that a fuzzer reaches soon.
pub fn machine() -> Machine {
    Machine::new(Limits { steps: 50_000, memory: 1 << 20, ..Limits::default() })
}
