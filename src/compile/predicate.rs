//! Lowering to a predicate tree: the tree of a program that only makes tests, as most filters do.
//! Does not read instructions, and does not evaluate trees.
//!
//! The tree uses the paths and loops of the bytecode, so both read the same values, and a loop is
//! charged the same steps. A node without a form in `program::Node` gives `None`: then the
//! program has no predicate tree, and the machine runs it.

use super::folded::{Arguments, Folded};
use super::operand::{Operand, call, comparison, further, is};
use crate::builtins::{Code, Form, LoopKind, Role};
use crate::check::Table;
use crate::program::{Base, Callee, Chunk, Key, Loop, Node, Path, Question};
use crate::syntax::{Expr, ExprId, Place, Run, Step, StepKind};
use crate::value::Heap;

/// The maximum depth of a predicate tree, in levels, because evaluation is recursive. The machine
/// runs deeper programs.
const MAX_DEPTH: usize = 32;

/// The rows of the program's tables that the nodes of a syntax tree were lowered to.
#[derive(Default)]
pub(super) struct Rows {
    paths: Vec<Option<u32>>,
    loops: Table<Place, u32>,
}

impl Rows {
    /// Returns an empty table for a number of nodes. Paths of further nodes are not kept.
    pub(super) fn of_nodes(nodes: usize) -> Self {
        Self { paths: vec![None; nodes], loops: Table::default() }
    }

    /// Keeps the row of the path that a node starts with.
    pub(super) fn add_path(&mut self, node: ExprId, row: u32) {
        if let Some(place) = self.paths.get_mut(node.index()) {
            *place = Some(row);
        }
    }

    /// Keeps the row of a loop.
    pub(super) fn add_loop(&mut self, place: Place, row: u32) {
        self.loops.insert(place, row);
    }

    fn path_row<'c>(&self, node: ExprId, chunk: &'c Chunk) -> Option<&'c Path> {
        let row = (*self.paths.get(node.index())?)?;
        chunk.paths.get(row as usize)
    }

    fn loop_row<'c>(&self, place: Place, chunk: &'c Chunk) -> Option<&'c Loop> {
        chunk.loops.get(*self.loops.get(&place)? as usize)
    }
}

/// Returns the predicate tree of a source. `None` if the source does more than make tests.
pub(super) fn lower(folded: &Folded<'_>, chunk: &Chunk, rows: &Rows) -> Option<Node> {
    Lowering { folded, chunk, rows, depth: 0 }.node(folded.tree.root())
}

struct Lowering<'c> {
    folded: &'c Folded<'c>,
    chunk: &'c Chunk,
    rows: &'c Rows,
    /// The current depth, in levels.
    depth: usize,
}

/// An operator that short-circuits.
#[derive(Clone, Copy)]
enum Short {
    And,
    Or,
}

impl<'c> Lowering<'c> {
    fn node(&mut self, id: ExprId) -> Option<Node> {
        self.operand(id)?.node()
    }

    fn operand(&mut self, id: ExprId) -> Option<Operand> {
        self.deeper(1, |this| this.expr(id))
    }

    /// Lowers a part that is a number of levels deeper.
    fn deeper<T>(
        &mut self,
        levels: usize,
        lower: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let depth = self.depth;
        self.depth = depth.saturating_add(levels);
        let lowered = if self.depth > MAX_DEPTH { None } else { lower(self) };
        self.depth = depth;
        lowered
    }

    fn expr(&mut self, id: ExprId) -> Option<Operand> {
        if let Some(constant) = self.folded.constant(id) {
            return Some(Operand::Node(Node::Constant(constant.to_owned_value()?)));
        }
        Some(Operand::Node(match self.folded.tree.expr(id) {
            Expr::Group(inner) => return self.expr(*inner),
            Expr::Run { first, rest } => return self.run(*first, rest),
            Expr::Call { args, .. } => return self.call(Place::whole(id), None, args),
            Expr::Chain { base, steps } => return self.chain(id, *base, steps),
            Expr::Name(_) => Node::Path(self.rows.path_row(id, self.chunk)?.clone()),
            Expr::Not(inner) => Node::Not(Box::new(self.node(*inner)?)),
            Expr::And(operands) => Node::All(self.operands(operands, Short::And)?),
            Expr::Or(operands) => Node::Any(self.operands(operands, Short::Or)?),
            // No tests; literals are constants.
            Expr::Null
            | Expr::Bool(_)
            | Expr::Number(_)
            | Expr::BigNumber(_)
            | Expr::Text(_)
            | Expr::Template(_)
            | Expr::List(_)
            | Expr::Object(_)
            | Expr::Negate(_)
            | Expr::If { .. }
            | Expr::Lambda { .. }
            | Expr::Let { .. }
            | Expr::Error => return None,
        }))
    }

    /// Lowers the operands of `AND` or `OR`.
    fn operands(&mut self, ids: &[ExprId], operator: Short) -> Option<Box<[Node]>> {
        let mut operands = Vec::with_capacity(ids.len());
        self.add_operands(ids, operator, &mut operands)?;
        Some(operands.into_boxed_slice())
    }

    /// Adds operands. Those of the same operator in parentheses join those around them.
    fn add_operands(
        &mut self,
        ids: &[ExprId],
        operator: Short,
        operands: &mut Vec<Node>,
    ) -> Option<()> {
        for id in ids {
            match self.nested(*id, operator) {
                Some(inner) => self.add_operands(inner, operator, operands)?,
                None => operands.push(self.node(*id)?),
            }
        }
        Some(())
    }

    /// Returns the operands of an expression with this operator.
    fn nested(&self, id: ExprId, operator: Short) -> Option<&'c [ExprId]> {
        match (self.folded.tree.expr(id), operator) {
            _ if self.folded.constant(id).is_some() => None,
            (Expr::Group(inner), _) => self.nested(*inner, operator),
            (Expr::And(inner), Short::And) | (Expr::Or(inner), Short::Or) => Some(inner),
            _ => None,
        }
    }

    /// Lowers comparisons from left to right. Each one is a level above those to its left.
    fn run(&mut self, first: ExprId, rest: &[Run]) -> Option<Operand> {
        if !rest.iter().all(|run| run.operator.is_comparison()) {
            return None;
        }
        self.deeper(rest.len().saturating_sub(1), |this| {
            let mut left = this.operand(first)?;
            for run in rest {
                let right = this.operand(run.operand)?;
                left = Operand::Node(comparison(run.operator, left, right)?);
            }
            Some(left)
        })
    }

    /// Lowers a chain: the value at its start, its literal keys, and calls. Each call is a level
    /// above those before it.
    fn chain(&mut self, id: ExprId, base: ExprId, steps: &'c [Step]) -> Option<Operand> {
        let calls = steps.iter().filter(|step| matches!(step.kind, StepKind::Call(_))).count();
        self.deeper(calls, |this| {
            let (start, taken) = match this.rows.path_row(id, this.chunk) {
                Some(path) => (Operand::Node(Node::Path(path.clone())), path.keys.len()),
                None => (this.expr(base)?, 0),
            };
            let keys = this.further_keys(steps.get(taken..)?);
            let taken = taken + keys.len();
            let mut value = further(start, keys)?;
            for (at, step) in steps.iter().enumerate().skip(taken) {
                let StepKind::Call(called) = &step.kind else {
                    return None;
                };
                value = this.call(Place::step(id, at), Some(value), &called.args)?;
            }
            Some(value)
        })
    }

    /// Returns the literal keys after the path of the bytecode, which ends at the first index. The
    /// machine takes each of them as a step of its own, at the same cost.
    fn further_keys(&self, steps: &[Step]) -> Vec<Key> {
        let key = |step| match self.folded.key(step)? {
            // The machine charges the bytes of a name in brackets.
            Key::Name(name) if Heap::counts(name.len()) => None,
            key => Some(key),
        };
        steps.iter().map_while(key).collect()
    }

    fn call(
        &mut self,
        place: Place,
        subject: Option<Operand>,
        args: &'c [ExprId],
    ) -> Option<Operand> {
        let callee = self.folded.callee(place)?;
        match callee.code {
            Code::Native(_) => self.native(callee, subject, args),
            Code::Loop(kind) => self.each(place, kind, subject, args),
            Code::Form(Form::Time) if subject.is_none() => Some(Operand::Node(Node::Now)),
            Code::Form(Form::Coalesce) => self.coalesce(subject, args),
            Code::Form(Form::Time | Form::Secret | Form::Secrets | Form::Try | Form::With)
            | Code::Host(_) => None,
        }
    }

    fn coalesce(&mut self, subject: Option<Operand>, args: &[ExprId]) -> Option<Operand> {
        let mut operands = self.arguments(subject, args)?;
        Some(Operand::Node(match operands.len() {
            1 => operands.pop()?,
            _ => Node::Coalesce(operands.into_boxed_slice()),
        }))
    }

    /// Lowers the arguments of a call.
    fn arguments(&mut self, subject: Option<Operand>, args: &[ExprId]) -> Option<Vec<Node>> {
        let mut nodes = Vec::with_capacity(1 + args.len());
        if let Some(subject) = subject {
            nodes.push(subject.node()?);
        }
        for arg in args {
            nodes.push(self.node(*arg)?);
        }
        Some(nodes)
    }

    fn native(
        &mut self,
        callee: &Callee,
        subject: Option<Operand>,
        args: &[ExprId],
    ) -> Option<Operand> {
        let (first, rest) = match (subject, args) {
            (None, [first, rest @ ..]) => (Some(self.operand(*first)?), rest),
            (subject, rest) => (subject, rest),
        };
        match (first, rest) {
            (Some(Operand::Filtered(count)), []) if is(callee, Role::Length) => {
                Some(Operand::Node(count))
            }
            (first, rest) => Some(call(callee, self.arguments(first, rest)?)),
        }
    }

    /// Lowers a loop that asks a question about the elements of a list.
    fn each(
        &mut self,
        place: Place,
        kind: LoopKind,
        subject: Option<Operand>,
        args: &'c [ExprId],
    ) -> Option<Operand> {
        let question = match kind {
            LoopKind::Any => Question::Any,
            LoopKind::All => Question::All,
            LoopKind::Filter => Question::Count,
            LoopKind::Map
            | LoopKind::Find
            | LoopKind::Reduce
            | LoopKind::Sort
            | LoopKind::Group
            | LoopKind::Count
            | LoopKind::Unique
            | LoopKind::Min
            | LoopKind::Max
            | LoopKind::Sum => return None,
        };
        let info = self.rows.loop_row(place, self.chunk).filter(|info| info.arguments == 1)?;
        let args = Arguments { after_dot: subject.is_some(), rest: args };
        let list = match subject {
            Some(subject) => subject.node()?,
            None => {
                let list = self.folded.loop_values(&info.callee, args).next()?;
                self.node(list)?
            }
        };
        let body = match self.folded.lambda(args) {
            Some(lambda) => self.node(lambda.body)?,
            None => Node::Path(Path { base: Base::Local(info.slot), keys: [].into() }),
        };
        let node = Node::Each {
            question,
            list: Box::new(list),
            slot: info.slot,
            params: info.params,
            work: info.work(),
            body: Box::new(body),
        };
        Some(match question {
            Question::Count => Operand::Filtered(node),
            Question::Any | Question::All => Operand::Node(node),
        })
    }
}
