//! The stack machine: one loop over the instructions. Does not know source syntax.

use smallvec::SmallVec;

use super::context::{Context, case_insensitive};
use super::limits::Limits;
use super::loops::{Element, Frame, NextAction};
use super::predicate::{Walk, single_comparison};
use super::shared::Shared;
use super::trap::{At, Trap};
use crate::builtins::{Env, PatternCache, invoke};
use crate::program::{Base, Chunk, Instruction, Key, Loop, Node, Path, Program};
use crate::source::Span;
use crate::value::{self, Budget, Fault, FaultKind, Heap, OwnedValue, Value};

/// A reusable machine. It keeps its memory between runs. The values of a run stay valid until the
/// next run.
///
/// ```
/// use hookgate::engine::Engine;
/// use hookgate::vm::{Context, Machine};
///
/// let engine = Engine::new();
/// let rule = engine.compile("parsed_body.labels.$LENGTH() > 1")?;
/// let body = serde_json::json!({ "labels": ["bug", "ui"] });
/// let mut context = Context::new();
/// context.set("parsed_body", &body);
///
/// let mut machine = Machine::default();
/// assert!(machine.test(&rule, &context)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Machine {
    heap: Heap,
    patterns: PatternCache,
    limits: Limits,
}

impl Default for Machine {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

/// The value of a part of the source, recorded during a run.
#[derive(Debug, Clone, Copy)]
pub struct Mark<'a> {
    /// The index of the part in the program's places.
    pub place: u32,
    /// The value.
    pub value: Value<'a>,
}

/// An observer of a run. The default one ignores all values and costs nothing.
trait Observer<'a> {
    fn mark(&mut self, place: u32, value: Value<'a>);
}

struct Silent;

impl<'a> Observer<'a> for Silent {
    #[inline]
    fn mark(&mut self, _: u32, _: Value<'a>) {}
}

/// The maximum number of marks of a run. A loop over a million elements is not explained in full.
const MAX_MARKS: usize = 100_000;

impl<'a> Observer<'a> for Vec<Mark<'a>> {
    fn mark(&mut self, place: u32, value: Value<'a>) {
        if self.len() < MAX_MARKS {
            self.push(Mark { place, value });
        }
    }
}

impl Machine {
    /// Returns a machine with these limits.
    pub fn new(limits: Limits) -> Self {
        Self {
            heap: Heap::new(limits.budget()),
            patterns: PatternCache::new(limits.pattern),
            limits,
        }
    }

    /// Returns the limits of one evaluation.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Runs a program. The result borrows from program, context and machine.
    ///
    /// # Errors
    /// Returns the trap that stopped the run.
    pub fn eval<'a>(
        &'a mut self,
        program: &'a Program,
        context: &Context<'a>,
    ) -> Result<Value<'a>, Trap> {
        self.heap.reset(self.limits.budget());
        let this = &*self;
        if let Some(tree) = program.predicate() {
            let walked = this.walk(program.chunk(), context, None).value(tree);
            if let Some(Ok(answer)) = walked.map(|answer| release(&this.heap, answer)) {
                return Ok(answer);
            }
            // The machine finds the fault and its span.
            this.heap.renew(this.limits.budget());
        }
        this.run(program, context, &mut Silent)
    }

    /// Runs a program. Returns true if its result counts as true.
    ///
    /// # Errors
    /// Returns the trap that stopped the run.
    pub fn test<'a>(
        &'a mut self,
        program: &'a Program,
        context: &Context<'a>,
    ) -> Result<bool, Trap> {
        if let Some(tree) = program.predicate() {
            if let Some(answer) = single_comparison(program.chunk(), tree, context) {
                return Ok(answer);
            }
            self.heap.reset(self.limits.budget());
            if let Some(answer) = self.walk(program.chunk(), context, None).truth(tree) {
                return Ok(answer);
            }
        }
        self.heap.reset(self.limits.budget());
        self.run(program, context, &mut Silent).map(Value::is_truthy)
    }

    /// Runs a program compiled with marks. Returns the recorded values and the result.
    pub fn trace<'a>(
        &'a mut self,
        program: &'a Program,
        context: &Context<'a>,
    ) -> (Vec<Mark<'a>>, Result<Value<'a>, Trap>) {
        let mut marks = Vec::new();
        self.heap.reset(self.limits.budget());
        let answer = self.run(program, context, &mut marks);
        (marks, answer)
    }

    /// Evaluates the predicate tree of a program in a set. `None` if it meets a fault.
    #[inline]
    pub(super) fn test_shared<'a>(
        &'a mut self,
        program: &'a Program,
        tree: &'a Node,
        context: &Context<'a>,
        shared: &'a Shared<'a>,
    ) -> Option<bool> {
        self.heap.reset(self.limits.budget());
        self.walk(program.chunk(), context, Some(shared)).truth(tree)
    }

    /// Returns an evaluator for a program with a predicate tree.
    #[inline]
    fn walk<'r, 'a>(
        &'a self,
        chunk: &'a Chunk,
        context: &'r Context<'a>,
        shared: Option<&'a Shared<'a>>,
    ) -> Walk<'r, 'a> {
        let locals = match chunk.locals {
            0 => &mut [],
            some => self.heap.slots(usize::from(some)),
        };
        let (heap, patterns) = (&self.heap, &self.patterns);
        Walk { chunk, context, heap, patterns, locals, last: None, shared }
    }

    /// Runs the instructions. Not inlined, so that the predicate tree does not pay for its stack
    /// frame.
    #[inline(never)]
    fn run<'a>(
        &'a self,
        program: &'a Program,
        context: &Context<'a>,
        observer: &mut impl Observer<'a>,
    ) -> Result<Value<'a>, Trap> {
        let chunk = program.chunk();
        let heap = &self.heap;
        let env = Env { heap, literals: &chunk.patterns, patterns: &self.patterns };
        let (roots, locals) = (chunk.roots.len(), usize::from(chunk.locals));
        let slots = heap.slots(roots + locals + usize::from(chunk.stack));
        let (roots, slots) = slots.split_at_mut(roots);
        let (locals, stack) = slots.split_at_mut(locals);
        let mut run = Run {
            chunk,
            context,
            env,
            stack,
            height: 0,
            locals,
            roots,
            loops: SmallVec::new(),
            attempts: SmallVec::new(),
            measured: SmallVec::new(),
        };
        run.resolve_roots();
        run.start(observer)
    }
}

struct Run<'r, 'a> {
    chunk: &'a Chunk,
    context: &'r Context<'a>,
    env: Env<'a>,
    stack: &'a mut [Value<'a>],
    height: usize,
    locals: &'a mut [Value<'a>],
    roots: &'a mut [Value<'a>],
    // Rules rarely nest loops deeper, so starting a loop allocates nothing.
    loops: SmallVec<[Frame<'a>; 2]>,
    attempts: SmallVec<[Attempt; 2]>,
    measured: SmallVec<[MeasuredDefinition; 2]>,
}

/// The state to restore when a fault is caught.
struct Attempt {
    target: u32,
    height: usize,
    loops: usize,
    measured: usize,
}

/// A definition whose value will be cached, and the budget before its evaluation.
struct MeasuredDefinition {
    definition: u16,
    before: Budget,
}

/// The next instruction.
enum Flow {
    Next,
    To(u32),
    Return,
}

/// Returns a result from the machine. It must contain no secrets and stay within the limits.
#[inline]
fn release<'a>(heap: &Heap, answer: Value<'a>) -> Result<Value<'a>, Fault> {
    if answer.holds_secret() {
        return Err(secret_leaves());
    }
    heap.release(answer)
}

#[cold]
fn secret_leaves() -> Fault {
    Fault::new(FaultKind::SecretLeaves, "the answer would hold a secret")
        .help("answer a digest of it, or whether it compares: `$HMAC_SHA256(secret, message)`, `secret == text`")
}

/// Returns the fault for a state that the verifier excludes. The run fails instead of continuing.
#[cold]
fn broken() -> Fault {
    Fault::new(FaultKind::BadArgument, "the program is damaged")
}

impl<'a> Run<'_, 'a> {
    fn resolve_roots(&mut self) {
        for (slot, root) in self.roots.iter_mut().zip(&self.chunk.roots) {
            let value = self.context.get(&root.name);
            *slot = if root.case_insensitive { case_insensitive(value) } else { value };
        }
    }

    fn start(&mut self, observer: &mut impl Observer<'a>) -> Result<Value<'a>, Trap> {
        let mut at = 0;
        loop {
            let Some(instruction) = self.chunk.code.get(at).copied() else {
                return Err(broken()).at(Span::default());
            };
            match self.step(instruction, observer) {
                Ok(Flow::Next) => at += 1,
                Ok(Flow::To(target)) => at = target as usize,
                Ok(Flow::Return) => {
                    return self
                        .pop()
                        .and_then(|answer| release(self.env.heap, answer))
                        .at(self.span(at));
                }
                Err(fault) => at = self.catch(fault, at)?,
            }
        }
    }

    fn span(&self, at: usize) -> Span {
        self.chunk.spans.get(at).copied().unwrap_or_default()
    }

    /// Continues at the innermost `try`, or returns the trap.
    fn catch(&mut self, fault: Fault, at: usize) -> Result<usize, Trap> {
        if fault.kind().is_limit() {
            return Err(fault).at(self.span(at));
        }
        self.cache_fault(&fault);
        let Some(attempt) = self.attempts.pop() else {
            return Err(fault).at(self.span(at));
        };
        self.height = attempt.height;
        self.loops.truncate(attempt.loops);
        self.measured.truncate(attempt.measured);
        Ok(attempt.target as usize)
    }

    /// Pushes the cached value of a definition, at its full cost, or starts to measure the cost.
    fn read_cache(&mut self, definition: u16, target: u32) -> Result<Flow, Fault> {
        let Some(cache) = self.context.definitions() else {
            return Ok(Flow::Next);
        };
        let heap = self.env.heap;
        if let Some(cached) = cache.get(definition) {
            heap.work(usize::try_from(cached.cost.steps).unwrap_or(usize::MAX))?;
            heap.charge(cached.cost.bytes)?;
            self.push(cached.value()?)?;
            return Ok(Flow::To(target));
        }
        if cache.is_shared(definition) {
            self.measured.push(MeasuredDefinition { definition, before: heap.left() });
        }
        Ok(Flow::Next)
    }

    /// Caches the top value, if the evaluation of the definition was measured.
    fn write_cache(&mut self, definition: u16) -> Result<(), Fault> {
        if self.measured.last().is_some_and(|one| one.definition == definition)
            && let Some(measured) = self.measured.pop()
            && let Some(cache) = self.context.definitions()
        {
            let cost = cost(self.env.heap, measured.before);
            cache.insert(definition, Ok(self.top()?), cost);
        }
        Ok(())
    }

    /// Caches a fault for the definitions that it ends: those since the innermost `try`.
    fn cache_fault(&mut self, fault: &Fault) {
        let outside = self.attempts.last().map_or(0, |attempt| attempt.measured);
        for measured in self.measured.drain(outside.min(self.measured.len())..).rev() {
            if let Some(cache) = self.context.definitions() {
                let cost = cost(self.env.heap, measured.before);
                cache.insert(measured.definition, Err(fault.clone()), cost);
            }
        }
    }

    #[inline]
    fn push(&mut self, value: Value<'a>) -> Result<(), Fault> {
        match self.stack.get_mut(self.height) {
            Some(place) => {
                *place = value;
                self.height += 1;
                Ok(())
            }
            None => Err(broken()),
        }
    }

    #[inline]
    fn pop(&mut self) -> Result<Value<'a>, Fault> {
        self.height = self.height.checked_sub(1).ok_or_else(broken)?;
        self.stack.get(self.height).copied().ok_or_else(broken)
    }

    #[inline]
    fn top(&self) -> Result<Value<'a>, Fault> {
        let top = self.height.checked_sub(1).and_then(|top| self.stack.get(top));
        top.copied().ok_or_else(broken)
    }

    /// Replaces the top `count` values by the result of `make`.
    fn gather(
        &mut self,
        count: usize,
        make: impl FnOnce(&Env<'a>, &[Value<'a>]) -> Result<Value<'a>, Fault>,
    ) -> Result<(), Fault> {
        let from = self.height.checked_sub(count).ok_or_else(broken)?;
        let args = self.stack.get(from..self.height).ok_or_else(broken)?;
        let made = make(&self.env, args)?;
        self.height = from;
        self.push(made)
    }

    #[inline]
    fn binary(
        &mut self,
        operate: impl FnOnce(&'a Heap, Value<'a>, Value<'a>) -> Result<Value<'a>, Fault>,
    ) -> Result<Flow, Fault> {
        let right = self.pop()?;
        let left = self.pop()?;
        let answer = operate(self.env.heap, left, right)?;
        self.push(answer)?;
        Ok(Flow::Next)
    }

    #[inline]
    fn compare(&mut self, holds: fn(std::cmp::Ordering) -> bool) -> Result<Flow, Fault> {
        self.binary(|heap, left, right| {
            let order = value::ordering(heap, left, right)?;
            Ok(Value::Bool(order.is_some_and(holds)))
        })
    }

    /// Jumps and keeps the top value as the result, or drops it and continues.
    #[inline]
    fn keep_if(&mut self, keep: bool, target: u32) -> Result<Flow, Fault> {
        if keep {
            return Ok(Flow::To(target));
        }
        self.pop()?;
        Ok(Flow::Next)
    }

    fn constant(&self, place: u32) -> Result<&'a OwnedValue, Fault> {
        self.chunk.constants.get(place as usize).ok_or_else(broken)
    }

    #[inline]
    fn step(
        &mut self,
        instruction: Instruction,
        observer: &mut impl Observer<'a>,
    ) -> Result<Flow, Fault> {
        match instruction {
            Instruction::Constant { constant } => {
                let value = self.constant(constant)?.borrow();
                self.push(value)?;
            }
            Instruction::Path { path } => {
                let chunk = self.chunk;
                let path = chunk.paths.get(path as usize).ok_or_else(broken)?;
                let value = self.follow(path)?;
                self.push(value)?;
            }
            Instruction::Now => {
                let now = self.context.now().ok_or_else(no_clock)?;
                self.push(Value::Time(now))?;
            }
            Instruction::Secret { name } => {
                let name = self.secret_name(name)?;
                let first = self.context.secrets(name).next().ok_or_else(|| no_secret(name))?;
                self.push(first)?;
            }
            Instruction::Secrets { name } => {
                let name = self.secret_name(name)?;
                let active: Vec<Value<'a>> = self.context.secrets(name).collect();
                if active.is_empty() {
                    return Err(no_secret(name));
                }
                self.push(self.env.heap.list(&active)?)?;
            }
            Instruction::Store { slot } => {
                let value = self.pop()?;
                self.set_local(usize::from(slot), value)?;
            }
            Instruction::Pop => {
                self.pop()?;
            }
            Instruction::Member { constant } => {
                let key = self.constant(constant)?.borrow().as_text().unwrap_or("");
                let value = self.pop()?;
                self.push(value::member(self.env.heap, value, key)?)?;
            }
            Instruction::Index => return self.binary(value::index),
            Instruction::Slice => self.gather(3, |env, args| match args {
                [value, from, to] => value::slice(env.heap, *value, *from, *to),
                _ => Err(broken()),
            })?,
            Instruction::Negate => {
                let value = self.pop()?;
                self.push(value::negate(self.env.heap, value)?)?;
            }
            Instruction::Not => {
                let value = self.pop()?;
                self.push(Value::Bool(!value.is_truthy()))?;
            }
            Instruction::Add => return self.binary(value::add),
            Instruction::Subtract => return self.binary(|_, a, b| value::subtract(a, b)),
            Instruction::Multiply => return self.binary(|_, a, b| value::multiply(a, b)),
            Instruction::Divide => return self.binary(|_, a, b| value::divide(a, b)),
            Instruction::Equal => {
                return self.binary(|heap, a, b| value::equal(heap, a, b).map(Value::Bool));
            }
            Instruction::NotEqual => {
                return self.binary(|heap, a, b| {
                    value::equal(heap, a, b).map(|equal| Value::Bool(!equal))
                });
            }
            Instruction::Less => return self.compare(std::cmp::Ordering::is_lt),
            Instruction::LessEqual => return self.compare(std::cmp::Ordering::is_le),
            Instruction::Greater => return self.compare(std::cmp::Ordering::is_gt),
            Instruction::GreaterEqual => return self.compare(std::cmp::Ordering::is_ge),
            Instruction::In => {
                return self.binary(|heap, a, b| value::contains(heap, a, b).map(Value::Bool));
            }
            Instruction::NotIn => {
                return self.binary(|heap, a, b| {
                    value::contains(heap, a, b).map(|found| Value::Bool(!found))
                });
            }
            Instruction::List { count } => {
                self.gather(count as usize, |env, items| env.heap.list(items))?
            }
            Instruction::Object { count } => self.gather(2 * count as usize, object)?,
            Instruction::Interpolate { count } => {
                self.gather(count as usize, |env, parts| value::interpolate(env.heap, parts))?;
            }
            Instruction::Call { function, count } => {
                let callee = self.chunk.functions.get(usize::from(function)).ok_or_else(broken)?;
                self.gather(count as usize, |env, args| invoke(env, callee, args))?;
            }
            Instruction::Jump { target } => return Ok(Flow::To(target)),
            Instruction::JumpUnless { target } => {
                return Ok(if self.pop()?.is_truthy() { Flow::Next } else { Flow::To(target) });
            }
            Instruction::And { target } => return self.keep_if(!self.top()?.is_truthy(), target),
            Instruction::Or { target } => return self.keep_if(self.top()?.is_truthy(), target),
            Instruction::Coalesce { target } => {
                return self.keep_if(!self.top()?.is_null(), target);
            }
            Instruction::Try { target } => {
                let (height, loops) = (self.height, self.loops.len());
                let measured = self.measured.len();
                self.attempts.push(Attempt { target, height, loops, measured });
            }
            Instruction::EndTry { target } => {
                self.attempts.pop();
                return Ok(Flow::To(target));
            }
            Instruction::Begin { index } => return self.begin(index),
            Instruction::Next { index } => return self.next(index),
            Instruction::ReadCache { definition, target } => {
                return self.read_cache(definition, target);
            }
            Instruction::WriteCache { definition } => self.write_cache(definition)?,
            Instruction::Mark { place } => observer.mark(place, self.top()?),
            Instruction::Return => return Ok(Flow::Return),
        }
        Ok(Flow::Next)
    }

    #[inline]
    fn follow(&self, path: &'a Path) -> Result<Value<'a>, Fault> {
        let base = match path.base {
            Base::Root(root) => self.roots.get(usize::from(root)),
            Base::Local(slot) => self.locals.get(usize::from(slot)),
            // Not possible in instructions: the verifier rejects it.
            Base::Shared(_) => None,
        };
        let mut value = *base.ok_or_else(broken)?;
        for key in &*path.keys {
            value = match key {
                Key::Name(name) => value::member(self.env.heap, value, name)?,
                Key::Index(at) => value::index(self.env.heap, value, Value::Number((*at).into()))?,
            };
        }
        Ok(value)
    }

    fn secret_name(&self, name: u32) -> Result<&'a str, Fault> {
        self.chunk.secrets.get(name as usize).map(|name| &**name).ok_or_else(broken)
    }

    fn set_local(&mut self, slot: usize, value: Value<'a>) -> Result<(), Fault> {
        *self.locals.get_mut(slot).ok_or_else(broken)? = value;
        Ok(())
    }

    fn begin(&mut self, index: u32) -> Result<Flow, Fault> {
        let chunk = self.chunk;
        let info = chunk.loops.get(index as usize).ok_or_else(broken)?;
        let from = self.height.checked_sub(usize::from(info.arguments)).ok_or_else(broken)?;
        let args = self.stack.get(from..self.height).ok_or_else(broken)?;
        let (frame, turn) = Frame::begin(&self.env, info, args)?;
        self.height = from;
        match (frame, turn) {
            (Some(frame), NextAction::Element(element)) => {
                self.loops.push(frame);
                self.enter(info, element)
            }
            (_, NextAction::Answer(answer)) => self.leave(info, answer),
            (None, NextAction::Element(_)) => Err(broken()),
        }
    }

    fn next(&mut self, index: u32) -> Result<Flow, Fault> {
        let chunk = self.chunk;
        let info = chunk.loops.get(index as usize).ok_or_else(broken)?;
        let answer = self.pop()?;
        let frame = self.loops.last_mut().ok_or_else(broken)?;
        match frame.next(&self.env, answer)? {
            NextAction::Element(element) => self.enter(info, element),
            NextAction::Answer(answer) => {
                self.loops.pop();
                self.leave(info, answer)
            }
        }
    }

    fn leave(&mut self, info: &Loop, answer: Value<'a>) -> Result<Flow, Fault> {
        self.push(answer)?;
        Ok(Flow::To(info.end))
    }

    /// Sets the parameters of the body, and runs it.
    fn enter(&mut self, info: &Loop, element: Element<'a>) -> Result<Flow, Fault> {
        // Each element is charged for the whole body, because its instructions are work too.
        self.env.heap.work(info.work() as usize)?;
        let frame = self.loops.last().ok_or_else(broken)?;
        let parameters = frame.parameters(element);
        for (at, value) in parameters.into_iter().take(usize::from(info.params)).enumerate() {
            self.set_local(usize::from(info.slot) + at, value)?;
        }
        Ok(Flow::To(info.body))
    }
}

/// Returns the part of the budget that was spent since a time.
fn cost(heap: &Heap, before: Budget) -> Budget {
    let after = heap.left();
    Budget {
        bytes: before.bytes.saturating_sub(after.bytes),
        steps: before.steps.saturating_sub(after.steps),
    }
}

fn object<'a>(env: &Env<'a>, entries: &[Value<'a>]) -> Result<Value<'a>, Fault> {
    let mut object = env.heap.object_builder();
    for entry in entries.chunks_exact(2) {
        let [key, value] = entry else {
            continue;
        };
        object.push(key_text(*key)?, *value)?;
    }
    object.finish()
}

fn key_text(key: Value<'_>) -> Result<&str, Fault> {
    key.as_text().ok_or_else(|| {
        Fault::new(
            FaultKind::WrongOperand,
            format!("the key of an object is text, not {}", key.kind().phrase()),
        )
        .help("write the key in quotes, or convert it: `$TEXT(key)`")
    })
}

#[cold]
fn no_clock() -> Fault {
    Fault::new(FaultKind::NoClock, "the clock is read, and the host gave none")
}

#[cold]
fn no_secret(name: &str) -> Fault {
    Fault::new(FaultKind::NoSecret, format!("the secret `{name}` is not set, or empty")).help(
        "set it where the program runs; a signature made with an empty secret would be anyone's",
    )
}
