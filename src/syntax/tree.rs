//! The syntax tree: nodes in one arena, identified by their index. Does not know the meaning of
//! names.
//!
//! Runs of one operator, chains of members and `ELSE IF` ladders are flat nodes. The depth of every
//! node is limited when it is made, so code that walks a tree may recurse, and dropping a tree
//! needs no recursion.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::source::Span;
use crate::value::{Number, OwnedBigNumber};

/// The index of a node in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(pub(super) u32);

impl ExprId {
    /// Returns the index, for tables beside the tree.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A part of a source with a value: an expression, or a chain up to one of its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The expression.
    pub expr: ExprId,
    /// The step, counted from zero. `None` for the whole expression.
    pub step: Option<u32>,
}

impl Place {
    /// Returns the place of a whole expression.
    pub fn whole(expr: ExprId) -> Self {
        Self { expr, step: None }
    }

    /// Returns the place of a chain up to and including a step, counted from zero.
    pub fn step(expr: ExprId, step: usize) -> Self {
        Self { expr, step: Some(u32::try_from(step).unwrap_or(u32::MAX)) }
    }
}

/// The syntax tree of one source.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    pub(super) nodes: Vec<Node>,
    root: Option<ExprId>,
    pub(super) optional: BTreeSet<ExprId>,
    /// The roots of definitions, with the number of the definition.
    pub(super) defined: BTreeMap<ExprId, u16>,
}

/// A node with its span and depth.
#[derive(Debug, Clone)]
pub struct Node {
    /// The expression.
    pub expr: Expr,
    /// Span in the source.
    pub span: Span,
    /// The depth of the tree under it, in levels, counted from 1.
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
    /// A number literal beyond 64-bit integers and floats.
    BigNumber(OwnedBigNumber),
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
    /// `a + b - c`: operators of one precedence, from left to right.
    Run {
        /// The first operand.
        first: ExprId,
        /// The operators, each with its right operand.
        rest: Vec<Run>,
    },
    /// `a AND b AND c`
    And(Vec<ExprId>),
    /// `a OR b OR c`
    Or(Vec<ExprId>),
    /// `IF a THEN b ELSE IF c THEN d ELSE e`
    If {
        /// The conditions with their results, in order.
        arms: Vec<(ExprId, ExprId)>,
        /// The result if no condition is true.
        otherwise: Option<ExprId>,
    },
    /// `$F(a, b)`
    Call {
        /// The name as written, without the dollar sign.
        name: Box<str>,
        /// The span of the name, with the dollar sign.
        name_span: Span,
        /// The arguments.
        args: Vec<ExprId>,
    },
    /// `a.b["c"][0].$F(x)`
    Chain {
        /// The expression that starts the chain.
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
    /// Named values, visible in the body. Only mappers produce it.
    Let {
        /// The names with their values. A value cannot use the names of the same `Let`.
        bindings: Vec<Binding>,
        /// The expression that can use the names.
        body: ExprId,
    },
    /// A part of the source that could not be parsed; the error is already reported.
    Error,
}

/// A part of a string with interpolations.
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
    /// The span of the operator.
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
    /// Returns its spelling.
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

    /// Returns true for a comparison, which returns a boolean.
    pub fn is_comparison(self) -> bool {
        !matches!(self, Self::Add | Self::Subtract | Self::Multiply | Self::Divide)
    }

    /// Returns true for an ordering: `<`, `<=`, `>`, `>=`.
    pub fn is_ordering(self) -> bool {
        matches!(self, Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual)
    }
}

/// A step of a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The operation of the step.
    pub kind: StepKind,
    /// The span of the chain up to and including this step.
    pub span: Span,
    /// The span of the step alone, from its dot or bracket.
    pub own: Span,
}

/// The operation of a chain step.
#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    /// `.name`
    Member(Arc<str>),
    /// `[e]`, `.[e]`
    Index(ExprId),
    /// `[from:to]`
    Slice(Option<ExprId>, Option<ExprId>),
    /// `.$F(args)`. Boxed to keep the enum small, because most steps are members.
    Call(Box<Called>),
}

/// A function called on the value before the dot.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    /// The name as written, without the dollar sign.
    pub name: Box<str>,
    /// The span of the name, with the dollar sign.
    pub name_span: Span,
    /// The arguments in the parentheses, without the value before the dot.
    pub args: Vec<ExprId>,
}

/// A parameter of a lambda.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Name.
    pub name: Box<str>,
    /// Span.
    pub span: Span,
}

/// A named value.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    /// The name.
    pub name: Box<str>,
    /// Value.
    pub value: ExprId,
}

/// The typical number of source bytes for a node, to reserve memory.
const BYTES_PER_NODE: usize = 10;

impl Tree {
    /// Returns an empty tree with capacity for the nodes of a typical source of this length.
    pub(super) fn with_room(source: &str) -> Self {
        let nodes = Vec::with_capacity(source.len() / BYTES_PER_NODE + 1);
        Self { nodes, ..Self::default() }
    }

    /// Adds a node. Its children must already be in the tree.
    pub fn add(&mut self, expr: Expr, span: Span) -> ExprId {
        let mut depth = 0;
        expr.each_child(|child| depth = depth.max(self.depth(child)));
        self.nodes.push(Node { expr, span, depth: depth.saturating_add(1) });
        ExprId(u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX))
    }

    /// Sets the root node.
    pub fn set_root(&mut self, root: ExprId) {
        self.root = Some(root);
    }

    /// Returns the root node.
    pub fn root(&self) -> ExprId {
        self.root.unwrap_or(ExprId(0))
    }

    /// Marks a name as optional: it is not reported if it is undeclared. A name in a section of a
    /// template may be a key of the section's element instead.
    pub fn set_optional(&mut self, name: ExprId) {
        self.optional.insert(name);
    }

    /// Returns true if a name is optional.
    pub fn is_optional(&self, name: ExprId) -> bool {
        self.optional.contains(&name)
    }

    /// Returns the roots of the definitions in the tree, with the numbers of the definitions.
    pub fn definitions(&self) -> impl Iterator<Item = (ExprId, u16)> {
        self.defined.iter().map(|(id, number)| (*id, *number))
    }

    /// Returns the number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns true if the tree has no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Returns a node. An unknown id gives an error node.
    pub fn node(&self, id: ExprId) -> &Node {
        static NOWHERE: Node =
            Node { expr: Expr::Error, span: Span { start: 0, end: 0 }, depth: 1 };
        self.nodes.get(id.0 as usize).unwrap_or(&NOWHERE)
    }

    /// Returns every node, children before their parents. Only the arms of an `ELSE IF` ladder may
    /// come after the ladder's node.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (ExprId, &Expr)> {
        self.nodes
            .iter()
            .enumerate()
            .map(|(at, node)| (ExprId(u32::try_from(at).unwrap_or(u32::MAX)), &node.expr))
    }

    /// Returns the expression of a node.
    pub fn expr(&self, id: ExprId) -> &Expr {
        &self.node(id).expr
    }

    /// Returns the span of a node.
    pub fn span(&self, id: ExprId) -> Span {
        self.node(id).span
    }

    /// Returns the depth of the tree under a node.
    pub fn depth(&self, id: ExprId) -> u16 {
        self.node(id).depth
    }

    /// Returns the node inside all enclosing parentheses.
    pub fn ungrouped(&self, mut id: ExprId) -> ExprId {
        while let Expr::Group(inner) = self.expr(id) {
            id = *inner;
        }
        id
    }
}

impl Expr {
    /// Calls `call` with each child, in source order.
    pub fn each_child(&self, mut call: impl FnMut(ExprId)) {
        match self {
            Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::BigNumber(_)
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
    /// Calls `call` with each expression in the step.
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
    /// Prepends an arm to a conditional that is its `ELSE` branch, so that a ladder is one node.
    /// Returns false if the node is not a conditional.
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

    /// Reverses the arms of each ladder into source order. They are read last first.
    pub(super) fn order_ladders(&mut self) {
        for node in &mut self.nodes {
            if let Expr::If { arms, .. } = &mut node.expr {
                arms.reverse();
            }
        }
    }
}
