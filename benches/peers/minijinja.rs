//! MiniJinja's expressions: a request is converted to its values.

use ::minijinja::value::Serde;
use ::minijinja::{Environment, Expression, Value};

use crate::peer::{Peer, clauses};
use crate::workloads::{Clause, Filter, Request};

pub struct MiniJinja(&'static Environment<'static>);

impl Peer for MiniJinja {
    const NAME: &'static str = "minijinja";
    type Program = Expression<'static, 'static>;
    type Prepared<'r> = Value;

    fn new() -> Self {
        // An expression borrows its environment, and a benchmark ends soon, so the environment is
        // leaked.
        Self(Box::leak(Box::new(Environment::new())))
    }

    fn conjunction(all: &[Clause]) -> String {
        clauses(all, "", " and ")
    }

    fn filter(filter: Filter) -> Option<&'static str> {
        match filter {
            Filter::ProdAndSecurity => Some(
                r#"query_params.env == "prod" and "security" in parsed_body.issue.summary|lower"#,
            ),
            Filter::NotHookshot => Some(r#""hookshot" not in headers["user-agent"]|lower"#),
            // There are no dates and no lambdas.
            Filter::LastSevenDays | Filter::AnyFix => None,
        }
    }

    fn compile(&self, source: &str) -> Result<Self::Program, String> {
        self.0.compile_expression_owned(source.to_owned()).map_err(|error| format!("{error:?}"))
    }

    fn prepare<'r>(&'r self, _: &'r [Self::Program], request: &'r Request) -> Value {
        Value::from(Serde(&request.parts))
    }

    fn holds<'r>(&'r self, program: &'r Self::Program, request: &mut Value) -> bool {
        program.eval(request.clone()).unwrap().is_true()
    }
}
