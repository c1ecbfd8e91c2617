//! The reference evaluator: the semantics of programs, as a plain recursive walk over the tree.
//!
//! It is written from the language specification, not from the machine. Names are resolved by
//! scope, operators are implemented again with the simplest algorithms, and nothing is optimised.
//! Tests compare the machine with it. Both share only the code of native functions.
//!
//! Knows no limits: a heap far larger than the machine's replaces them.

mod access;
mod arithmetic;
mod compare;
mod exact;
mod interpolate;
mod keyed;
mod loops;

use crate::builtins::{self, Code, Env, Form, LoopKind, PatternCache};
use crate::check::Checked;
use crate::program::Callee;
use crate::source::Span;
use crate::syntax::{Binding, Expr, ExprId, Operator, Part, Place, Run, Step, StepKind, Tree};
use crate::value::{Budget, Fault, FaultKind, Heap, OwnedValue, Value};
use crate::vm::{Context, Trap};

/// The budget in bytes and steps. It is so large that only the machine exceeds a limit.
const BUDGET: Budget = Budget { bytes: 1 << 30, steps: 1 << 40 };

const PATTERN_BYTES: usize = 1 << 20;

/// Evaluates a checked source in a context.
///
/// # Errors
/// Returns the fault that stops it, with the same kind and span as the machine.
///
/// ```
/// use hookgate::engine::{Context, Engine, Source};
///
/// let checked = Engine::new().check(Source::new("rule", "[3, 1, 2].$SORT()[0] + n"))?;
/// let n = serde_json::json!(41);
/// let mut context = Context::new();
/// context.set("n", &n);
/// assert_eq!(hookgate::reference::eval(&checked, &context)?.to_string(), "42");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn eval(checked: &Checked, context: &Context<'_>) -> Result<OwnedValue, Trap> {
    let heap = Heap::new(BUDGET);
    let patterns = PatternCache::new(PATTERN_BYTES);
    let walk = Walk {
        checked,
        tree: &checked.parsed.tree,
        context,
        env: Env { heap: &heap, literals: &[], patterns: &patterns },
    };
    let root = walk.tree.root();
    let answer = walk.eval(root, &Scope::Outside)?;
    answer
        .to_owned_value()
        .ok_or_else(|| fault(FaultKind::SecretLeaves, "the answer would hold a secret"))
        .at(walk.tree.span(root))
}

struct Walk<'a> {
    checked: &'a Checked,
    tree: &'a Tree,
    context: &'a Context<'a>,
    env: Env<'a>,
}

/// The visible names, innermost first.
enum Scope<'s, 'a> {
    /// Only the variables of the context.
    Outside,
    /// Named values, and the scope around them.
    Inside { names: &'s [(&'a str, Value<'a>)], around: &'s Scope<'s, 'a> },
}

impl<'a> Scope<'_, 'a> {
    fn local(&self, name: &str) -> Option<Value<'a>> {
        match self {
            Self::Outside => None,
            Self::Inside { names, around } => {
                let here = names.iter().rev().find(|(known, _)| *known == name);
                here.map(|(_, value)| *value).or_else(|| around.local(name))
            }
        }
    }
}

type Answer<'a> = Result<Value<'a>, Trap>;

impl<'a> Walk<'a> {
    fn eval(&self, id: ExprId, scope: &Scope<'_, 'a>) -> Answer<'a> {
        match self.tree.expr(id) {
            // The checker rejects the last two.
            Expr::Null | Expr::Lambda { .. } | Expr::Error => Ok(Value::Null),
            Expr::Bool(value) => Ok(Value::Bool(*value)),
            Expr::Number(number) => Ok(Value::Number(*number)),
            Expr::BigNumber(number) => Ok(Value::BigNumber(number.borrow())),
            Expr::Text(text) => Ok(Value::Text(text)),
            Expr::Name(name) => Ok(self.name(name, scope)),
            Expr::Group(inner) => self.eval(*inner, scope),
            Expr::Not(inner) => self.eval(*inner, scope).map(|value| Value::Bool(!truth(value))),
            Expr::Negate(inner) => self.negate(id, *inner, scope),
            Expr::Template(parts) => self.template(id, parts, scope),
            Expr::List(items) => self.list(id, items, scope),
            Expr::Object(entries) => self.object(id, entries, scope),
            Expr::Run { first, rest } => self.run(id, *first, rest, scope),
            Expr::And(operands) => self.first_that(operands, false, scope),
            Expr::Or(operands) => self.first_that(operands, true, scope),
            Expr::If { arms, otherwise } => self.conditional(arms, *otherwise, scope),
            Expr::Let { bindings, body } => self.bind(bindings, *body, scope),
            Expr::Call { args, .. } => self.call(Place::whole(id), None, args, scope),
            Expr::Chain { base, steps } => self.chain(id, *base, steps, scope),
        }
    }

    /// Returns a local, otherwise a variable of the context, otherwise null.
    fn name(&self, name: &str, scope: &Scope<'_, 'a>) -> Value<'a> {
        if let Some(local) = scope.local(name) {
            return local;
        }
        let value = self.context.get(name);
        let blind =
            self.checked.roots.iter().any(|root| *root.name == *name && root.case_insensitive);
        if blind { case_insensitive(value) } else { value }
    }

    fn all(&self, ids: &[ExprId], scope: &Scope<'_, 'a>) -> Result<Vec<Value<'a>>, Trap> {
        ids.iter().map(|id| self.eval(*id, scope)).collect()
    }

    fn negate(&self, id: ExprId, inner: ExprId, scope: &Scope<'_, 'a>) -> Answer<'a> {
        let value = self.eval(inner, scope)?;
        arithmetic::negate(self.env.heap, value).at(self.tree.span(id))
    }

    fn template(&self, id: ExprId, parts: &'a [Part], scope: &Scope<'_, 'a>) -> Answer<'a> {
        let mut values = Vec::new();
        for part in parts {
            values.push(match part {
                Part::Text(text, _) => Value::Text(text),
                Part::Value(id) => self.eval(*id, scope)?,
            });
        }
        interpolate::joined(self.env.heap, &values).at(self.tree.span(id))
    }

    fn list(&self, id: ExprId, items: &[ExprId], scope: &Scope<'_, 'a>) -> Answer<'a> {
        let items = self.all(items, scope)?;
        self.env.heap.list(&items).at(self.tree.span(id))
    }

    /// Evaluates the entries in order. A repeated key keeps its first position and its last value.
    fn object(
        &self,
        id: ExprId,
        entries: &[(ExprId, ExprId)],
        scope: &Scope<'_, 'a>,
    ) -> Answer<'a> {
        let mut evaluated = Vec::new();
        for (key, value) in entries {
            evaluated.push((self.eval(*key, scope)?, self.eval(*value, scope)?));
        }
        let mut kept: Vec<(&str, Value<'a>)> = Vec::new();
        for (key, value) in evaluated {
            let key = key
                .as_text()
                .ok_or_else(|| fault(FaultKind::WrongOperand, "a key is text"))
                .at(self.tree.span(id))?;
            match kept.iter_mut().find(|(known, _)| *known == key) {
                Some(entry) => entry.1 = value,
                None => kept.push((key, value)),
            }
        }
        build_object(self.env.heap, &kept, false).at(self.tree.span(id))
    }

    /// Evaluates operators of one precedence, from left to right. A fault has the span from the
    /// start of the run to the end of the right operand.
    fn run(&self, id: ExprId, first: ExprId, rest: &[Run], scope: &Scope<'_, 'a>) -> Answer<'a> {
        let mut left = self.eval(first, scope)?;
        for run in rest {
            let right = self.eval(run.operand, scope)?;
            let start = self.tree.span(id).start;
            let end = self.tree.span(run.operand).end;
            left = operate(self.env.heap, run.operator, left, right).at(Span { start, end })?;
        }
        Ok(left)
    }

    /// Returns the first operand with the wanted truth, or the last operand.
    fn first_that(&self, operands: &[ExprId], wanted: bool, scope: &Scope<'_, 'a>) -> Answer<'a> {
        let mut answer = Value::Null;
        for operand in operands {
            answer = self.eval(*operand, scope)?;
            if truth(answer) == wanted {
                break;
            }
        }
        Ok(answer)
    }

    fn conditional(
        &self,
        arms: &[(ExprId, ExprId)],
        otherwise: Option<ExprId>,
        scope: &Scope<'_, 'a>,
    ) -> Answer<'a> {
        for (condition, answer) in arms {
            if truth(self.eval(*condition, scope)?) {
                return self.eval(*answer, scope);
            }
        }
        otherwise.map_or(Ok(Value::Null), |otherwise| self.eval(otherwise, scope))
    }

    fn bind(&self, bindings: &'a [Binding], body: ExprId, scope: &Scope<'_, 'a>) -> Answer<'a> {
        let mut names = Vec::new();
        for binding in bindings {
            names.push((&*binding.name, self.eval(binding.value, scope)?));
        }
        self.eval(body, &Scope::Inside { names: &names, around: scope })
    }

    /// Evaluates the steps of a chain in order. A fault skips all steps up to the next `$TRY`.
    fn chain(
        &self,
        id: ExprId,
        base: ExprId,
        steps: &'a [Step],
        scope: &Scope<'_, 'a>,
    ) -> Answer<'a> {
        let mut current = self.eval(base, scope);
        for (at, step) in steps.iter().enumerate() {
            let place = Place::step(id, at);
            current = match (&step.kind, current) {
                (StepKind::Call(called), current) if self.is_try(place) => {
                    self.or_fallback(current, called.args.first().copied(), scope)
                }
                (_, Ok(value)) => self.step(place, value, step, scope),
                (_, Err(trap)) => Err(trap),
            };
        }
        current
    }

    fn step(
        &self,
        place: Place,
        value: Value<'a>,
        step: &'a Step,
        scope: &Scope<'_, 'a>,
    ) -> Answer<'a> {
        let bound = |id: Option<ExprId>| id.map_or(Ok(Value::Null), |id| self.eval(id, scope));
        match &step.kind {
            StepKind::Member(name) => access::member(value, name).at(step.span),
            StepKind::Index(index) => {
                let index = self.eval(*index, scope)?;
                access::index(self.env.heap, value, index).at(step.span)
            }
            StepKind::Slice(from, to) => {
                let (from, to) = (bound(*from)?, bound(*to)?);
                access::slice(self.env.heap, value, from, to).at(step.span)
            }
            StepKind::Call(called) => self.call(place, Some(value), &called.args, scope),
        }
    }

    fn callee(&self, place: Place) -> Option<&'a Callee> {
        self.checked.callees.get(&place)
    }

    fn is_try(&self, place: Place) -> bool {
        self.callee(place).is_some_and(|callee| matches!(callee.code, Code::Form(Form::Try)))
    }

    /// Evaluates a call, with the value before the dot if there is one.
    fn call(
        &self,
        place: Place,
        subject: Option<Value<'a>>,
        args: &'a [ExprId],
        scope: &Scope<'_, 'a>,
    ) -> Answer<'a> {
        let span = self.call_span(place);
        let Some(callee) = self.callee(place) else {
            return Err(fault(FaultKind::BadArgument, "no such function")).at(span);
        };
        match &callee.code {
            Code::Native(_) | Code::Host(_) => {
                let mut all = Vec::from_iter(subject);
                all.extend(self.all(args, scope)?);
                builtins::invoke(&self.env, callee, &all).at(span)
            }
            Code::Loop(kind) => self.loop_call(*kind, callee, subject, args, span, scope),
            Code::Form(form) => self.form(*form, place, subject, args, scope),
        }
    }

    fn call_span(&self, place: Place) -> Span {
        match (place.step, self.tree.expr(place.expr)) {
            (Some(at), Expr::Chain { steps, .. }) => {
                steps.get(at as usize).map(|step| step.span).unwrap_or_default()
            }
            _ => self.tree.span(place.expr),
        }
    }

    fn form(
        &self,
        form: Form,
        place: Place,
        subject: Option<Value<'a>>,
        args: &'a [ExprId],
        scope: &Scope<'_, 'a>,
    ) -> Answer<'a> {
        let span = self.call_span(place);
        match form {
            Form::Time => {
                let now = self.context.now().map(Value::Time);
                now.ok_or_else(|| fault(FaultKind::NoClock, "no clock")).at(span)
            }
            Form::Coalesce => self.coalesce(subject, args, scope),
            Form::Try => {
                let [value, fallback] = args else {
                    return Ok(Value::Null);
                };
                self.or_fallback(self.eval(*value, scope), Some(*fallback), scope)
            }
            Form::With => self.with(subject, args, scope),
            Form::Secret => {
                let first = self.secrets(place, args).first().copied();
                first.ok_or_else(|| fault(FaultKind::NoSecret, "no such secret")).at(span)
            }
            Form::Secrets => match self.secrets(place, args).as_slice() {
                [] => Err(fault(FaultKind::NoSecret, "no such secret")).at(span),
                active => self.env.heap.list(active).at(span),
            },
        }
    }

    /// Evaluates the values in the scope around, and the body with their names.
    fn with(
        &self,
        subject: Option<Value<'a>>,
        args: &'a [ExprId],
        scope: &Scope<'_, 'a>,
    ) -> Answer<'a> {
        let mut values = Vec::from_iter(subject);
        for arg in args {
            let Expr::Lambda { params, body } = self.tree.expr(*arg) else {
                values.push(self.eval(*arg, scope)?);
                continue;
            };
            let names: Vec<(&str, Value<'a>)> =
                params.iter().map(|param| &*param.name).zip(values).collect();
            return self.eval(*body, &Scope::Inside { names: &names, around: scope });
        }
        Ok(Value::Null)
    }

    /// Returns the value, or the fallback if it failed. An exceeded limit is not caught.
    fn or_fallback(
        &self,
        value: Answer<'a>,
        fallback: Option<ExprId>,
        scope: &Scope<'_, 'a>,
    ) -> Answer<'a> {
        match (value, fallback) {
            (Err(trap), Some(fallback)) if !trap.fault().kind().is_limit() => {
                self.eval(fallback, scope)
            }
            (value, _) => value,
        }
    }

    fn coalesce(
        &self,
        subject: Option<Value<'a>>,
        args: &[ExprId],
        scope: &Scope<'_, 'a>,
    ) -> Answer<'a> {
        let mut answer = subject.unwrap_or(Value::Null);
        for arg in args {
            if !answer.is_null() {
                break;
            }
            answer = self.eval(*arg, scope)?;
        }
        Ok(answer)
    }

    /// Returns the active secrets for the literal name in the call or before its dot.
    fn secrets(&self, place: Place, args: &[ExprId]) -> Vec<Value<'a>> {
        let written = match (self.tree.expr(place.expr), place.step) {
            (Expr::Chain { base, .. }, Some(_)) => Some(*base),
            _ => args.first().copied(),
        };
        match written.map(|id| self.tree.expr(self.tree.ungrouped(id))) {
            Some(Expr::Text(name)) => self.context.secrets(name).collect(),
            _ => Vec::new(),
        }
    }

    fn loop_call(
        &self,
        kind: LoopKind,
        callee: &Callee,
        subject: Option<Value<'a>>,
        args: &'a [ExprId],
        span: Span,
        scope: &Scope<'_, 'a>,
    ) -> Answer<'a> {
        let mut values = Vec::from_iter(subject);
        let mut lambda = None;
        let before_the_dot = values.len();
        for (at, arg) in args.iter().enumerate() {
            let is_body = callee.param(at + before_the_dot).is_some_and(|param| param.is_lambda());
            match self.tree.expr(*arg) {
                Expr::Lambda { params, body } => lambda = Some((params.as_slice(), *body)),
                // A null in the place of a lambda omits it.
                _ if is_body => {}
                _ => values.push(self.eval(*arg, scope)?),
            }
        }
        let body = |arguments: &[Value<'a>]| match lambda {
            None => Ok(arguments.first().copied().unwrap_or(Value::Null)),
            Some((params, body)) => {
                let names = params.iter().map(|param| &*param.name).zip(arguments.iter().copied());
                let names: Vec<(&str, Value<'a>)> = names.collect();
                self.eval(body, &Scope::Inside { names: &names, around: scope })
            }
        };
        loops::run(self.env.heap, kind, &values, span, body)
    }
}

/// Returns false for `""`, `0`, null, false, `[]`, `{}` and empty bytes, and true for all other
/// values.
fn truth(value: Value<'_>) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => value,
        Value::Number(number) => number.to_f64() != 0.0,
        Value::BigNumber(_) => true,
        Value::Opaque(text) => text != "{}" && text != "[]",
        Value::Text(text) | Value::Encoded(text) | Value::SecretText(text) => !text.is_empty(),
        Value::Bytes(bytes) | Value::SecretBytes(bytes) => bytes != b"",
        Value::List(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Time(_) => true,
    }
}

fn operate<'a>(
    heap: &'a Heap,
    operator: Operator,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Value<'a>, Fault> {
    let holds = match operator {
        Operator::Add => return arithmetic::add(heap, left, right),
        Operator::Subtract => return arithmetic::subtract(left, right),
        Operator::Multiply => return arithmetic::multiply(left, right),
        Operator::Divide => return arithmetic::divide(left, right),
        Operator::Equal => compare::equal(left, right)?,
        Operator::NotEqual => !compare::equal(left, right)?,
        Operator::In => compare::contains(left, right)?,
        Operator::NotIn => !compare::contains(left, right)?,
        Operator::Less => compare::order(left, right)?.is_some_and(|order| order.is_lt()),
        Operator::LessEqual => compare::order(left, right)?.is_some_and(|order| order.is_le()),
        Operator::Greater => compare::order(left, right)?.is_some_and(|order| order.is_gt()),
        Operator::GreaterEqual => compare::order(left, right)?.is_some_and(|order| order.is_ge()),
    };
    Ok(Value::Bool(holds))
}

/// Makes the members of a variable case-insensitive. `{ "map": { … } }` reads as the inner object.
fn case_insensitive(value: Value<'_>) -> Value<'_> {
    let Value::Object(object) = value else {
        return value;
    };
    let entries: Vec<(&str, Value<'_>)> = object.iter().collect();
    match entries.as_slice() {
        [("map", Value::Object(inner))] => Value::Object(inner.case_insensitive()),
        _ => Value::Object(object.case_insensitive()),
    }
}

fn build_object<'a>(
    heap: &'a Heap,
    entries: &[(&'a str, Value<'a>)],
    secret: bool,
) -> Result<Value<'a>, Fault> {
    let mut object = heap.object_builder();
    if secret {
        object.make_secret();
    }
    for (key, value) in entries {
        object.push(key, *value)?;
    }
    object.finish()
}

fn fault(kind: FaultKind, message: &str) -> Fault {
    Fault::new(kind, message)
}

/// Adds a span to a fault.
trait At<T> {
    /// Returns the value, or a trap at the span.
    fn at(self, span: Span) -> Result<T, Trap>;
}

impl<T> At<T> for Result<T, Fault> {
    fn at(self, span: Span) -> Result<T, Trap> {
        self.map_err(|fault| Trap::new(fault, span))
    }
}
