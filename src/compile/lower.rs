//! Lowering: emits the instructions for each node of the tree. Does not execute them.
//!
//! The rows of paths and loops are noted by node, because the predicate tree uses the same rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::assembler::{Assembler, index};
use super::folded::{Arguments, Folded};
use super::predicate::{self, Rows};
use crate::builtins::{Code, Form, LoopKind, ParamRole, Pattern};
use crate::check::Checked;
use crate::program::{
    Base, Callee, Chunk, Instruction, Key, Loop, Malformed, NamedPath, Node, Path, Program,
};
use crate::source::Span;
use crate::syntax::{Binding, Expr, ExprId, Operator, Part, Place, Run, Step, StepKind, Tree};
use crate::value::Value;

/// The options of the compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// True to fold constants.
    pub fold: bool,
    /// True to record the value of every part of the source, for an explanation.
    pub mark: bool,
    /// True to build the predicate tree of a program that only makes tests. A program with marks has
    /// none.
    pub predicate: bool,
    /// The maximum size of the compiled form of one literal regular expression, in bytes.
    pub pattern_bytes: usize,
    /// The maximum size of all compiled literal regular expressions together, in bytes. A literal
    /// beyond it is compiled at run time, like a pattern that is not a literal.
    pub patterns_bytes: usize,
}

impl Default for Options {
    /// Returns the options for ordinary runs: constants folded, no marks.
    fn default() -> Self {
        Self {
            fold: true,
            mark: false,
            predicate: true,
            pattern_bytes: 1 << 20,
            patterns_bytes: 8 << 20,
        }
    }
}

/// A program, and the parts of the source that its marks refer to.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The program.
    pub program: Program,
    /// The part of the source for each mark.
    pub places: Vec<Place>,
}

/// Compiles a checked source.
///
/// # Errors
/// Returns an error if the verifier rejects the program. That is a defect of the compiler, never of
/// the source.
pub fn compile(checked: &Checked, options: Options) -> Result<Compiled, Malformed> {
    let Lowered { chunk, predicate, places } = lowered(checked, options);
    let program = Program::new(chunk)?.with_predicate(predicate);
    Ok(Compiled { program, places })
}

/// A source as a chunk, and as a predicate tree if it only makes tests.
struct Lowered {
    chunk: Chunk,
    predicate: Option<Node>,
    places: Vec<Place>,
}

/// Lowers a source. The working memory is as large as the chunk, and is freed before the chunk is
/// verified.
fn lowered(checked: &Checked, options: Options) -> Lowered {
    let folded = Folded::of(checked, options.fold, options.pattern_bytes);
    // An explanation shows each use of a definition.
    let cached = if options.mark { BTreeMap::new() } else { cached(&folded) };
    // The predicate tree does not read the cache, and a function takes longer than the stack.
    let has_predicate = options.predicate && !options.mark && cached.is_empty();
    let nodes = checked.parsed.tree.len();
    let mut lowering = Lowering {
        folded: &folded,
        tree: folded.tree,
        out: Assembler::default(),
        rows: Rows::of_nodes(if has_predicate { nodes } else { 0 }),
        places: Vec::new(),
        options,
        keys: Vec::new(),
        cached,
    };
    lowering.out.chunk.code.reserve(nodes);
    lowering.out.chunk.spans.reserve(nodes);
    lowering.out.chunk.source = Some(checked.parsed.source.clone());
    lowering.out.chunk.roots = checked.roots.clone();
    lowering.out.chunk.locals = checked.locals;
    let root = lowering.tree.root();
    lowering.expr(root);
    lowering.out.emit(Instruction::Return, lowering.tree.span(root));
    let Lowering { out: Assembler { chunk, .. }, rows, places, .. } = lowering;
    let predicate = has_predicate.then(|| predicate::lower(&folded, &chunk, &rows)).flatten();
    Lowered { chunk, predicate, places }
}

/// Returns the uses of definitions whose values are cached: those that call a function. A second read
/// of a path costs less than a copy.
fn cached(folded: &Folded<'_>) -> BTreeMap<ExprId, u16> {
    let calls = |id: ExprId| {
        let part = folded.tree.part(id);
        part.iter().any(|(_, expr)| match expr {
            Expr::Call { .. } => true,
            Expr::Chain { steps, .. } => {
                steps.iter().any(|step| matches!(step.kind, StepKind::Call(_)))
            }
            _ => false,
        })
    };
    folded.tree.definitions().filter(|(id, _)| calls(*id)).collect()
}

struct Lowering<'c> {
    folded: &'c Folded<'c>,
    tree: &'c Tree,
    out: Assembler<'c>,
    rows: Rows,
    places: Vec<Place>,
    options: Options,
    /// The keys of an unfinished path. The buffer is allocated once.
    keys: Vec<Key>,
    /// The uses of definitions whose values are cached, with the number of the definition.
    cached: BTreeMap<ExprId, u16>,
}

impl<'c> Lowering<'c> {
    fn expr(&mut self, id: ExprId) {
        let span = self.tree.span(id);
        match self.folded.constant(id) {
            Some(constant) => {
                let constant = self.out.constant(constant);
                self.out.emit(Instruction::Constant { constant }, span);
            }
            None => match self.cached.get(&id) {
                Some(number) => self.cached(id, *number, span),
                None => self.node(id, span),
            },
        }
        self.mark(Place::whole(id), span);
    }

    /// Lowers the use of a definition, whose value the programs of a request share.
    fn cached(&mut self, id: ExprId, definition: u16, span: Span) {
        let read = self.out.emit(Instruction::ReadCache { definition, target: 0 }, span);
        self.node(id, span);
        self.out.emit(Instruction::WriteCache { definition }, span);
        self.out.land(read);
    }

    fn mark(&mut self, place: Place, span: Span) {
        if self.options.mark {
            self.places.push(place);
            self.out.emit(Instruction::Mark { place: index(self.places.len() - 1) }, span);
        }
    }

    fn constant(&mut self, value: Value<'c>, span: Span) {
        let constant = self.out.constant(value);
        self.out.emit(Instruction::Constant { constant }, span);
    }

    fn node(&mut self, id: ExprId, span: Span) {
        match self.tree.expr(id) {
            Expr::Name(_) => {
                let path = self.path(self.folded.base(id), Arc::default(), span);
                self.rows.add_path(id, path);
            }
            Expr::Group(inner) => self.expr(*inner),
            Expr::Template(parts) => self.template(parts, span),
            Expr::List(items) => {
                items.iter().for_each(|item| self.expr(*item));
                self.out.emit(Instruction::List { count: index(items.len()) }, span);
            }
            Expr::Object(entries) => {
                for (key, value) in entries {
                    self.expr(*key);
                    self.expr(*value);
                }
                self.out.emit(Instruction::Object { count: index(entries.len()) }, span);
            }
            Expr::Negate(inner) => {
                self.expr(*inner);
                self.out.emit(Instruction::Negate, span);
            }
            Expr::Not(inner) => {
                self.expr(*inner);
                self.out.emit(Instruction::Not, span);
            }
            Expr::Run { first, rest } => self.run(*first, rest, span),
            Expr::And(operands) => self.short(operands, |target| Instruction::And { target }, span),
            Expr::Or(operands) => self.short(operands, |target| Instruction::Or { target }, span),
            Expr::If { arms, otherwise } => self.conditional(arms, *otherwise, span),
            Expr::Call { args, .. } => {
                let args = Arguments { after_dot: false, rest: args };
                self.call(Place::whole(id), args, span);
            }
            Expr::Chain { base, steps } => self.chain(id, *base, steps),
            Expr::Let { bindings, body } => self.bind(id, bindings, *body),
            // The checker rejects the first two; literals are constants.
            Expr::Lambda { .. }
            | Expr::Error
            | Expr::Null
            | Expr::Bool(_)
            | Expr::Number(_)
            | Expr::BigNumber(_)
            | Expr::Text(_) => self.constant(Value::Null, span),
        }
    }

    fn template(&mut self, parts: &'c [Part], span: Span) {
        for part in parts {
            match part {
                Part::Text(text, span) => self.constant(Value::Text(text), *span),
                Part::Value(id) => self.expr(*id),
            }
        }
        self.out.emit(Instruction::Interpolate { count: index(parts.len()) }, span);
    }

    /// Lowers operators of one precedence, from left to right. A fault reports the span of the run
    /// up to the operator's operand.
    fn run(&mut self, first: ExprId, rest: &[Run], span: Span) {
        self.expr(first);
        for run in rest {
            self.expr(run.operand);
            let upto = Span { start: span.start, end: self.tree.span(run.operand).end };
            self.out.emit(instruction(run.operator), upto);
        }
    }

    /// Lowers `AND` and `OR` (short-circuit). Each jump keeps the deciding value as the result.
    fn short(&mut self, operands: &[ExprId], jump: fn(u32) -> Instruction, span: Span) {
        let mut exits = Vec::new();
        for (at, operand) in operands.iter().enumerate() {
            self.expr(*operand);
            if at + 1 < operands.len() {
                exits.push(self.out.emit(jump(0), span));
            }
        }
        exits.into_iter().for_each(|exit| self.out.land(exit));
    }

    fn conditional(&mut self, arms: &[(ExprId, ExprId)], otherwise: Option<ExprId>, span: Span) {
        let mut exits = Vec::new();
        for (condition, answer) in arms {
            self.expr(*condition);
            let past = self.out.emit(Instruction::JumpUnless { target: 0 }, span);
            self.expr(*answer);
            exits.push(self.out.emit(Instruction::Jump { target: 0 }, span));
            self.out.land(past);
        }
        match otherwise {
            Some(otherwise) => self.expr(otherwise),
            None => self.constant(Value::Null, span),
        }
        exits.into_iter().for_each(|exit| self.out.land(exit));
    }

    fn bind(&mut self, id: ExprId, bindings: &[Binding], body: ExprId) {
        let values: Vec<ExprId> = bindings.iter().map(|binding| binding.value).collect();
        self.name_values(Place::whole(id), 0, &values, body);
    }

    /// Lowers values that get names, and the body that can read them. `before` values are on the
    /// stack already.
    ///
    /// Evaluates all values first: a loop in one of them uses the slots that the names get later.
    fn name_values(&mut self, place: Place, before: usize, values: &[ExprId], body: ExprId) {
        let first = self.folded.frame(place);
        let slot = |at: usize| first.saturating_add(u16::try_from(at).unwrap_or(u16::MAX));
        let mut named = Vec::new();
        for (at, value) in values.iter().enumerate() {
            let source = self.out.here();
            self.expr(*value);
            let is_one = self.out.here() == source.saturating_add(1);
            let last = self.out.chunk.code.last();
            if is_one && matches!(last, Some(Instruction::Path { .. })) {
                named.push(NamedPath { source, slot: slot(before + at), from: 0, to: 0 });
            }
        }
        let span = self.tree.span(body);
        for at in (0..before + values.len()).rev() {
            let value = at.checked_sub(before).and_then(|at| values.get(at));
            let span = value.map_or(span, |value| self.tree.span(*value));
            self.out.emit(Instruction::Store { slot: slot(at) }, span);
        }
        let from = self.out.here();
        self.expr(body);
        let to = self.out.here();
        self.out.chunk.named.extend(named.into_iter().map(|one| NamedPath { from, to, ..one }));
    }

    /// Emits the read of a path, and returns its row.
    fn path(&mut self, base: Base, keys: Arc<[Key]>, span: Span) -> u32 {
        let path = self.out.path(Path { base, keys });
        self.out.emit(Instruction::Path { path }, span);
        path
    }

    /// Lowers a chain. Literal keys after a name form one path. The path ends at an index, because
    /// an index may fault and must report the chain up to it. Every other step is an instruction.
    fn chain(&mut self, id: ExprId, base: ExprId, steps: &'c [Step]) {
        let mut attempts = self.attempts(id, steps);
        let done = if matches!(self.tree.expr(base), Expr::Name(_)) && !self.options.mark {
            let keys = self.keys(steps);
            let last = keys.len().checked_sub(1).and_then(|last| steps.get(last));
            let span = last.map_or(self.tree.span(base), |step| step.span);
            let taken = keys.len();
            let path = self.path(self.folded.base(base), keys, span);
            self.rows.add_path(id, path);
            taken
        } else {
            self.expr(base);
            0
        };
        for (at, step) in steps.iter().enumerate().skip(done) {
            let place = Place::step(id, at);
            match attempts.pop_if(|(of, _)| *of == at) {
                Some((_, attempt)) => self.end_attempt(attempt, step),
                None => self.step(place, step),
            }
            if at + 1 < steps.len() {
                self.mark(place, step.span);
            }
        }
    }

    /// Emits a `try` for each `.$TRY(…)` of a chain. It goes before the chain, because the value
    /// before the dot may fault. Returns the steps with their `try` instructions, the innermost
    /// last.
    fn attempts(&mut self, id: ExprId, steps: &[Step]) -> Vec<(usize, usize)> {
        let mut attempts = Vec::new();
        for (at, step) in steps.iter().enumerate().rev() {
            let callee = self.folded.callee(Place::step(id, at));
            if callee.is_some_and(|callee| matches!(callee.code, Code::Form(Form::Try))) {
                attempts.push((at, self.out.emit(Instruction::Try { target: 0 }, step.span)));
            }
        }
        attempts
    }

    fn end_attempt(&mut self, attempt: usize, step: &'c Step) {
        let end = self.out.emit(Instruction::EndTry { target: 0 }, step.span);
        self.out.land(attempt);
        if let StepKind::Call(called) = &step.kind
            && let Some(fallback) = called.args.first()
        {
            self.expr(*fallback);
        }
        self.out.land(end);
    }

    /// Returns the leading literal keys of a chain, up to and including the first index.
    fn keys(&mut self, steps: &[Step]) -> Arc<[Key]> {
        for step in steps {
            let key = self.folded.key(step);
            let goes_on = matches!(key, Some(Key::Name(_)));
            self.keys.extend(key);
            if !goes_on {
                break;
            }
        }
        self.keys.drain(..).collect()
    }

    fn step(&mut self, place: Place, step: &'c Step) {
        match &step.kind {
            StepKind::Member(name) => {
                let constant = self.out.constant(Value::Text(name));
                self.out.emit(Instruction::Member { constant }, step.span);
            }
            StepKind::Index(index) => {
                self.expr(*index);
                self.out.emit(Instruction::Index, step.span);
            }
            StepKind::Slice(from, to) => {
                for bound in [from, to] {
                    match bound {
                        Some(bound) => self.expr(*bound),
                        None => self.constant(Value::Null, step.span),
                    }
                }
                self.out.emit(Instruction::Slice, step.span);
            }
            StepKind::Call(called) => {
                let args = Arguments { after_dot: true, rest: &called.args };
                self.call(place, args, step.span);
            }
        }
    }

    fn call(&mut self, place: Place, args: Arguments<'c>, span: Span) {
        let Some(callee) = self.folded.callee(place) else {
            return;
        };
        match &callee.code {
            Code::Native(_) | Code::Host(_) => self.native(callee, args, span),
            Code::Loop(kind) => self.repeat(place, callee, *kind, args, span),
            Code::Form(form) => self.form(place, *form, args, span),
        }
    }

    fn native(&mut self, callee: &Callee, args: Arguments<'_>, span: Span) {
        let offset = usize::from(args.after_dot);
        for (at, arg) in args.rest.iter().enumerate() {
            self.expr(*arg);
            let param = callee.param(at + offset);
            if param.is_some_and(|param| param.role == ParamRole::Pattern) {
                self.pattern(*arg);
            }
        }
        let Some(function) = self.out.callee(callee) else {
            return;
        };
        let count = index(args.rest.len() + offset);
        self.out.emit(Instruction::Call { function, count }, span);
    }

    /// Adds a literal pattern to the program. The checker has validated it.
    fn pattern(&mut self, arg: ExprId) {
        let literal = self.folded.constant(arg).and_then(Value::as_text);
        let compiled = literal.map(|text| Pattern::new(text, self.options.pattern_bytes));
        if let Some(Ok(pattern)) = compiled {
            self.out.pattern(pattern, self.options.patterns_bytes);
        }
    }

    /// Lowers a loop: its arguments, then the body between `begin` and `next`.
    fn repeat(
        &mut self,
        place: Place,
        callee: &Callee,
        kind: LoopKind,
        args: Arguments<'c>,
        span: Span,
    ) {
        let lambda = self.folded.lambda(args);
        let mut arguments = u8::from(args.after_dot);
        for arg in self.folded.loop_values(callee, args) {
            self.expr(arg);
            arguments = arguments.saturating_add(1);
        }
        let slot = self.folded.frame(place);
        let params = lambda.as_ref().map_or(1, |it| u8::try_from(it.params).unwrap_or(u8::MAX));
        let begin = index(self.out.chunk.loops.len());
        self.rows.add_loop(place, begin);
        self.out.emit(Instruction::Begin { index: begin }, span);
        let body = self.out.here();
        self.out.chunk.loops.push(Loop {
            kind,
            callee: callee.clone(),
            arguments,
            slot,
            params,
            body,
            end: 0,
        });
        match lambda {
            Some(lambda) => self.expr(lambda.body),
            None => {
                self.path(Base::Local(slot), Arc::default(), span);
            }
        }
        self.out.emit(Instruction::Next { index: begin }, span);
        let end = self.out.here();
        if let Some(info) = self.out.chunk.loops.get_mut(begin as usize) {
            info.end = end;
        }
    }

    fn form(&mut self, place: Place, form: Form, args: Arguments<'_>, span: Span) {
        match form {
            Form::Time => {
                self.out.emit(Instruction::Now, span);
            }
            Form::Secret => self.secret(place, args, span, |name| Instruction::Secret { name }),
            Form::Secrets => self.secret(place, args, span, |name| Instruction::Secrets { name }),
            Form::Coalesce => self.coalesce(args, span),
            Form::Try => self.attempt(args, span),
            Form::With => self.with(place, args),
        }
    }

    fn secret(
        &mut self,
        place: Place,
        args: Arguments<'_>,
        span: Span,
        read: fn(u32) -> Instruction,
    ) {
        if args.after_dot {
            self.out.emit(Instruction::Pop, span);
        }
        let name = self.folded.checked.secrets.get(&place).map_or("", |name| &**name);
        let name = self.out.secret(name);
        self.out.emit(read(name), span);
    }

    fn coalesce(&mut self, args: Arguments<'_>, span: Span) {
        let mut exits = Vec::new();
        let mut on_stack = args.after_dot;
        for arg in args.rest {
            if on_stack {
                exits.push(self.out.emit(Instruction::Coalesce { target: 0 }, span));
            }
            self.expr(*arg);
            on_stack = true;
        }
        exits.into_iter().for_each(|exit| self.out.land(exit));
    }

    fn with(&mut self, place: Place, args: Arguments<'_>) {
        if let Some((lambda, values)) = args.rest.split_last()
            && let Expr::Lambda { body, .. } = self.tree.expr(*lambda)
        {
            self.name_values(place, usize::from(args.after_dot), values, *body);
        }
    }

    fn attempt(&mut self, args: Arguments<'_>, span: Span) {
        let [value, fallback] = args.rest else {
            return;
        };
        let attempt = self.out.emit(Instruction::Try { target: 0 }, span);
        self.expr(*value);
        let end = self.out.emit(Instruction::EndTry { target: 0 }, span);
        self.out.land(attempt);
        self.expr(*fallback);
        self.out.land(end);
    }
}

fn instruction(operator: Operator) -> Instruction {
    match operator {
        Operator::Add => Instruction::Add,
        Operator::Subtract => Instruction::Subtract,
        Operator::Multiply => Instruction::Multiply,
        Operator::Divide => Instruction::Divide,
        Operator::Equal => Instruction::Equal,
        Operator::NotEqual => Instruction::NotEqual,
        Operator::In => Instruction::In,
        Operator::NotIn => Instruction::NotIn,
        Operator::Less => Instruction::Less,
        Operator::LessEqual => Instruction::LessEqual,
        Operator::Greater => Instruction::Greater,
        Operator::GreaterEqual => Instruction::GreaterEqual,
    }
}
