//! VRL, twice: with its own values, to which a request is converted, and with a target that reads
//! the request without a copy and converts only the values that a program reads.

use std::cell::{Cell, OnceCell};

use ::vrl::compiler::state::RuntimeState;
use ::vrl::compiler::{
    Context, Function, Program, SecretTarget, Target, TargetValue, TimeZone, compile,
};
use ::vrl::path::{OwnedSegment, OwnedTargetPath, PathPrefix};
use ::vrl::value::{Secrets, Value};
use serde_json::Value as Json;

use crate::by_hand;
use crate::peer::{Peer, Shaper, clauses};
use crate::workloads::{Clause, Filter, Request};

pub struct Vrl {
    functions: Vec<Box<dyn Function>>,
    timezone: TimeZone,
}

impl Vrl {
    fn resolve(
        &self,
        program: &Program,
        target: &mut dyn Target,
        state: &mut RuntimeState,
    ) -> Value {
        program.resolve(&mut Context::new(target, state, &self.timezone)).unwrap()
    }
}

/// The metadata of a request, which holds the secret.
fn metadata() -> Value {
    Value::from(serde_json::json!({ "zoom": by_hand::ZOOM }))
}

impl Peer for Vrl {
    const NAME: &'static str = "vrl";
    type Program = Program;
    type Prepared<'r> = (TargetValue, RuntimeState);

    fn new() -> Self {
        Self { functions: ::vrl::stdlib::all(), timezone: TimeZone::default() }
    }

    fn conjunction(all: &[Clause]) -> String {
        clauses(all, ".", " && ")
    }

    fn filter(filter: Filter) -> Option<&'static str> {
        Some(match filter {
            Filter::ProdAndSecurity => {
                r#".query_params.env == "prod" &&
                    contains(downcase!(.parsed_body.issue.summary), "security")"#
            }
            Filter::NotHookshot => r#"!contains(downcase!(.headers."user-agent"), "hookshot")"#,
            Filter::LastSevenDays => {
                r#"to_unix_timestamp(parse_timestamp!(.parsed_body.issue.created_at, "%+")) >
                    to_unix_timestamp(now()) - 604800"#
            }
            Filter::AnyFix => {
                r#"length(filter(array!(.parsed_body.commits)) -> |_at, commit| {
                    contains(downcase!(commit.message), "fix")
                }) > 0"#
            }
        })
    }

    fn compile(&self, source: &str) -> Result<Program, String> {
        let compiled = compile(source, &self.functions);
        compiled.map(|compiled| compiled.program).map_err(|error| format!("{error:?}"))
    }

    fn prepare<'r>(&'r self, _: &'r [Program], request: &'r Request) -> Self::Prepared<'r> {
        let value = Value::from(&request.parts);
        let target = TargetValue { value, metadata: metadata(), secrets: Secrets::default() };
        (target, RuntimeState::default())
    }

    fn holds<'r>(&'r self, program: &'r Program, request: &mut Self::Prepared<'r>) -> bool {
        let (target, state) = request;
        self.resolve(program, target, state) == Value::Boolean(true)
    }
}

impl Shaper for Vrl {
    const CHALLENGE: &'static str = r#"token = string!(.parsed_body.payload.plainToken)
        { "plainToken": token, "encryptedToken": encode_base16(hmac(token, string!(%zoom))) }"#;

    fn shape<'r>(&'r self, program: &'r Program, request: &mut Self::Prepared<'r>) {
        let (target, state) = request;
        std::hint::black_box(self.resolve(program, target, state));
    }

    fn shaped<'r>(&'r self, program: &'r Program, request: &mut Self::Prepared<'r>) -> Json {
        let (target, state) = request;
        self.resolve(program, target, state).try_into().unwrap()
    }
}

/// VRL over a request in place.
pub struct InPlace(Vrl);

impl Peer for InPlace {
    const NAME: &'static str = "vrl-in-place";
    type Program = Program;
    type Prepared<'r> = (&'r Json, RuntimeState);

    fn new() -> Self {
        Self(Vrl::new())
    }

    fn conjunction(all: &[Clause]) -> String {
        Vrl::conjunction(all)
    }

    fn filter(filter: Filter) -> Option<&'static str> {
        Vrl::filter(filter)
    }

    fn compile(&self, source: &str) -> Result<Program, String> {
        self.0.compile(source)
    }

    fn prepare<'r>(&'r self, _: &'r [Program], request: &'r Request) -> Self::Prepared<'r> {
        (&request.parts, RuntimeState::default())
    }

    fn holds<'r>(&'r self, program: &'r Program, request: &mut Self::Prepared<'r>) -> bool {
        let (parts, state) = request;
        let mut target = Lazy { parts, used: Cell::new(0), read: Default::default() };
        self.0.resolve(program, &mut target, state) == Value::Boolean(true)
    }
}

/// A target that lends the converted values, so they must live until the program ends. No program
/// of the benchmark reads more values than the fixed capacity.
#[derive(Debug)]
struct Lazy<'r> {
    parts: &'r Json,
    used: Cell<usize>,
    read: [OnceCell<Value>; 8],
}

impl Lazy<'_> {
    fn find(&self, path: &OwnedTargetPath) -> Option<&Json> {
        if path.prefix != PathPrefix::Event {
            return None;
        }
        path.path.segments.iter().try_fold(self.parts, |value, segment| match segment {
            OwnedSegment::Field(name) => value.get(name.as_str()),
            OwnedSegment::Index(at) => value.get(usize::try_from(*at).ok()?),
        })
    }
}

const READ_ONLY: &str = "a rule only reads";

impl Target for Lazy<'_> {
    fn target_get(&self, path: &OwnedTargetPath) -> Result<Option<&Value>, String> {
        let Some(found) = self.find(path) else {
            return Ok(None);
        };
        let place = self.read.get(self.used.replace(self.used.get() + 1)).ok_or("no room")?;
        Ok(Some(place.get_or_init(|| convert(found))))
    }

    fn target_insert(&mut self, _: &OwnedTargetPath, _: Value) -> Result<(), String> {
        Err(READ_ONLY.to_owned())
    }

    fn target_get_mut(&mut self, _: &OwnedTargetPath) -> Result<Option<&mut Value>, String> {
        Err(READ_ONLY.to_owned())
    }

    fn target_remove(&mut self, _: &OwnedTargetPath, _: bool) -> Result<Option<Value>, String> {
        Err(READ_ONLY.to_owned())
    }
}

impl SecretTarget for Lazy<'_> {
    fn get_secret(&self, _: &str) -> Option<&str> {
        None
    }

    fn insert_secret(&mut self, _: &str, _: &str) {}

    fn remove_secret(&mut self, _: &str) {}
}

/// The conversion of VRL first copies the whole value.
fn convert(value: &Json) -> Value {
    match value {
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::Array(items.iter().map(convert).collect()),
        Json::Object(members) => Value::Object(
            members.iter().map(|(key, value)| (key.as_str().into(), convert(value))).collect(),
        ),
        other => Value::from(other),
    }
}
