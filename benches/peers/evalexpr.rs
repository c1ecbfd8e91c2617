//! evalexpr has no members, so the context of a request contains the strings that the rules read,
//! under their whole paths.

use ::evalexpr::{
    ContextWithMutableVariables, DefaultNumericTypes, HashMapContext, Node, Value,
    build_operator_tree,
};

use crate::peer::{Peer, clauses};
use crate::workloads::{Clause, Filter, Request};

pub struct Evalexpr;

impl Peer for Evalexpr {
    const NAME: &'static str = "evalexpr";
    type Program = Node<DefaultNumericTypes>;
    type Prepared<'r> = HashMapContext<DefaultNumericTypes>;

    fn new() -> Self {
        Self
    }

    fn conjunction(all: &[Clause]) -> String {
        clauses(all, "", " && ")
    }

    /// Strings can be searched only with regular expressions, which are compiled in each run. There
    /// are no dates and no lambdas.
    fn filter(_: Filter) -> Option<&'static str> {
        None
    }

    fn compile(&self, source: &str) -> Result<Self::Program, String> {
        build_operator_tree(source).map_err(|error| format!("{error:?}"))
    }

    fn prepare<'r>(
        &'r self,
        programs: &'r [Self::Program],
        request: &'r Request,
    ) -> Self::Prepared<'r> {
        let mut context = HashMapContext::new();
        for name in programs.iter().flat_map(Node::iter_read_variable_identifiers) {
            let text = find(&request.parts, name).unwrap_or_default();
            context.set_value(name.to_owned(), Value::from(text)).unwrap();
        }
        context
    }

    fn holds<'r>(&'r self, program: &'r Self::Program, context: &mut Self::Prepared<'r>) -> bool {
        program.eval_boolean_with_context(context).unwrap()
    }
}

fn find<'r>(parts: &'r serde_json::Value, path: &str) -> Option<&'r str> {
    path.split('.').try_fold(parts, |value, key| value.get(key))?.as_str()
}
