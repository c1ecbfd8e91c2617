//! Constant folding: evaluates expressions with constant operands at compile time. Does not know
//! instructions.
//!
//! The operations of `value` and the functions of `builtins` compute the constants, so folding
//! never changes a result. An operation that faults is not folded; the fault occurs at run time.

use crate::builtins::{self, Code, Env, NullPropagation, ParamRole, PatternCache};
use crate::check::Checked;
use crate::program::Callee;
use crate::syntax::{Expr, ExprId, Operator, Part, Place, Run, Step, StepKind};
use crate::value::{self, Budget, Fault, Heap, OwnedValue, Value};

/// The budget to fold a list or object of constants, in bytes and steps. Its elements are written
/// in the source, so it may be as large as the source allows.
const LITERAL_BUDGET: Budget = Budget { bytes: 256 << 10, steps: 100_000 };

/// The budget to fold any other expression, in bytes and steps: enough for strings and lists, and
/// too little for the program to grow much.
const BUDGET: Budget = Budget { bytes: 4 << 10, steps: 2_000 };

/// The constant value of a node.
#[derive(Clone)]
enum Constant<'c> {
    /// A literal of the source.
    Literal(Value<'c>),
    /// A folded value. Boxed, because most constants are literals.
    Folded(Box<OwnedValue>),
}

impl Constant<'_> {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Literal(value) => *value,
            Self::Folded(value) => value.borrow(),
        }
    }
}

/// The constants of a tree, by node.
pub(super) struct Constants<'c> {
    checked: &'c Checked,
    patterns: PatternCache,
    of: Vec<Option<Constant<'c>>>,
}

impl<'c> Constants<'c> {
    /// Folds a tree. With `fold` off, only literals are constants.
    pub(super) fn of(checked: &'c Checked, fold: bool, pattern_bytes: usize) -> Self {
        let mut constants = Self {
            checked,
            patterns: PatternCache::new(pattern_bytes),
            of: vec![None; checked.parsed.tree.len()],
        };
        // Children come before their parents in the arena.
        for (id, expr) in checked.parsed.tree.iter() {
            let folded = || {
                fold.then(|| constants.fold(id, expr))
                    .flatten()
                    .map(|value| Constant::Folded(value.into()))
            };
            let constant = constants.literal(expr).or_else(folded);
            if let Some(place) = constants.of.get_mut(id.index()) {
                *place = constant;
            }
        }
        constants
    }

    /// Returns the constant value of a node, if it has one.
    pub(super) fn get(&self, id: ExprId) -> Option<Value<'_>> {
        self.of.get(id.index())?.as_ref().map(Constant::value)
    }

    fn literal(&self, expr: &'c Expr) -> Option<Constant<'c>> {
        Some(Constant::Literal(match expr {
            Expr::Null => Value::Null,
            Expr::Bool(value) => Value::Bool(*value),
            Expr::Number(number) => Value::Number(*number),
            Expr::BigNumber(number) => Value::BigNumber(number.borrow()),
            Expr::Text(text) => Value::Text(text),
            Expr::Group(inner) => return self.of.get(inner.index())?.clone(),
            _ => return None,
        }))
    }

    fn all(&self, ids: &[ExprId]) -> Option<Vec<Value<'_>>> {
        ids.iter().map(|id| self.get(*id)).collect()
    }

    fn fold(&self, id: ExprId, expr: &Expr) -> Option<OwnedValue> {
        // Most expressions of a rule read a variable and cannot be folded.
        match expr {
            Expr::Name(_) => return None,
            Expr::Run { first: base, .. } | Expr::Chain { base, .. } => self.get(*base)?,
            _ => Value::Null,
        };
        let is_literal = matches!(expr, Expr::List(_) | Expr::Object(_));
        let heap = Heap::new(if is_literal { LITERAL_BUDGET } else { BUDGET });
        match expr {
            Expr::Template(parts) => self.template(&heap, parts),
            Expr::List(items) => heap.list(&self.all(items)?).ok()?.to_owned_value(),
            Expr::Object(entries) => self.object(&heap, entries),
            Expr::Negate(inner) => value::negate(&heap, self.get(*inner)?).ok()?.to_owned_value(),
            Expr::Not(inner) => Some(OwnedValue::Bool(!self.get(*inner)?.is_truthy())),
            Expr::Run { first, rest } => self.run(&heap, *first, rest)?.to_owned_value(),
            Expr::And(operands) => self.short(operands, false),
            Expr::Or(operands) => self.short(operands, true),
            Expr::Call { args, .. } => {
                let args = self.all(args)?;
                self.call(&heap, Place::whole(id), &args)?.to_owned_value()
            }
            Expr::Chain { base, steps } => {
                let mut current = self.get(*base)?;
                for (at, step) in steps.iter().enumerate() {
                    current = self.step(&heap, Place::step(id, at), current, step)?;
                }
                current.to_owned_value()
            }
            _ => None,
        }
    }

    fn template(&self, heap: &Heap, parts: &[Part]) -> Option<OwnedValue> {
        let values: Option<Vec<Value<'_>>> = parts
            .iter()
            .map(|part| match part {
                Part::Text(text, _) => Some(Value::Text(text)),
                Part::Value(id) => self.get(*id),
            })
            .collect();
        value::interpolate(heap, &values?).ok()?.to_owned_value()
    }

    fn object(&self, heap: &Heap, entries: &[(ExprId, ExprId)]) -> Option<OwnedValue> {
        let mut object = heap.object_builder();
        for (key, value) in entries {
            let key = self.get(*key)?.as_text()?;
            object.push(key, self.get(*value)?).ok()?;
        }
        object.finish().ok()?.to_owned_value()
    }

    fn run<'h>(&'h self, heap: &'h Heap, first: ExprId, rest: &[Run]) -> Option<Value<'h>> {
        let mut left = self.get(first)?;
        for run in rest {
            let right = self.get(run.operand)?;
            left = operate(heap, run.operator, left, right).ok()?;
        }
        Some(left)
    }

    /// Folds `AND` and `OR` (short-circuit): the first operand that decides, or the last.
    fn short(&self, operands: &[ExprId], stops_at: bool) -> Option<OwnedValue> {
        let mut last = None;
        for id in operands {
            let operand = self.get(*id)?;
            last = Some(operand);
            if operand.is_truthy() == stops_at {
                break;
            }
        }
        last?.to_owned_value()
    }

    fn step<'h>(
        &'h self,
        heap: &'h Heap,
        place: Place,
        current: Value<'h>,
        step: &'h Step,
    ) -> Option<Value<'h>> {
        let bound = |id: &Option<ExprId>| match id {
            None => Some(Value::Null),
            Some(id) => self.get(*id),
        };
        match &step.kind {
            StepKind::Member(name) => value::member(heap, current, name).ok(),
            StepKind::Index(index) => value::index(heap, current, self.get(*index)?).ok(),
            StepKind::Slice(from, to) => value::slice(heap, current, bound(from)?, bound(to)?).ok(),
            StepKind::Call(called) => {
                let mut all = vec![current];
                all.extend(self.all(&called.args)?);
                self.call(heap, place, &all)
            }
        }
    }

    /// Folds a call of a built-in function. The result of a host's function is not known before the
    /// run.
    fn call<'h>(&'h self, heap: &'h Heap, place: Place, args: &[Value<'h>]) -> Option<Value<'h>> {
        let Some(Callee::Builtin(function)) = self.checked.callees.get(&place) else {
            return None;
        };
        let has_code = matches!(function.code, Code::Native(_));
        // A digest is compared in constant time. A constant string would lose that property.
        let is_encoder = function.null == NullPropagation::Fault;
        let takes_pattern = function.params.iter().any(|param| param.role == ParamRole::Pattern);
        if !has_code || is_encoder || takes_pattern {
            return None;
        }
        let env = Env { heap, literals: &[], patterns: &self.patterns };
        builtins::invoke(&env, function, args).ok()
    }
}

/// Applies an operator.
fn operate<'a>(
    heap: &'a Heap,
    operator: Operator,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Value<'a>, Fault> {
    let ordered = |holds: fn(std::cmp::Ordering) -> bool| {
        let order = value::ordering(heap, left, right)?;
        Ok(Value::Bool(order.is_some_and(holds)))
    };
    match operator {
        Operator::Add => value::add(heap, left, right),
        Operator::Subtract => value::subtract(left, right),
        Operator::Multiply => value::multiply(left, right),
        Operator::Divide => value::divide(left, right),
        Operator::Equal => value::equal(heap, left, right).map(Value::Bool),
        Operator::NotEqual => value::equal(heap, left, right).map(|equal| Value::Bool(!equal)),
        Operator::In => value::contains(heap, left, right).map(Value::Bool),
        Operator::NotIn => value::contains(heap, left, right).map(|found| Value::Bool(!found)),
        Operator::Less => ordered(std::cmp::Ordering::is_lt),
        Operator::LessEqual => ordered(std::cmp::Ordering::is_le),
        Operator::Greater => ordered(std::cmp::Ordering::is_gt),
        Operator::GreaterEqual => ordered(std::cmp::Ordering::is_ge),
    }
}
