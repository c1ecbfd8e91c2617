//! Hookgate: the request is read without a copy, and the machine is reused.

use std::cell::RefCell;
use std::ops::ControlFlow;

use ::hookgate::engine::{Bound, Context, Engine, Machine, Program, Secrets};
use ::hookgate::program::Key;
use ::hookgate::value::{Projection, read_json_part};
use serde_json::Value;

use crate::by_hand;
use crate::peer::{Peer, Shaper, clauses};
use crate::workloads::{Clause, Filter, Request};

pub struct Hookgate {
    engine: Engine,
    machine: RefCell<Machine>,
    secrets: Secrets,
}

impl Peer for Hookgate {
    const NAME: &'static str = "hookgate";
    type Program = Program;
    type Prepared<'r> = Context<'r>;

    fn new() -> Self {
        let mut secrets = Secrets::default();
        secrets.add("ZOOM", by_hand::ZOOM);
        Self { engine: Engine::for_requests(), machine: RefCell::default(), secrets }
    }

    fn conjunction(all: &[Clause]) -> String {
        clauses(all, "", " and ")
    }

    fn filter(filter: Filter) -> Option<&'static str> {
        Some(match filter {
            Filter::ProdAndSecurity => {
                r#"query_params.env == "prod"
                    AND "security" IN $LOWERCASE(parsed_body.issue.summary)"#
            }
            Filter::NotHookshot => r#""hookshot" NOT IN $LOWERCASE(headers["user-agent"])"#,
            Filter::LastSevenDays => {
                "parsed_body.issue.created_at.$PARSE_TIME() > $TIME().$ADD_DATE(0, 0, -7)"
            }
            Filter::AnyFix => {
                r#"parsed_body.commits
                    .$FILTER(commit => "fix" IN commit.message.$LOWERCASE())
                    .$LENGTH() > 0"#
            }
        })
    }

    fn compile(&self, source: &str) -> Result<Program, String> {
        self.engine.compile(source).map_err(|error| format!("{error:?}"))
    }

    fn prepare<'r>(&'r self, _: &'r [Program], request: &'r Request) -> Context<'r> {
        let mut context = Context::of(&request.parts);
        context.set_secrets(&self.secrets).set_now(request.time);
        context
    }

    fn holds<'r>(&'r self, program: &'r Program, context: &mut Context<'r>) -> bool {
        self.machine.borrow_mut().test(program, context).unwrap()
    }
}

impl Shaper for Hookgate {
    const CHALLENGE: &'static str = r#"{
        "plainToken": parsed_body.payload.plainToken,
        "encryptedToken": $HMAC_SHA256($SECRET('ZOOM'), parsed_body.payload.plainToken).$HEX()
    }"#;

    fn shape<'r>(&'r self, program: &'r Program, context: &mut Context<'r>) {
        std::hint::black_box(self.machine.borrow_mut().eval(program, context).unwrap());
    }

    fn shaped<'r>(&'r self, program: &'r Program, context: &mut Context<'r>) -> Value {
        let mut machine = self.machine.borrow_mut();
        let answer = machine.eval(program, context).unwrap();
        serde_json::from_str(&answer.to_string()).unwrap()
    }
}

/// Returns the number of programs of a set that hold.
pub fn holding(machine: &mut Machine, bound: &Bound<'_, '_>) -> usize {
    let mut held = 0;
    machine.test_bound(bound, |_, answer| {
        held += usize::from(answer.unwrap());
        ControlFlow::<()>::Continue(())
    });
    held
}

impl Hookgate {
    /// The paths that a program reads of a body, as a listener finds them.
    pub fn wanted(program: &Program) -> Projection {
        let mut wanted = Projection::default();
        for read in program.reads().iter().filter(|read| &*read.root == "parsed_body") {
            wanted.add(read.keys.iter().map_while(|key| match key {
                Key::Name(name) => Some(&**name),
                Key::Index(_) => None,
            }));
        }
        wanted
    }

    /// Evaluates a rule on the bytes of a body: only the paths that it reads are built.
    pub fn of_bytes(&self, program: &Program, wanted: &Projection, body: &[u8]) -> bool {
        let body = read_json_part(body, wanted).unwrap();
        let mut context = Context::new();
        context.set("parsed_body", &body);
        self.machine.borrow_mut().test(program, &context).unwrap()
    }
}
