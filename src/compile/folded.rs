//! A checked tree with its constants: the input of both lowerings. Emits nothing.

use super::fold::Constants;
use crate::check::{Checked, Name};
use crate::program::{Base, Callee, Key};
use crate::syntax::{Expr, ExprId, Place, Step, StepKind, Tree};
use crate::value::Value;

/// A checked tree after constant folding.
pub(super) struct Folded<'c> {
    pub(super) checked: &'c Checked,
    pub(super) tree: &'c Tree,
    constants: Constants<'c>,
}

/// The arguments of a call: the value before the dot, if there is one, and the arguments in
/// parentheses.
#[derive(Clone, Copy)]
pub(super) struct Arguments<'c> {
    /// True if the first argument is the value before the dot.
    pub(super) after_dot: bool,
    pub(super) rest: &'c [ExprId],
}

/// The lambda of a loop: the number of its parameters, and its body.
pub(super) struct Lambda {
    pub(super) params: usize,
    pub(super) body: ExprId,
}

impl<'c> Folded<'c> {
    /// Folds a tree. With `fold` off, only literals are constants.
    pub(super) fn of(checked: &'c Checked, fold: bool, pattern_bytes: usize) -> Self {
        let constants = Constants::of(checked, fold, pattern_bytes);
        Self { checked, tree: &checked.parsed.tree, constants }
    }

    /// Returns the constant value of a node, if it has one.
    pub(super) fn constant(&self, id: ExprId) -> Option<Value<'_>> {
        self.constants.get(id)
    }

    /// Returns the function that a call calls.
    pub(super) fn callee(&self, place: Place) -> Option<&'c Callee> {
        self.checked.callees.get(&place)
    }

    /// Returns the first local of a loop or a `Let`.
    pub(super) fn frame(&self, place: Place) -> u16 {
        self.checked.frames.get(&place).copied().unwrap_or(0)
    }

    /// Returns the variable or local that a name refers to.
    pub(super) fn base(&self, id: ExprId) -> Base {
        match self.checked.names.get(&id) {
            Some(Name::Local(slot)) => Base::Local(*slot),
            Some(Name::Root(root)) => Base::Root(*root),
            None => Base::Root(u16::MAX),
        }
    }

    /// Returns the literal key of a step, if it has one.
    pub(super) fn key(&self, step: &Step) -> Option<Key> {
        match &step.kind {
            StepKind::Member(name) => Some(Key::Name(name.clone())),
            StepKind::Index(index) => match self.constant(*index)? {
                Value::Text(name) => Some(Key::Name(name.into())),
                Value::Number(number) => Some(Key::Index(i64::try_from(number.as_whole()?).ok()?)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the lambda of a loop. `None` if the loop has none, and reads the element itself.
    pub(super) fn lambda(&self, args: Arguments<'_>) -> Option<Lambda> {
        args.rest.iter().find_map(|arg| match self.tree.expr(*arg) {
            Expr::Lambda { params, body } => Some(Lambda { params: params.len(), body: *body }),
            _ => None,
        })
    }

    /// Returns the arguments of a loop in parentheses that are values: all but its lambda, or the
    /// null in the place of one.
    pub(super) fn loop_values(
        &self,
        callee: &Callee,
        args: Arguments<'c>,
    ) -> impl Iterator<Item = ExprId> {
        let offset = usize::from(args.after_dot);
        let is_value = move |(at, arg): &(usize, &ExprId)| {
            let is_lambda = matches!(self.tree.expr(**arg), Expr::Lambda { .. });
            !is_lambda && !callee.param(at + offset).is_some_and(|param| param.is_lambda())
        };
        args.rest.iter().enumerate().filter(is_value).map(|(_, arg)| *arg)
    }
}
