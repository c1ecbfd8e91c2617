//! Comparisons of `$KIND(…)` with a word that it never returns. Does not infer types.

use super::checker::{Checker, has_role};
use crate::builtins::Role;
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::syntax::{Expr, ExprId, Operator, Place, Run};
use crate::value::Kind;

/// Names that other languages, and earlier versions of this one, have for kinds.
const OTHER_NAMES: &[(Kind, &[&str])] = &[
    (Kind::Text, &["text", "str", "varchar"]),
    (Kind::Number, &["int", "integer", "float", "double", "decimal"]),
    (Kind::Boolean, &["bool"]),
    (Kind::List, &["array", "tuple"]),
    (Kind::Object, &["dict", "map", "record", "struct"]),
    (Kind::Null, &["none", "nil", "undefined"]),
    (Kind::Time, &["date", "datetime", "timestamp"]),
];

/// Reports literals that are compared with a kind and are the name of none.
pub(super) fn check(checker: &mut Checker<'_>, left: ExprId, run: &Run) {
    let right = run.operand;
    match run.operator {
        Operator::Equal | Operator::NotEqual if returns_kind(checker, left) => name(checker, right),
        Operator::Equal | Operator::NotEqual if returns_kind(checker, right) => name(checker, left),
        Operator::In | Operator::NotIn if returns_kind(checker, left) => {
            let tree = checker.tree;
            if let Expr::List(items) = tree.expr(tree.ungrouped(right)) {
                items.iter().for_each(|item| name(checker, *item));
            }
        }
        _ => {}
    }
}

/// Returns true if an expression is a call of `$KIND`.
fn returns_kind(checker: &Checker<'_>, id: ExprId) -> bool {
    let id = checker.tree.ungrouped(id);
    let place = match checker.tree.expr(id) {
        Expr::Call { .. } => Place::whole(id),
        Expr::Chain { steps, .. } if !steps.is_empty() => Place::step(id, steps.len() - 1),
        _ => return false,
    };
    checker.found.callees.get(&place).is_some_and(|callee| has_role(callee, Role::KindName))
}

/// Reports a literal that is the name of no kind.
fn name(checker: &mut Checker<'_>, id: ExprId) {
    let tree = checker.tree;
    let Expr::Text(word) = tree.expr(tree.ungrouped(id)) else {
        return;
    };
    let names = || Kind::ALL.into_iter().map(Kind::name);
    if names().any(|name| *name == **word) {
        return;
    }
    let lower = word.to_lowercase();
    let other = OTHER_NAMES.iter().find(|(_, others)| others.contains(&&*lower));
    let meant = other.map(|(kind, _)| kind.name()).or_else(|| nearest(word, names()));
    let help = match meant {
        Some(name) => format!("write `\"{name}\"`"),
        None => format!("the kinds are {}", names().collect::<Vec<_>>().join(", ")),
    };
    let message = format!("`$KIND` never returns `{word}`");
    checker.report(Diagnostic::new(Code::E0205, tree.span(id), message).help(help));
}
