//! Builds the tree of parts from the marks of a run. Does not know which parts decided.
//!
//! Marks are in the order of the run: the mark of a part follows the marks of the parts inside it.
//! A loop's body is marked once for each iteration. The marks of an iteration are between the
//! body's mark and the body's previous mark. So a part is searched in a range of marks, and a body
//! in the range of the shown iteration.

use crate::check::Table;
use std::cell::Cell;
use std::ops::Range;

use super::{Part, Role, State, Turn};
use crate::builtins::{Code, Form, LoopKind};
use crate::check::Checked;
use crate::program::Callee;
use crate::syntax::{Expr, ExprId, Part as TextPart, Place, Step, StepKind, Tree};
use crate::value::Value;
use crate::vm::{Mark, Trap};

/// The marks of a run with the tree that they refer to.
pub(super) struct Trace<'t, 'a> {
    tree: &'t Tree,
    callees: &'t Table<Place, Callee>,
    marks: &'t [Mark<'a>],
    /// The indexes of the marks of each place.
    at: Table<Place, Vec<usize>>,
    trap: Option<&'t Trap>,
    /// The remaining bytes of values to copy.
    left: Cell<usize>,
}

/// A part with its expression.
pub(super) struct Traced {
    pub(super) part: Part,
    pub(super) id: ExprId,
    pub(super) inner: Vec<Traced>,
    /// The truth of its value, if it had one.
    pub(super) truth: Option<bool>,
    /// True for the body of a loop that tests elements (`$ANY`, `$ALL`, `$FIND`, `$FILTER`, `$COUNT`)
    /// and of `$WITH`.
    pub(super) asks: bool,
}

/// The maximum size of the values copied for one part, and for a whole explanation, in bytes.
const PART_BYTES: usize = 256 << 10;
const ALL_BYTES: usize = 8 << 20;

/// Subtracts the expanded size of a value from `left`. Lists that share parts may be much larger
/// than their memory. Returns false if the value does not fit.
fn fits(value: Value<'_>, left: &mut usize) -> bool {
    let content = match value {
        Value::List(list) => list.iter().all(|item| fits(item, left)).then_some(0),
        Value::Object(object) => object
            .iter()
            .all(|(key, value)| take(left, key.len()) && fits(value, left))
            .then_some(0),
        scalar => Some(scalar.content().map_or(0, <[u8]>::len)),
    };
    content.is_some_and(|content| take(left, content + size_of::<Value<'_>>()))
}

fn take(left: &mut usize, size: usize) -> bool {
    match left.checked_sub(size) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
    }
}

impl<'t, 'a> Trace<'t, 'a> {
    pub(super) fn new(
        checked: &'t Checked,
        places: &[Place],
        marks: &'t [Mark<'a>],
        trap: Option<&'t Trap>,
    ) -> Self {
        let mut at: Table<Place, Vec<usize>> = Table::default();
        for (index, mark) in marks.iter().enumerate() {
            if let Some(place) = places.get(mark.place as usize) {
                at.entry(*place).or_default().push(index);
            }
        }
        Self {
            tree: &checked.parsed.tree,
            callees: &checked.callees,
            marks,
            at,
            trap,
            left: Cell::new(ALL_BYTES),
        }
    }

    pub(super) fn root(&self) -> Traced {
        self.expr(self.tree.root(), 0..self.marks.len())
    }

    /// Returns the kind of loop of a call, if it is one.
    fn loop_of(&self, call: Place) -> Option<LoopKind> {
        match self.callees.get(&call)?.code {
            Code::Loop(kind) => Some(kind),
            _ => None,
        }
    }

    /// Returns true if a call tests each element with its lambda, so that the lambda decides.
    fn asks(&self, call: Place) -> bool {
        use LoopKind::{All, Any, Count, Filter, Find};
        matches!(self.loop_of(call), Some(Any | All | Find | Filter | Count))
    }

    fn tries(&self, call: Place) -> bool {
        self.is_form(call, Form::Try)
    }

    fn is_form(&self, call: Place, wanted: Form) -> bool {
        let code = self.callees.get(&call).map(|callee| &callee.code);
        matches!(code, Some(Code::Form(form)) if *form == wanted)
    }

    /// Returns the indexes of the marks of a place in a range.
    fn found(&self, place: Place, within: &Range<usize>) -> &[usize] {
        let all = self.at.get(&place).map(Vec::as_slice).unwrap_or(&[]);
        let from = all.partition_point(|at| *at < within.start);
        let to = all.partition_point(|at| *at < within.end);
        all.get(from..to).unwrap_or(&[])
    }

    fn value(&self, place: Place, within: &Range<usize>) -> Option<Value<'a>> {
        let last = self.found(place, within).last()?;
        self.marks.get(*last).map(|mark| mark.value)
    }

    fn expr(&self, id: ExprId, within: Range<usize>) -> Traced {
        let mut inner = Vec::new();
        self.inner(id, &within, &mut inner);
        let span = self.tree.span(id);
        self.traced(id, span, self.value(Place::whole(id), &within), self.role(id), inner)
    }

    fn traced(
        &self,
        id: ExprId,
        span: crate::source::Span,
        value: Option<Value<'a>>,
        role: Role,
        inner: Vec<Traced>,
    ) -> Traced {
        let reached = inner.iter().any(|inner| inner.part.state != State::Skipped);
        let state = match value {
            Some(value) => self.display_state(value),
            None if self.trap.is_some_and(|trap| trap.span() == span) || reached => State::Failed,
            None => State::Skipped,
        };
        let truth = value.map(Value::is_truthy);
        let part = Part { span, role, state, decides: false, turn: None, parts: Vec::new() };
        Traced { part, id, inner, truth, asks: false }
    }

    fn display_state(&self, value: Value<'_>) -> State {
        let room = self.left.get().min(PART_BYTES);
        let mut left = room;
        if !fits(value, &mut left) {
            return State::Large;
        }
        self.left.set(self.left.get() - (room - left));
        value.to_owned_value().map_or(State::Secret, State::Value)
    }

    fn role(&self, id: ExprId) -> Role {
        match self.tree.expr(id) {
            Expr::And(_) | Expr::Or(_) | Expr::Not(_) | Expr::If { .. } | Expr::Group(_) => {
                Role::Connective
            }
            _ => Role::Clause,
        }
    }

    /// Collects the inner parts to show. Literals are included only if they may decide.
    fn inner(&self, id: ExprId, within: &Range<usize>, inner: &mut Vec<Traced>) {
        match self.tree.expr(id) {
            Expr::Chain { base, steps } => self.chain(id, *base, steps, within, inner),
            Expr::Call { args, .. } => self.arguments(Place::whole(id), args, within, inner),
            Expr::Template(parts) => {
                for part in parts {
                    if let TextPart::Value(id) = part {
                        self.child(*id, within, inner);
                    }
                }
            }
            // An operand of a connective may be a literal, and may be the one that decided.
            expr if self.role(id) == Role::Connective => {
                expr.each_child(|child| inner.push(self.expr(child, within.clone())));
            }
            expr => expr.each_child(|child| self.child(child, within, inner)),
        }
    }

    fn child(&self, id: ExprId, within: &Range<usize>, inner: &mut Vec<Traced>) {
        let literal = matches!(
            self.tree.expr(id),
            Expr::Null | Expr::Bool(_) | Expr::Number(_) | Expr::BigNumber(_) | Expr::Text(_)
        );
        if !literal {
            inner.push(self.expr(id, within.clone()));
        }
    }

    fn arguments(
        &self,
        call: Place,
        args: &[ExprId],
        within: &Range<usize>,
        inner: &mut Vec<Traced>,
    ) {
        for arg in args {
            match self.tree.expr(*arg) {
                // The body of `$WITH` runs once, and its value is that of the call.
                Expr::Lambda { body, .. } if self.is_form(call, Form::With) => {
                    let body = self.expr(*body, within.clone());
                    inner.push(Traced { asks: true, ..body });
                }
                Expr::Lambda { body, .. } => {
                    inner.push(self.body(call, *body, within));
                }
                _ => self.child(*arg, within, inner),
            }
        }
        // The first argument of `$TRY` always runs first. Without a value, it failed.
        let tried = inner.first_mut().filter(|_| self.tries(call));
        if let Some(tried) = tried.filter(|tried| tried.part.state == State::Skipped) {
            tried.part.state = State::Failed;
        }
    }

    /// Collects the parts of a chain: the value before each call, and the arguments. Members in
    /// between are only shown through the value of their chain.
    fn chain(
        &self,
        id: ExprId,
        base: ExprId,
        steps: &[Step],
        within: &Range<usize>,
        inner: &mut Vec<Traced>,
    ) {
        let is_name = matches!(self.tree.expr(base), Expr::Name(_));
        if !is_name {
            self.child(base, within, inner);
        }
        for (at, step) in steps.iter().enumerate() {
            let shown = at > 0 || is_name;
            if let StepKind::Call(called) = &step.kind {
                let before = at.checked_sub(1).and_then(|before| steps.get(before));
                let told = before.is_some_and(|step| matches!(step.kind, StepKind::Call(_)));
                if shown && !told {
                    inner.push(self.subject(id, base, at, before, within));
                }
                self.arguments(Place::step(id, at), &called.args, within, inner);
                if at + 1 < steps.len() {
                    let value = self.value(Place::step(id, at), within);
                    inner.push(self.traced(id, step.span, value, Role::Clause, Vec::new()));
                }
            } else {
                step.kind.each_child(&mut |child| self.child(child, within, inner));
            }
        }
    }

    /// Returns the part before the dot of a call.
    fn subject(
        &self,
        id: ExprId,
        base: ExprId,
        at: usize,
        before: Option<&Step>,
        within: &Range<usize>,
    ) -> Traced {
        let (place, span) = match before {
            Some(step) => (Place::step(id, at - 1), step.span),
            None => (Place::whole(base), self.tree.span(base)),
        };
        self.traced(id, span, self.value(place, within), Role::Clause, Vec::new())
    }

    /// Returns the body of a lambda in the most informative iteration: the first that passed; for
    /// `$ALL` the first that did not; otherwise the last.
    fn body(&self, call: Place, body: ExprId, within: &Range<usize>) -> Traced {
        let runs = self.found(Place::whole(body), within);
        let truthy = |at: &usize| self.marks.get(*at).is_some_and(|mark| mark.value.is_truthy());
        let passed: Vec<usize> =
            runs.iter().enumerate().filter(|(_, at)| truthy(at)).map(|(run, _)| run).collect();
        let failed_last =
            self.trap.is_some() && runs.last().is_none_or(|last| last + 1 < within.end);
        let last = runs.len().saturating_sub(1);
        // A false `$ALL` stops at the element that did not pass.
        let stops_at_last = failed_last || self.loop_of(call) == Some(LoopKind::All);
        let shown = if stops_at_last { last } else { passed.first().copied().unwrap_or(last) };
        let start = shown
            .checked_sub(1)
            .and_then(|before| runs.get(before))
            .map_or(within.start, |at| at + 1);
        let end = runs.get(shown).map_or(within.end, |at| at + 1);
        let mut traced = self.expr(body, start..end);
        traced.part.role = Role::Body;
        traced.asks = self.asks(call);
        if !runs.is_empty() {
            traced.part.turn = Some(Turn { at: shown, of: runs.len(), passed });
        }
        traced
    }
}
