//! Predicate trees: programs that only make tests, as most filters do. Does not build or evaluate
//! them.
//!
//! A filter reads a few paths and compares them. For such a program the setup of the stack machine
//! takes longer than the comparisons. `compile` lowers its checked tree to bytecode and to a
//! predicate tree, which `vm::predicate` evaluates with the same operations on the same heap. If it
//! meets a fault, the machine runs the program from the start and reports the fault, so faults are
//! reported in one way only.

use super::{Callee, Path};
use crate::value::OwnedValue;

/// A node of a predicate tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A constant.
    Constant(OwnedValue),
    /// The value at a path.
    Path(Path),
    /// The time of the evaluation.
    Now,
    /// The time of the evaluation, moved by a calendar span.
    FromNow {
        /// The number of years.
        years: i64,
        /// The number of months.
        months: i64,
        /// The number of days.
        days: i64,
    },
    /// True if a value counts as false.
    Not(Box<Node>),
    /// The first operand that counts as false, or the last.
    All(Box<[Node]>),
    /// The first operand that counts as true, or the last.
    Any(Box<[Node]>),
    /// The first operand that is not null, or the last.
    Coalesce(Box<[Node]>),
    /// A comparison of two values.
    Compare {
        /// The operator.
        by: Comparison,
        /// The operands.
        sides: Box<[Node; 2]>,
    },
    /// An equality of a path and a string.
    Eq {
        /// The path.
        path: Path,
        /// The string.
        text: Box<str>,
        /// True for `!=`.
        negated: bool,
    },
    /// A null test of a path.
    IsNull {
        /// The path.
        path: Path,
        /// True to test for not null.
        negated: bool,
    },
    /// A search for a string in the lower-case form of the value at a path.
    ContainsLower {
        /// The string.
        part: Box<str>,
        /// The path.
        path: Path,
        /// The lower-case function, for values other than plain strings.
        function: Callee,
        /// True for `NOT IN`.
        negated: bool,
    },
    /// An equality of a string and the lower-case form of the value at a path.
    EqLower {
        /// The string.
        text: Box<str>,
        /// The path.
        path: Path,
        /// The lower-case function, for values other than plain strings.
        function: Callee,
        /// True for `!=`.
        negated: bool,
    },
    /// The time parsed from the string at a path.
    ParsedTime {
        /// The path.
        path: Path,
        /// The parsing function, for values other than strings in the usual form.
        function: Callee,
    },
    /// A function call.
    Call {
        /// The function.
        function: Callee,
        /// Arguments.
        args: Box<[Node]>,
    },
    /// A test that several programs of a rule set share (common subexpression).
    Shared {
        /// Index among the shared tests of the set.
        test: u32,
        /// The test.
        inner: Box<Node>,
    },
    /// A loop over a list.
    Each {
        /// The question about the elements.
        question: Question,
        /// The list.
        list: Box<Node>,
        /// The first local of the body's parameters.
        slot: u16,
        /// The number of parameters of the body.
        params: u8,
        /// The steps of work charged for each element.
        work: u32,
        /// The body.
        body: Box<Node>,
    },
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `IN`
    In,
    /// `NOT IN`
    NotIn,
}

/// The question of a loop about the elements of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// True if at least one passes.
    Any,
    /// True if all pass.
    All,
    /// The number of elements that pass.
    Count,
}

impl Node {
    /// Returns the children that are nodes.
    pub(super) fn children(&self) -> impl Iterator<Item = &Self> {
        let list: &[Self] = match self {
            Self::All(nodes)
            | Self::Any(nodes)
            | Self::Coalesce(nodes)
            | Self::Call { args: nodes, .. } => nodes,
            Self::Compare { sides, .. } => &**sides,
            _ => &[],
        };
        let (one, other) = match self {
            Self::Not(inner) | Self::Shared { inner, .. } => (Some(&**inner), None),
            Self::Each { list, body, .. } => (Some(&**list), Some(&**body)),
            _ => (None, None),
        };
        list.iter().chain(one).chain(other)
    }

    /// Returns the children that are nodes, to be changed.
    pub(super) fn children_mut(&mut self) -> Box<dyn Iterator<Item = &mut Self> + '_> {
        match self {
            Self::All(nodes)
            | Self::Any(nodes)
            | Self::Coalesce(nodes)
            | Self::Call { args: nodes, .. } => Box::new(nodes.iter_mut()),
            Self::Compare { sides, .. } => Box::new(sides.iter_mut()),
            Self::Not(inner) | Self::Shared { inner, .. } => {
                Box::new(std::iter::once(&mut **inner))
            }
            Self::Each { list, body, .. } => Box::new([&mut **list, &mut **body].into_iter()),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// Calls `change` with each path of the tree.
    pub(super) fn each_path(&mut self, change: &mut impl FnMut(&mut Path)) {
        match self {
            Self::Path(path)
            | Self::Eq { path, .. }
            | Self::IsNull { path, .. }
            | Self::ContainsLower { path, .. }
            | Self::EqLower { path, .. }
            | Self::ParsedTime { path, .. } => change(path),
            _ => self.children_mut().for_each(|child| child.each_path(change)),
        }
    }
}

impl Comparison {
    /// Returns true if an ordering satisfies the operator.
    pub(crate) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterEqual => order.is_ge(),
            Self::Equal | Self::In => order.is_eq(),
            Self::NotEqual | Self::NotIn => order.is_ne(),
        }
    }
}
