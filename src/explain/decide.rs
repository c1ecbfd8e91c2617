//! Which parts decided.
//!
//! Of a false `AND` its first false operand, of a true one all of them; `OR` the other way round;
//! through `NOT`, `IF`, parentheses, and comparisons of such; of `$ANY`, `$ALL`, `$FIND` and
//! `$FILTER` the body, in the run that is shown. Of a run that failed, the part that did.

use super::trace::Traced;
use super::{Part, Role, State};
use crate::syntax::{Expr, Tree};

/// Marks the parts that decided, from the whole inward, and puts the parts into one another.
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
            // The branches that did not run decided nothing; every condition that did run did.
            traced.inner.iter_mut().for_each(|inner| mark(tree, inner));
        }
        _ => inside(tree, traced),
    }
}

/// Whether the part is its whole expression, not the first steps of a chain.
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

/// In a clause, what asks of elements decides, and conditions that are compared.
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
