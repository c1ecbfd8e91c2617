//! CEL: `cel`, the interpreter of cel-rust. A request is converted to its values.

use std::sync::Arc;

use ::cel::{Context, Env, Program, Value, extensions, to_value};

use crate::peer::{Peer, clauses};
use crate::workloads::{Clause, Filter, Request};

pub struct Cel {
    env: Arc<Env>,
    /// The context that all requests share; each request has an inner scope.
    root: Context<'static, 'static>,
}

impl Peer for Cel {
    const NAME: &'static str = "cel";
    type Program = Program;
    type Prepared<'r> = Context<'r, 'static>;

    fn new() -> Self {
        let mut env = Env::stdlib();
        env.add_extension(extensions::strings).unwrap();
        let env = Arc::new(env);
        Self { root: Context::with_env(Arc::clone(&env)), env }
    }

    fn conjunction(all: &[Clause]) -> String {
        clauses(all, "", " && ")
    }

    fn filter(filter: Filter) -> Option<&'static str> {
        Some(match filter {
            Filter::ProdAndSecurity => {
                r#"query_params.env == "prod"
                    && parsed_body.issue.summary.lowerAscii().contains("security")"#
            }
            Filter::NotHookshot => r#"!headers["user-agent"].lowerAscii().contains("hookshot")"#,
            Filter::LastSevenDays => {
                r#"timestamp(parsed_body.issue.created_at) > now - duration("168h")"#
            }
            Filter::AnyFix => {
                r#"parsed_body.commits
                    .filter(commit, commit.message.lowerAscii().contains("fix"))
                    .size() > 0"#
            }
        })
    }

    fn compile(&self, source: &str) -> Result<Program, String> {
        self.env.compile(source).map_err(|error| format!("{error:?}"))
    }

    fn prepare<'r>(&'r self, _: &'r [Program], request: &'r Request) -> Context<'r, 'static> {
        let mut context = self.root.new_inner_scope();
        for (name, part) in request.parts.as_object().unwrap() {
            context.add_variable_from_value(name, to_value(part).unwrap());
        }
        context.add_variable_from_value("now", Value::Timestamp(request.now));
        context
    }

    fn holds<'r>(&'r self, program: &'r Program, context: &mut Context<'r, 'static>) -> bool {
        program.execute(context).unwrap() == Value::Bool(true)
    }
}
