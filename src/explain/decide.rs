//! Marks the parts that decided the result. Does not run programs.
//!
//! In a false `AND` the first false operand decides; in a true one all operands do. `OR` is the
//! reverse. The marks continue through `NOT`, `IF`, parentheses, and comparisons of such parts. In
//! `$ANY`, `$ALL`, `$FIND`, `$FILTER` and `$COUNT` the body of the shown iteration decides, and in
//! `$WITH` the body. In a failed run the failed part decides.

use super::trace::Traced;
use super::{Part, Role, State};
use crate::syntax::{Expr, Tree};

/// Marks the deciding parts from the root inward, and builds the tree of parts.
pub(super) fn decide(tree: &Tree, root: &mut Traced) {
    mark(tree, root);
    nest(root);
}

fn mark(tree: &Tree, traced: &mut Traced) {
    if traced.part.state == State::Skipped {
        return;
    }
    traced.part.decides = true;
    if traced.part.state == State::Failed {
        let failed = traced.inner.iter_mut().filter(|inner| inner.part.state == State::Failed);
        return failed.for_each(|inner| mark(tree, inner));
    }
    match tree.expr(traced.id) {
        Expr::And(_) if is_whole(tree, traced) => deciding_operands(tree, traced, false),
        Expr::Or(_) if is_whole(tree, traced) => deciding_operands(tree, traced, true),
        Expr::Not(_) | Expr::Group(_) | Expr::If { .. } if is_whole(tree, traced) => {
            // A branch that did not run decided nothing. Every condition that ran did.
            traced.inner.iter_mut().for_each(|inner| mark(tree, inner));
        }
        _ => inside(tree, traced),
    }
}

/// Returns true if the part is its whole expression, not the first steps of a chain.
fn is_whole(tree: &Tree, traced: &Traced) -> bool {
    traced.part.span == tree.span(traced.id)
}

fn deciding_operands(tree: &Tree, traced: &mut Traced, stops_at: bool) {
    let stopped = traced.inner.iter().position(|operand| operand.truth == Some(stops_at));
    let stops = traced.truth == Some(stops_at);
    for (at, operand) in traced.inner.iter_mut().enumerate() {
        if !stops || Some(at) == stopped || stopped.is_none() {
            mark(tree, operand);
        }
    }
}

/// Marks the deciding parts inside a clause: the body of a test of elements, and compared
/// conditions.
fn inside(tree: &Tree, traced: &mut Traced) {
    let compares = matches!(tree.expr(traced.id), Expr::Run { .. });
    for inner in &mut traced.inner {
        if inner.asks || (compares && inner.part.role == Role::Connective) {
            mark(tree, inner);
        }
    }
}

fn nest(traced: &mut Traced) {
    let mut inner = std::mem::take(&mut traced.inner);
    inner.iter_mut().for_each(nest);
    let parts: Vec<Part> = inner.into_iter().map(|inner| inner.part).collect();
    traced.part.parts = parts;
}
