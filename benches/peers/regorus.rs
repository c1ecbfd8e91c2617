//! Regorus, an interpreter of Rego: a request is converted to its values. An engine owns the policy
//! and the input, so a program is an engine.

use std::cell::RefCell;

use ::regorus::{Engine, Value};

use crate::peer::{Peer, clauses};
use crate::workloads::{Clause, Filter, Request};

pub struct Regorus;

impl Peer for Regorus {
    const NAME: &'static str = "regorus";
    type Program = RefCell<Engine>;
    type Prepared<'r> = Value;

    fn new() -> Self {
        Self
    }

    fn conjunction(all: &[Clause]) -> String {
        clauses(all, "input.", "\n")
    }

    fn filter(filter: Filter) -> Option<&'static str> {
        Some(match filter {
            Filter::ProdAndSecurity => {
                r#"input.query_params.env == "prod"
                    contains(lower(input.parsed_body.issue.summary), "security")"#
            }
            Filter::NotHookshot => {
                r#"not contains(lower(input.headers["user-agent"]), "hookshot")"#
            }
            Filter::LastSevenDays => {
                "time.parse_rfc3339_ns(input.parsed_body.issue.created_at) >
                    time.now_ns() - 604800000000000"
            }
            Filter::AnyFix => {
                r#"count([1 |
                    some commit in input.parsed_body.commits
                    contains(lower(commit.message), "fix")
                ]) > 0"#
            }
        })
    }

    fn compile(&self, source: &str) -> Result<Self::Program, String> {
        let policy = format!("package rules\nimport rego.v1\nholds if {{\n{source}\n}}\n");
        let mut engine = Engine::new();
        engine.add_policy("rule".to_owned(), policy).map_err(|error| error.to_string())?;
        Ok(RefCell::new(engine))
    }

    fn prepare<'r>(&'r self, _: &'r [Self::Program], request: &'r Request) -> Value {
        // Only owned values can be converted.
        Value::from(request.parts.clone())
    }

    fn holds<'r>(&'r self, program: &'r Self::Program, request: &mut Value) -> bool {
        let mut engine = program.borrow_mut();
        engine.set_input(request.clone());
        engine.eval_rule("data.rules.holds".to_owned()).unwrap() == Value::from(true)
    }
}
