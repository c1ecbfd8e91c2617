//! What the targets share: the generators of the property tests, contexts, machines with limits.
//!
//! A target has one promise, and its input is what a stranger or an author could write. Where an
//! input has parts, [`PARTS`] stands between them, so that seeds can be read.

pub mod listeners;
pub mod told;

#[path = "../../tests/it/property/agree.rs"]
#[allow(dead_code, reason = "the property tests use all of it")]
mod agree;
#[path = "../../tests/it/property/choices.rs"]
#[allow(dead_code, reason = "the property tests use all of it")]
mod choices;
#[path = "../../tests/it/property/contexts.rs"]
#[allow(dead_code, reason = "the property tests use all of it")]
mod contexts;
#[path = "../../tests/it/property/programs.rs"]
#[allow(dead_code, reason = "the property tests use all of it")]
mod programs;

use hookgate::engine::{Limits, Machine, OwnedValue};
use hookgate::value::read_json;

use choices::{Choices, List};
use contexts::{Fixed, Given};

/// What stands between the parts of an input.
pub const PARTS: &str = "\n====\n";

/// The first part of an input, and what follows it; all of it where there is one part.
pub fn split(input: &[u8]) -> (&[u8], &[u8]) {
    let mark = PARTS.as_bytes();
    match input.windows(mark.len()).position(|window| window == mark) {
        Some(at) => (&input[..at], &input[at + mark.len()..]),
        None => (input, &[]),
    }
}

/// The same of a text.
pub fn split_text(input: &str) -> (&str, &str) {
    input.split_once(PARTS).unwrap_or((input, ""))
}

/// The choices that bytes stand for, two bytes each.
pub struct Bytes(Choices);

impl Bytes {
    pub fn of(bytes: impl Iterator<Item = u8>) -> Self {
        let bytes: Vec<u8> = bytes.collect();
        let choice =
            |pair: &[u8]| pair.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte));
        Self(Choices::of(&List(bytes.chunks(2).map(choice).collect())))
    }

    /// One of so many ways.
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

/// A program and what it is run against.
pub struct Case {
    pub rule: String,
    given: Given,
    values: Vec<(&'static str, OwnedValue)>,
    fixed: Fixed,
}

impl Case {
    /// A rule, and a context in JSON behind it; or, where the input is none of that, choices from
    /// its start for the rule and from its end for the context.
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

    /// Runs the rule in every way there is; they agree.
    pub fn agrees(&self) {
        if let Err(why) = agree::agree(&self.rule, &self.given) {
            panic!("{why}\n  rule: {}\n  context: {}", self.rule, self.given.json());
        }
    }
}

/// The names of a request of which the checker knows something, with what they are where a context
/// has nothing as good: it takes a host at its word.
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

/// Whether a value is a text, or an object of texts, as the usual one is.
fn is_as_declared(value: &serde_json::Value, usual: &str) -> bool {
    match value {
        serde_json::Value::String(_) => usual != "{}",
        serde_json::Value::Object(members) => {
            usual == "{}" && members.values().all(|member| member.is_string() || member.is_null())
        }
        _ => false,
    }
}

/// The other names that contexts of written cases may have.
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

/// A machine whose limits a fuzzer reaches in no time.
pub fn machine() -> Machine {
    Machine::new(Limits { steps: 50_000, memory: 1 << 20, ..Limits::default() })
}
