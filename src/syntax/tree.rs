//! The syntax tree: nodes in one arena, named by their place in it.
//!
//! Runs of one operator, chains of members and `ELSE IF` ladders are flat nodes. The depth of
//! every node is bounded when it is made, so whatever walks a tree may recurse, and dropping it
//! recurses nowhere.

use std::collections::BTreeSet;
use std::hash::Hasher;
use std::sync::Arc;

use super::words;
use crate::source::Span;
use crate::value::Number;

/// The place of a node in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(pub(super) u32);

impl ExprId {
    /// The place as an index, for tables beside the tree.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A part of a source that has a value: an expression, or a chain up to one of its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The expression.
    pub expr: ExprId,
    /// The step, where the expression is a chain and this is not all of it.
    pub step: Option<u32>,
}

impl Place {
    /// An expression as a whole.
    pub fn whole(expr: ExprId) -> Self {
        Self { expr, step: None }
    }

    /// A chain up to and with a step, counted from zero.
    pub fn step(expr: ExprId, step: usize) -> Self {
        Self { expr, step: Some(u32::try_from(step).unwrap_or(u32::MAX)) }
    }
}

/// A tree of one source.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    pub(super) nodes: Vec<Node>,
    root: Option<ExprId>,
    pub(super) optional: BTreeSet<ExprId>,
}

/// A node: what it is, and where it was written.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub expr: Expr,
    /// Where it was written.
    pub span: Span,
    /// How deep the tree under it is, counted from 1.
    pub depth: u16,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// `NULL`
    Null,
    /// `TRUE`, `FALSE`
    Bool(bool),
    /// `12`, `2.5`
    Number(Number),
    /// `"text"`
    Text(Box<str>),
    /// `"text ${x}"`
    Template(Vec<Part>),
    /// `name`
    Name(Box<str>),
    /// `[a, b]`
    List(Vec<ExprId>),
    /// `{ "k": v }`
    Object(Vec<(ExprId, ExprId)>),
    /// `(a)`
    Group(ExprId),
    /// `-a`
    Negate(ExprId),
    /// `NOT a`
    Not(ExprId),
    /// `a + b - c`: operators of one precedence, from left to right
    Run {
        /// The first operand.
        first: ExprId,
        /// The operators with the operands after them.
        rest: Vec<Run>,
    },
    /// `a AND b AND c`
    And(Vec<ExprId>),
    /// `a OR b OR c`
    Or(Vec<ExprId>),
    /// `IF a THEN b ELSE IF c THEN d ELSE e`
    If {
        /// The conditions with their answers, in order.
        arms: Vec<(ExprId, ExprId)>,
        /// The answer where none holds.
        otherwise: Option<ExprId>,
    },
    /// `$F(a, b)`
    Call {
        /// The name as written, without the dollar sign.
        name: Box<str>,
        /// Where the name stands, with the dollar sign.
        name_span: Span,
        /// The arguments.
        args: Vec<ExprId>,
    },
    /// `a.b["c"][0].$F(x)`
    Chain {
        /// What the chain begins with.
        base: ExprId,
        /// The steps in order.
        steps: Vec<Step>,
    },
    /// `x => e`, `(a, b) => e`
    Lambda {
        /// The parameters.
        params: Vec<Param>,
        /// The body.
        body: ExprId,
    },
    /// Names for values, in the body; only mappers have it.
    Let {
        /// The names with their values; each value sees what is outside.
        bindings: Vec<Binding>,
        /// Where the names are seen.
        body: ExprId,
    },
    /// Where the source could not be read; already reported.
    Error,
}

/// A part of a text with interpolations.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Literal text.
    Text(Box<str>, Span),
    /// `${e}`
    Value(ExprId),
}

/// An operator in a run, and the operand to its right.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The operator.
    pub operator: Operator,
    /// Where the operator stands.
    pub span: Span,
    /// The operand to its right.
    pub operand: ExprId,
}

/// An operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `IN`
    In,
    /// `NOT IN`
    NotIn,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

impl Operator {
    /// How it is spelled.
    pub fn spelling(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::In => "IN",
            Self::NotIn => "NOT IN",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }

    /// Whether it compares, and so answers a truth value.
    pub fn is_comparison(self) -> bool {
        !matches!(self, Self::Add | Self::Subtract | Self::Multiply | Self::Divide)
    }

    /// Whether it asks for an order: `<`, `<=`, `>`, `>=`.
    pub fn is_ordering(self) -> bool {
        matches!(self, Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual)
    }
}

/// A step of a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What the step does.
    pub kind: StepKind,
    /// The chain up to and with this step.
    pub span: Span,
    /// The step alone, from its dot or bracket.
    pub own: Span,
}

/// What a step of a chain does.
#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    /// `.name`
    Member(Arc<str>),
    /// `[e]`, `.[e]`
    Index(ExprId),
    /// `[from:to]`
    Slice(Option<ExprId>, Option<ExprId>),
    /// `.$F(args)`; a box, since most steps are members, and small.
    Call(Box<Called>),
}

/// A function that is called on what stands before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    /// The name as written, without the dollar sign.
    pub name: Box<str>,
    /// Where the name stands, with the dollar sign.
    pub name_span: Span,
    /// The arguments after the value itself.
    pub args: Vec<ExprId>,
}

/// A parameter of a lambda.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: Box<str>,
    /// Where it stands.
    pub span: Span,
}

/// A name for a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    /// The name.
    pub name: Box<str>,
    /// Its value.
    pub value: ExprId,
}

/// So many bytes of a source are mostly written for a node.
const BYTES_PER_NODE: usize = 10;

impl Tree {
    /// An empty tree, with room for the nodes that a source mostly has.
    pub(super) fn with_room(source: &str) -> Self {
        let nodes = Vec::with_capacity(source.len() / BYTES_PER_NODE + 1);
        Self { nodes, ..Self::default() }
    }

    /// Adds a node; its children have to be in the tree already.
    pub fn add(&mut self, expr: Expr, span: Span) -> ExprId {
        let mut depth = 0;
        expr.each_child(|child| depth = depth.max(self.depth(child)));
        self.nodes.push(Node { expr, span, depth: depth.saturating_add(1) });
        ExprId(u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX))
    }

    /// Says which node the whole is.
    pub fn set_root(&mut self, root: ExprId) {
        self.root = Some(root);
    }

    /// The node that the whole is.
    pub fn root(&self) -> ExprId {
        self.root.unwrap_or(ExprId(0))
    }

    /// Says that a name may be one that nobody has: a template looks there last.
    pub fn set_optional(&mut self, name: ExprId) {
        self.optional.insert(name);
    }

    /// Whether a name may be one that nobody has.
    pub fn is_optional(&self, name: ExprId) -> bool {
        self.optional.contains(&name)
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A node.
    pub fn node(&self, id: ExprId) -> &Node {
        static NOWHERE: Node =
            Node { expr: Expr::Error, span: Span { start: 0, end: 0 }, depth: 1 };
        self.nodes.get(id.0 as usize).unwrap_or(&NOWHERE)
    }

    /// Every node, children before their parents; only the arms of an `ELSE IF` ladder may come
    /// after it.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (ExprId, &Expr)> {
        self.nodes
            .iter()
            .enumerate()
            .map(|(at, node)| (ExprId(u32::try_from(at).unwrap_or(u32::MAX)), &node.expr))
    }

    /// What a node is.
    pub fn expr(&self, id: ExprId) -> &Expr {
        &self.node(id).expr
    }

    /// Where a node was written.
    pub fn span(&self, id: ExprId) -> Span {
        self.node(id).span
    }

    /// How deep the tree under a node is.
    pub fn depth(&self, id: ExprId) -> u16 {
        self.node(id).depth
    }

    /// The node inside any number of parentheses.
    pub fn ungrouped(&self, mut id: ExprId) -> ExprId {
        while let Expr::Group(inner) = self.expr(id) {
            id = *inner;
        }
        id
    }

    /// Whether two nodes, of two trees perhaps, are the same expression, wherever it stands.
    pub fn same(&self, id: ExprId, other: &Self, other_id: ExprId) -> bool {
        let shape = self.shape(id);
        let mut rest = words::Rest(&shape);
        words::write_shape(other, other_id, &mut rest).is_ok() && rest.0.is_empty()
    }

    /// The expression in a form that two trees can be compared by: no spans, no ids.
    pub fn shape(&self, id: ExprId) -> String {
        let mut out = String::new();
        // A text takes whatever is written to it.
        let _ = words::write_shape(self, id, &mut out);
        out
    }

    /// Hashes the expression: [the same](Self::same) ones have the same hash.
    pub(crate) fn hash_shape(&self, id: ExprId, hasher: &mut impl Hasher) {
        let _ = words::write_shape(self, id, &mut words::Hashed(hasher));
    }
}

impl Expr {
    /// Calls with each child, in the order of the source.
    pub fn each_child(&self, mut call: impl FnMut(ExprId)) {
        match self {
            Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::Name(_)
            | Self::Error => {}
            Self::Template(parts) => {
                for part in parts {
                    if let Part::Value(id) = part {
                        call(*id);
                    }
                }
            }
            Self::List(items) | Self::And(items) | Self::Or(items) => {
                items.iter().copied().for_each(call);
            }
            Self::Object(entries) => {
                for (key, value) in entries {
                    call(*key);
                    call(*value);
                }
            }
            Self::Group(inner) | Self::Negate(inner) | Self::Not(inner) => call(*inner),
            Self::Run { first, rest } => {
                call(*first);
                rest.iter().for_each(|run| call(run.operand));
            }
            Self::If { arms, otherwise } => {
                for (condition, answer) in arms {
                    call(*condition);
                    call(*answer);
                }
                otherwise.iter().copied().for_each(call);
            }
            Self::Call { args, .. } => args.iter().copied().for_each(call),
            Self::Chain { base, steps } => {
                call(*base);
                steps.iter().for_each(|step| step.kind.each_child(&mut call));
            }
            Self::Lambda { body, .. } => call(*body),
            Self::Let { bindings, body } => {
                bindings.iter().for_each(|binding| call(binding.value));
                call(*body);
            }
        }
    }
}

impl StepKind {
    /// Calls with each expression in the step.
    pub fn each_child(&self, call: &mut impl FnMut(ExprId)) {
        match self {
            Self::Member(_) => {}
            Self::Index(index) => call(*index),
            Self::Slice(from, to) => from.iter().chain(to).copied().for_each(call),
            Self::Call(called) => called.args.iter().copied().for_each(call),
        }
    }
}

impl Tree {
    /// Puts an arm in front of a conditional that is the `ELSE` of it, so that a ladder is one
    /// node. Answers whether the node is one.
    pub(super) fn join_ladder(
        &mut self,
        ladder: ExprId,
        arm: (ExprId, ExprId),
        span: Span,
    ) -> bool {
        let depth = self.depth(arm.0).max(self.depth(arm.1)).saturating_add(1);
        let Some(node) = self.nodes.get_mut(ladder.0 as usize) else {
            return false;
        };
        let Expr::If { arms, .. } = &mut node.expr else {
            return false;
        };
        arms.push(arm);
        node.span = span;
        node.depth = node.depth.max(depth);
        true
    }

    /// Turns the ladders' arms, which are read last first, into their order.
    pub(super) fn order_ladders(&mut self) {
        for node in &mut self.nodes {
            if let Expr::If { arms, .. } = &mut node.expr {
                arms.reverse();
            }
        }
    }
}
