//! Predicate trees: programs that only make tests, as most filters do. Does not evaluate them.
//!
//! A filter reads a few paths and compares them. For such a program the setup of the stack machine
//! takes longer than the comparisons. If all instructions of a program are tests, this module reads
//! them back into a tree, which `vm::predicate` evaluates with the same operations on the same
//! heap. If it meets a fault, the machine runs the program from the start and reports the fault, so
//! faults are reported in one way only.

use super::{Callee, Chunk, Instruction, Loop, Path};
use crate::builtins::{Code, LoopKind, Role};
use crate::value::{Number, OwnedValue};

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
    /// A comparison of two values.
    Compare {
        /// The operator.
        by: Comparison,
        /// The operands.
        sides: Box<[Node; 2]>,
    },
    /// An equality of a path and a string.
    Is {
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
    InSmall {
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
    IsSmall {
        /// The string.
        text: Box<str>,
        /// The path.
        path: Path,
        /// The lower-case function, for values other than plain strings.
        function: Callee,
    },
    /// The time parsed from the string at a path.
    Moment {
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
    Once {
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
            Self::All(nodes) | Self::Any(nodes) | Self::Call { args: nodes, .. } => nodes,
            Self::Compare { sides, .. } => &**sides,
            _ => &[],
        };
        let (one, other) = match self {
            Self::Not(inner) | Self::Once { inner, .. } => (Some(&**inner), None),
            Self::Each { list, body, .. } => (Some(&**list), Some(&**body)),
            _ => (None, None),
        };
        list.iter().chain(one).chain(other)
    }

    /// Returns the children that are nodes, to be changed.
    pub(super) fn children_mut(&mut self) -> Box<dyn Iterator<Item = &mut Self> + '_> {
        match self {
            Self::All(nodes) | Self::Any(nodes) | Self::Call { args: nodes, .. } => {
                Box::new(nodes.iter_mut())
            }
            Self::Compare { sides, .. } => Box::new(sides.iter_mut()),
            Self::Not(inner) | Self::Once { inner, .. } => Box::new(std::iter::once(&mut **inner)),
            Self::Each { list, body, .. } => Box::new([&mut **list, &mut **body].into_iter()),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// Calls `change` with each path of the tree.
    pub(super) fn each_path(&mut self, change: &mut impl FnMut(&mut Path)) {
        match self {
            Self::Path(path)
            | Self::Is { path, .. }
            | Self::IsNull { path, .. }
            | Self::InSmall { path, .. }
            | Self::IsSmall { path, .. }
            | Self::Moment { path, .. } => change(path),
            _ => self.children_mut().for_each(|child| child.each_path(change)),
        }
    }
}

/// Returns the predicate tree of a verified chunk. `None` if the chunk does more than make tests.
pub(super) fn direct(chunk: &Chunk) -> Option<Node> {
    let end = chunk.code.len().checked_sub(1)?;
    if chunk.code.get(end) != Some(&Instruction::Return) {
        return None;
    }
    Reader { chunk, depth: 0, stack: Vec::new() }.read(0, end)
}

/// The maximum depth of a predicate tree, in levels, because evaluation is recursive. The machine
/// runs deeper programs.
const DEEPEST: u32 = 24;

struct Reader<'c> {
    chunk: &'c Chunk,
    /// The current depth.
    depth: u32,
    /// The operands that have no parent yet. Those of enclosing ranges are below.
    stack: Vec<Node>,
}

impl Reader<'_> {
    /// Reads the tree of a range of instructions that leaves one value.
    fn read(&mut self, start: usize, end: usize) -> Option<Node> {
        self.depth += 1;
        let node = if self.depth > DEEPEST { None } else { self.read_on(start, end) };
        self.depth -= 1;
        node
    }

    fn read_on(&mut self, start: usize, end: usize) -> Option<Node> {
        // Operators without parentheses nest to the left, so a long run is a deep tree.
        let mut grown = 0;
        let floor = self.stack.len();
        let mut at = start;
        while at < end {
            let instruction = *self.chunk.code.get(at)?;
            at = match instruction {
                Instruction::And { target } | Instruction::Or { target } => {
                    let first = self.stack.pop()?;
                    let node = self.short(instruction, first, at, target as usize)?;
                    self.stack.push(node);
                    target as usize
                }
                Instruction::Begin { index } => {
                    let info = self.chunk.loops.get(index as usize)?;
                    let list = self.stack.pop().filter(|_| info.arguments == 1)?;
                    let (node, next) = self.each(info, list)?;
                    self.stack.push(node);
                    next
                }
                _ => {
                    grown += u32::from(instruction.effect().0 > 0);
                    if grown + self.depth > DEEPEST {
                        return None;
                    }
                    let node = self.plain(instruction)?;
                    self.stack.push(node);
                    at + 1
                }
            };
        }
        let node = self.stack.pop()?;
        (at == end && self.stack.len() == floor).then_some(node)
    }

    /// Reads an instruction that takes values and leaves one.
    fn plain(&mut self, instruction: Instruction) -> Option<Node> {
        let by = match instruction {
            Instruction::Constant { constant } => {
                let constant = self.chunk.constants.get(constant as usize)?;
                return Some(Node::Constant(constant.clone()));
            }
            Instruction::Path { path } => {
                return Some(Node::Path(self.chunk.paths.get(path as usize)?.clone()));
            }
            Instruction::Now => return Some(Node::Now),
            Instruction::Not => return Some(Node::Not(Box::new(self.stack.pop()?))),
            Instruction::Call { function, count } => {
                let callee = self.chunk.functions.get(usize::from(function))?;
                if !matches!(callee.code, Code::Native(_)) {
                    return None;
                }
                let from = self.stack.len().checked_sub(count as usize)?;
                let args = self.stack.split_off(from).into_boxed_slice();
                return Some(call(callee, args));
            }
            Instruction::Equal => Comparison::Equal,
            Instruction::NotEqual => Comparison::NotEqual,
            Instruction::Less => Comparison::Less,
            Instruction::LessEqual => Comparison::LessEqual,
            Instruction::Greater => Comparison::Greater,
            Instruction::GreaterEqual => Comparison::GreaterEqual,
            Instruction::In => Comparison::In,
            Instruction::NotIn => Comparison::NotIn,
            _ => return None,
        };
        let right = self.stack.pop()?;
        let left = self.stack.pop()?;
        Some(comparison(by, left, right))
    }

    /// Reads the operands of `AND` or `OR`. The jumps between them all have the same target.
    fn short(&mut self, jump: Instruction, first: Node, at: usize, target: usize) -> Option<Node> {
        let code = self.chunk.code.get(at + 1..target)?;
        let jumps = code.iter().enumerate().filter(|(_, other)| **other == jump);
        let ends: Vec<usize> = jumps.map(|(place, _)| at + 1 + place).chain([target]).collect();
        let mut operands = Vec::with_capacity(ends.len() + 1);
        operands.push(first);
        let mut from = at + 1;
        for end in ends {
            operands.push(self.read(from, end)?);
            from = end + 1;
        }
        let operands = operands.into_boxed_slice();
        Some(match jump {
            Instruction::And { .. } => Node::All(operands),
            _ => Node::Any(operands),
        })
    }

    /// Reads a loop. Returns its node and the index of the first instruction after it.
    fn each(&mut self, info: &Loop, list: Node) -> Option<(Node, usize)> {
        let end = info.end as usize;
        let (question, next) = match info.kind {
            LoopKind::Any => (Question::Any, end),
            LoopKind::All => (Question::All, end),
            LoopKind::Filter if self.is_length(end) => (Question::Count, end + 1),
            _ => return None,
        };
        let body = self.read(info.body as usize, end.checked_sub(1)?)?;
        let node = Node::Each {
            question,
            list: Box::new(list),
            slot: info.slot,
            params: info.params,
            work: info.end.saturating_sub(info.body),
            body: Box::new(body),
        };
        Some((node, next))
    }

    /// Returns true if the instruction is a call of `$LENGTH`.
    fn is_length(&self, at: usize) -> bool {
        match self.chunk.code.get(at) {
            Some(Instruction::Call { function, count: 1 }) => {
                let callee = self.chunk.functions.get(usize::from(*function));
                matches!(callee, Some(Callee::Builtin(callee)) if callee.role == Role::Length)
            }
            _ => false,
        }
    }
}

/// Returns the fastest node for a call.
fn call(function: &Callee, args: Box<[Node]>) -> Node {
    let is = |role| matches!(function, Callee::Builtin(function) if function.role == role);
    match &*args {
        [Node::Path(path)] if is(Role::ParseTime) => {
            Node::Moment { path: path.clone(), function: function.clone() }
        }
        [Node::Now, by @ ..] if is(Role::AddDate) => {
            match by.iter().map(integer).collect::<Vec<_>>()[..] {
                [Some(years), Some(months), Some(days)] => Node::FromNow { years, months, days },
                _ => Node::Call { function: function.clone(), args },
            }
        }
        _ => Node::Call { function: function.clone(), args },
    }
}

fn integer(node: &Node) -> Option<i64> {
    match node {
        Node::Constant(OwnedValue::Number(Number::Int(value))) => Some(*value),
        _ => None,
    }
}

/// Returns the fastest node for a comparison.
fn comparison(by: Comparison, left: Node, right: Node) -> Node {
    use OwnedValue::{Null, Text};
    let negated = matches!(by, Comparison::NotEqual | Comparison::NotIn);
    match (by, left, right) {
        (
            Comparison::Equal | Comparison::NotEqual,
            Node::Path(path),
            Node::Constant(Text(text)),
        )
        | (
            Comparison::Equal | Comparison::NotEqual,
            Node::Constant(Text(text)),
            Node::Path(path),
        ) => Node::Is { path, text, negated },
        (Comparison::Equal | Comparison::NotEqual, Node::Path(path), Node::Constant(Null))
        | (Comparison::Equal | Comparison::NotEqual, Node::Constant(Null), Node::Path(path)) => {
            Node::IsNull { path, negated }
        }
        (
            Comparison::In | Comparison::NotIn,
            Node::Constant(Text(part)),
            Node::Call { function, args },
        ) if small(&function, &args).is_some() => match small(&function, &args).cloned() {
            Some(path) => Node::InSmall { part, path, function, negated },
            None => Node::Constant(Null),
        },
        (Comparison::Equal, Node::Call { function, args }, Node::Constant(Text(text)))
            if small(&function, &args).is_some() =>
        {
            match small(&function, &args).cloned() {
                Some(path) => Node::IsSmall { text, path, function },
                None => Node::Constant(Null),
            }
        }
        (by, left, right) => Node::Compare { by, sides: Box::new([left, right]) },
    }
}

/// Returns the path argument of a `$LOWERCASE` call.
fn small<'n>(function: &Callee, args: &'n [Node]) -> Option<&'n Path> {
    let is_small =
        matches!(function, Callee::Builtin(function) if function.role == Role::Lowercase);
    match args {
        [Node::Path(path)] if is_small => Some(path),
        _ => None,
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
