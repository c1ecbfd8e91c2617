//! ZEN expressions: a request is converted to its values, and the machine is reused.

use std::cell::RefCell;

use zen_expression::expression::Standard;
use zen_expression::vm::VM;
use zen_expression::{Expression, Isolate, Scope, Variable};

use crate::peer::{Peer, clauses};
use crate::workloads::{Clause, Filter, Request};

pub struct Zen {
    isolate: RefCell<Isolate>,
    machine: RefCell<VM>,
}

impl Peer for Zen {
    const NAME: &'static str = "zen";
    type Program = Expression<Standard>;
    type Prepared<'r> = Scope;

    fn new() -> Self {
        Self { isolate: RefCell::new(Isolate::new()), machine: RefCell::new(VM::new()) }
    }

    fn conjunction(all: &[Clause]) -> String {
        clauses(all, "", " and ")
    }

    fn filter(filter: Filter) -> Option<&'static str> {
        Some(match filter {
            Filter::ProdAndSecurity => {
                r#"query_params.env == "prod"
                    and contains(lower(parsed_body.issue.summary), "security")"#
            }
            Filter::NotHookshot => r#"not contains(lower(headers["user-agent"]), "hookshot")"#,
            Filter::LastSevenDays => {
                r#"d(parsed_body.issue.created_at).isAfter(d().sub(7, "day"))"#
            }
            Filter::AnyFix => {
                r#"len(filter(parsed_body.commits, contains(lower(#.message), "fix"))) > 0"#
            }
        })
    }

    fn compile(&self, source: &str) -> Result<Self::Program, String> {
        self.isolate.borrow_mut().compile_standard(source).map_err(|error| format!("{error:?}"))
    }

    fn prepare<'r>(&'r self, _: &'r [Self::Program], request: &'r Request) -> Scope {
        Scope::new(Variable::from(&request.parts))
    }

    fn holds<'r>(&'r self, program: &'r Self::Program, request: &mut Scope) -> bool {
        let machine = &mut *self.machine.borrow_mut();
        program.evaluate_with_scope(request, machine).unwrap().as_bool().unwrap()
    }
}
