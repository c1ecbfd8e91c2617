//! Rhai: a request is converted to its values, in a scope that lives as long as the request.

use ::rhai::serde::to_dynamic;
use ::rhai::{AST, Engine, Scope};

use crate::peer::{Peer, clauses};
use crate::workloads::{Clause, Filter, Request};

pub struct Rhai(Engine);

impl Peer for Rhai {
    const NAME: &'static str = "rhai";
    type Program = AST;
    type Prepared<'r> = Scope<'r>;

    fn new() -> Self {
        Self(Engine::new())
    }

    fn conjunction(all: &[Clause]) -> String {
        clauses(all, "", " && ")
    }

    fn filter(filter: Filter) -> Option<&'static str> {
        match filter {
            Filter::ProdAndSecurity => Some(
                r#"query_params.env == "prod"
                    && parsed_body.issue.summary.to_lower().contains("security")"#,
            ),
            Filter::NotHookshot => {
                Some(r#"!headers["user-agent"].to_lower().contains("hookshot")"#)
            }
            // There are no dates.
            Filter::LastSevenDays => None,
            Filter::AnyFix => Some(
                r#"parsed_body.commits
                    .filter(|commit| commit.message.to_lower().contains("fix"))
                    .len() > 0"#,
            ),
        }
    }

    fn compile(&self, source: &str) -> Result<AST, String> {
        self.0.compile(source).map_err(|error| format!("{error:?}"))
    }

    fn prepare<'r>(&'r self, _: &'r [AST], request: &'r Request) -> Scope<'r> {
        let mut scope = Scope::new();
        for (name, part) in request.parts.as_object().unwrap() {
            scope.push_constant_dynamic(name.as_str(), to_dynamic(part).unwrap());
        }
        scope
    }

    fn holds<'r>(&'r self, program: &'r AST, scope: &mut Scope<'r>) -> bool {
        self.0.eval_ast_with_scope(scope, program).unwrap()
    }
}
