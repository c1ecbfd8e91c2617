//! The choice of nodes for a predicate tree: the fastest one for a call, a comparison or a path. Does
//! not know the syntax tree.

use crate::builtins::Role;
use crate::program::{Callee, Comparison, Key, Node, Path};
use crate::syntax::Operator;
use crate::value::{Number, OwnedValue};

/// A part of a source, before its parent chooses the node for it.
pub(super) enum Operand {
    Node(Node),
    /// `$LOWERCASE` of a path. A test of it needs no lower-case string.
    Lowercase {
        path: Path,
        function: Callee,
    },
    /// A `$FILTER`, as the loop that counts its elements. Only `$LENGTH` has a node for it.
    Filtered(Node),
}

impl Operand {
    /// Returns the node for any parent. `None` if there is none.
    pub(super) fn node(self) -> Option<Node> {
        match self {
            Self::Node(node) => Some(node),
            Self::Lowercase { path, function } => {
                Some(Node::Call { function, args: Box::new([Node::Path(path)]) })
            }
            Self::Filtered(_) => None,
        }
    }
}

/// Returns the value at literal keys from another. Only a path has a node for it.
pub(super) fn further(value: Operand, keys: Vec<Key>) -> Option<Operand> {
    match value {
        value if keys.is_empty() => Some(value),
        Operand::Node(Node::Path(Path { base, keys: before })) => {
            let keys = before.iter().cloned().chain(keys).collect();
            Some(Operand::Node(Node::Path(Path { base, keys })))
        }
        _ => None,
    }
}

/// Returns the fastest node for a call.
pub(super) fn call(function: &Callee, mut args: Vec<Node>) -> Operand {
    match &mut args[..] {
        [Node::Path(path)] if is(function, Role::Lowercase) => {
            return Operand::Lowercase { path: path.clone(), function: function.clone() };
        }
        [Node::Path(path)] if is(function, Role::ParseTime) => {
            let time = Node::ParsedTime { path: path.clone(), function: function.clone() };
            return Operand::Node(time);
        }
        [Node::Now, years, months, days] if is(function, Role::AddDate) => {
            if let (Some(years), Some(months), Some(days)) =
                (integer(years), integer(months), integer(days))
            {
                return Operand::Node(Node::FromNow { years, months, days });
            }
        }
        _ => {}
    }
    Operand::Node(Node::Call { function: function.clone(), args: args.into_boxed_slice() })
}

/// Returns true for a built-in function with a role.
pub(super) fn is(function: &Callee, role: Role) -> bool {
    matches!(function, Callee::Builtin(function) if function.role == role)
}

fn integer(node: &Node) -> Option<i64> {
    match node {
        Node::Constant(OwnedValue::Number(Number::Int(value))) => Some(*value),
        _ => None,
    }
}

/// Returns the fastest node for a comparison. `None` for arithmetic.
pub(super) fn comparison(operator: Operator, left: Operand, right: Operand) -> Option<Node> {
    use Comparison::{Equal, In, NotEqual, NotIn};
    use Operand::{Lowercase, Node as Of};
    use OwnedValue::{Null, Text};
    let negated = matches!(operator, Operator::NotEqual | Operator::NotIn);
    let by = by(operator)?;
    let (left, right) = literal_last(by, left, right);
    Some(match (by, left, right) {
        (Equal | NotEqual, Of(Node::Path(path)), Of(Node::Constant(Text(text)))) => {
            Node::Eq { path, text, negated }
        }
        (Equal | NotEqual, Of(Node::Path(path)), Of(Node::Constant(Null))) => {
            Node::IsNull { path, negated }
        }
        (Equal | NotEqual, Lowercase { path, function }, Of(Node::Constant(Text(text)))) => {
            Node::EqLower { text, path, function, negated }
        }
        (In | NotIn, Of(Node::Constant(Text(part))), Lowercase { path, function }) => {
            Node::ContainsLower { part, path, function, negated }
        }
        (by, left, right) => Node::Compare { by, sides: Box::new([left.node()?, right.node()?]) },
    })
}

/// Returns the operands of a comparison, a string or null last if the order does not matter.
fn literal_last(by: Comparison, left: Operand, right: Operand) -> (Operand, Operand) {
    use OwnedValue::{Null, Text};
    match (by, &left) {
        (
            Comparison::Equal | Comparison::NotEqual,
            Operand::Node(Node::Constant(Text(_) | Null)),
        ) => (right, left),
        _ => (left, right),
    }
}

/// Returns the comparison of an operator. `None` for arithmetic.
fn by(operator: Operator) -> Option<Comparison> {
    Some(match operator {
        Operator::Equal => Comparison::Equal,
        Operator::NotEqual => Comparison::NotEqual,
        Operator::In => Comparison::In,
        Operator::NotIn => Comparison::NotIn,
        Operator::Less => Comparison::Less,
        Operator::LessEqual => Comparison::LessEqual,
        Operator::Greater => Comparison::Greater,
        Operator::GreaterEqual => Comparison::GreaterEqual,
        Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide => return None,
    })
}
