//! Lints: warnings about the form of a source. Does not infer types.

use super::checker::{Checker, has_role};
use super::narrowing::Narrowing;
use super::types::Type;
use crate::builtins::{Code as How, Form, Role};
use crate::diagnostic::{Code, Diagnostic};
use crate::program::Callee;
use crate::source::Span;
use crate::syntax::{Expr, ExprId, Operator, Place, Run, StepKind, Tree};
use crate::value::Kinds;

/// Warns about a condition that is always true or always false.
pub(super) fn condition(checker: &mut Checker<'_>, id: ExprId, seen: &Type) {
    let Some(truth) = seen.truth else {
        return;
    };
    // A literal is obvious to its author, who is probably trying something out.
    if matches!(checker.tree.expr(checker.tree.ungrouped(id)), Expr::Bool(_) | Expr::Null) {
        return;
    }
    let span = checker.tree.span(id);
    if checker.is_decided_comparison(span) {
        return;
    }
    checker.report(Diagnostic::new(Code::W0104, span, format!("this condition is always {truth}")));
}

/// Warns about `a == b == c` and `a < b == c`: a comparison of a comparison.
pub(super) fn comparison_chain(checker: &mut Checker<'_>, first: ExprId, rest: &[Run], span: Span) {
    let compares = |id: ExprId| match checker.tree.expr(id) {
        Expr::Run { rest, .. } => rest.iter().any(|run| run.operator.is_comparison()),
        _ => false,
    };
    let comparisons = rest.iter().filter(|run| run.operator.is_comparison()).count();
    if comparisons == 0 {
        return;
    }
    let chained =
        comparisons > 1 || compares(first) || rest.iter().any(|run| compares(run.operand));
    if chained {
        checker.report(
            Diagnostic::new(Code::W0105, span, "a comparison is compared again: its answer is true or false")
                .help("join two comparisons with `AND`, or set parentheses around the one that comes first"),
        );
    }
}

/// Adds advice to the report of an undeclared name in `headers.content-type`: the author meant a
/// key, not a subtraction.
pub(super) fn hyphenated(checker: &mut Checker<'_>, left: ExprId, run: &Run) {
    let Expr::Chain { steps, .. } = checker.tree.expr(left) else {
        return;
    };
    let Some(StepKind::Member(name)) = steps.last().map(|step| &step.kind) else {
        return;
    };
    let after = checker.tree.span(run.operand);
    let touching = checker.tree.span(left).end == run.span.start && run.span.end == after.start;
    if run.operator != Operator::Subtract || !touching {
        return;
    }
    let whole = Span { start: checker.tree.span(left).start, end: after.end };
    let shown = checker.parsed.source.slice(whole);
    let base = shown.split_once(&format!(".{name}-")).map_or("", |(base, _)| base);
    let key = format!("{name}-{}", checker.parsed.source.slice(after));
    let help = format!("a key with a hyphen stands in brackets: `{base}[\"{key}\"]`");
    let unknown = |one: &&mut Diagnostic| {
        one.span() == after && matches!(one.code, Code::E0102 | Code::W0101)
    };
    if let Some(told) = checker.found.diagnostics.iter_mut().find(unknown) {
        told.help = Some(help);
    }
}

/// Warns about `a OR b AND c`.
pub(super) fn mixed(checker: &mut Checker<'_>, operands: &[ExprId]) {
    for operand in operands {
        if let Expr::And(_) = checker.tree.expr(*operand) {
            let span = checker.tree.span(*operand);
            let shown = checker.parsed.source.slice(span).to_owned();
            checker.report(
                Diagnostic::new(Code::W0106, span, "`AND` binds tighter than `OR`")
                    .help(format!("write `({shown})`")),
            );
        }
    }
}

/// Warns about `x > NULL`.
pub(super) fn order_with_null(checker: &mut Checker<'_>, left: &Type, right: &Type, span: Span) {
    if left.kinds == Kinds::NULL || right.kinds == Kinds::NULL {
        checker.report(
            Diagnostic::new(Code::W0114, span, "no order holds with null, so this is always false")
                .help("to ask whether a value is there, write `x != NULL`"),
        );
    }
}

/// Warns about an equality of two values that may be null. Two missing values are equal, so a
/// verification would accept a request without them.
pub(super) fn both_null(
    checker: &mut Checker<'_>,
    run: &Run,
    left: &Type,
    right: &Type,
    span: Span,
) {
    let literal = left.kinds == Kinds::NULL || right.kinds == Kinds::NULL;
    let both = left.may_be_null() && right.may_be_null();
    if checker.host.verification && run.operator == Operator::Equal && both && !literal {
        checker.report(
            Diagnostic::new(Code::W0111, span, "where both are missing, they are equal")
                .help("ask first whether one is there: `a != NULL AND a == b`"),
        );
    }
}

/// Warns about `$TIME() - x <= n`: a timestamp in the future makes the difference negative.
pub(super) fn replay(checker: &mut Checker<'_>, run: &Run, left: Option<ExprId>, span: Span) {
    if !checker.host.verification {
        return;
    }
    let age = match (run.operator, left) {
        (Operator::Less | Operator::LessEqual, Some(left)) => left,
        (Operator::Greater | Operator::GreaterEqual, Some(_)) => run.operand,
        _ => return,
    };
    if bounded_below(checker.tree, age) {
        return;
    }
    if let Some(whole) = age_of(checker, age) {
        let help = if whole {
            let shown = checker.parsed.source.slice(checker.tree.span(age));
            format!("bound both sides: `$ABS({shown})`")
        } else {
            "bound both sides: `$ABS($TIME() - sent) <= 300`".to_owned()
        };
        checker.report(
            Diagnostic::new(Code::W0112, span, "a timestamp in the future passes too").help(help),
        );
    }
}

/// Returns `Some` if an expression is a difference to now, `$TIME() - …`. It is true if the
/// subtrahend reads the context, so that this side alone must be bounded. It is false for a
/// literal, so that the timestamp is on the other side.
fn age_of(checker: &Checker<'_>, id: ExprId) -> Option<bool> {
    let tree = checker.tree;
    let Expr::Run { first, rest } = tree.expr(tree.ungrouped(id)) else {
        return None;
    };
    let callee = checker.found.callees.get(&Place::whole(*first))?;
    let from_now = matches!(callee.code, How::Form(Form::Time));
    let taken = rest.iter().find(|run| run.operator == Operator::Subtract)?;
    from_now.then(|| reads_something(tree, taken.operand))
}

/// Returns true if another comparison bounds the same difference from below: `age > -300`.
fn bounded_below(tree: &Tree, age: ExprId) -> bool {
    let age = tree.fingerprint(tree.ungrouped(age));
    let is_age = |id: ExprId| tree.fingerprint(tree.ungrouped(id)) == age;
    tree.iter().any(|(_, expr)| match expr {
        Expr::Run { first, rest } => {
            match (rest.as_slice(), rest.first().map(|run| run.operator)) {
                ([_], Some(Operator::Greater | Operator::GreaterEqual)) => is_age(*first),
                ([run], Some(Operator::Less | Operator::LessEqual)) => is_age(run.operand),
                _ => false,
            }
        }
        _ => false,
    })
}

/// Returns true if an expression reads a variable or a local.
fn reads_something(tree: &Tree, id: ExprId) -> bool {
    let mut reads = matches!(tree.expr(id), Expr::Name(_));
    tree.expr(id).each_child(|child| reads |= reads_something(tree, child));
    reads
}

/// Warns about `a == "x" OR "y"`: the second string was probably meant to be compared too, but
/// counts as true alone.
pub(super) fn literal_alternative(checker: &mut Checker<'_>, operands: &[ExprId], seen: &[Type]) {
    let (Some(last), Some((value, others))) = (operands.last(), seen.split_last()) else {
        return;
    };
    let compared = others.iter().all(|other| other.kinds == Kinds::BOOLEAN);
    let is_value = matches!(
        checker.tree.expr(checker.tree.ungrouped(*last)),
        Expr::Text(_) | Expr::Number(_) | Expr::BigNumber(_) | Expr::Template(_)
    );
    if compared && is_value && value.truth == Some(true) {
        let span = checker.tree.span(*last);
        let shown = checker.parsed.source.slice(span).to_owned();
        checker.report(
            Diagnostic::new(
                Code::W0104,
                span,
                format!("{shown} always counts as true, independently of the value before it"),
            )
            .help(format!("to compare with several values, write `value IN [a, {shown}]`")),
        );
    }
}

/// Warns about `digest IN text`: the duration of a search reveals how much of the digest is
/// correct.
pub(super) fn digest_searched_in(checker: &mut Checker<'_>, left: &Type, right: &Type, span: Span) {
    if (left.digest_text || right.digest_text) && right.kinds.meets(Kinds::TEXT) {
        digest_searched(checker, span);
    }
}

/// Warns about a digest in `$STARTS_WITH`, `$ENDS_WITH` and `$MATCH`, which search a string.
pub(super) fn digest_searched_by(checker: &mut Checker<'_>, callee: &Callee, span: Span) {
    if has_role(callee, Role::Search) {
        digest_searched(checker, span);
    }
}

fn digest_searched(checker: &mut Checker<'_>, span: Span) {
    if checker.host.verification {
        checker.report(
            Diagnostic::new(
                Code::W0118,
                span,
                "how long the search takes tells how much of the digest is right",
            )
            .help("compare with `==`; take a digest out of a longer string with `$SPLIT` or `$PARSE_PAIRS` first"),
        );
    }
}

/// Warns about letters that look like others, and about characters that change the direction of
/// writing.
pub(super) fn text(checker: &mut Checker<'_>, text: &str, span: Span) {
    if text.is_ascii() {
        return;
    }
    let directs = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    let message = if text.chars().any(directs) {
        "the string holds signs that change the direction of writing"
    } else if text.split(|c: char| !c.is_alphabetic()).any(mixes_scripts) {
        "the string mixes letters of several scripts that look alike"
    } else {
        return;
    };
    checker.report(
        Diagnostic::new(Code::W0117, span, message)
            .help("write such a character as `\\uXXXX` if it is meant"),
    );
}

/// Returns true for a word with Latin letters and also Greek or Cyrillic ones.
fn mixes_scripts(word: &str) -> bool {
    let latin = word.chars().any(|c| c.is_ascii_alphabetic());
    latin && word.chars().any(|c| matches!(c, '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{52f}'))
}

/// Records the expressions that cannot be null if the condition is true or false, as `truth` says.
pub(super) fn proves(id: ExprId, truth: bool, known: &mut Narrowing<'_>) {
    let tree = known.tree();
    match tree.expr(id) {
        Expr::Group(inner) => proves(*inner, truth, known),
        Expr::Not(inner) => proves(*inner, !truth, known),
        Expr::And(operands) if truth => operands.iter().for_each(|one| proves(*one, true, known)),
        Expr::Or(operands) if !truth => operands.iter().for_each(|one| proves(*one, false, known)),
        Expr::Name(_) | Expr::Chain { .. } if truth => known.push(id),
        Expr::Run { first, rest } => {
            if let [run] = rest.as_slice() {
                comparison_proves(*first, run, truth, known);
            }
        }
        _ => {}
    }
}

fn comparison_proves(left: ExprId, run: &Run, truth: bool, known: &mut Narrowing<'_>) {
    let tree = known.tree();
    let is_null = |id: ExprId| matches!(tree.expr(tree.ungrouped(id)), Expr::Null);
    let is_value = |id: ExprId| {
        matches!(
            tree.expr(tree.ungrouped(id)),
            Expr::Text(_) | Expr::Number(_) | Expr::BigNumber(_) | Expr::Bool(_)
        )
    };
    let right = run.operand;
    let operator = run.operator;
    let told_apart = (operator == Operator::NotEqual) == truth
        && matches!(operator, Operator::Equal | Operator::NotEqual);
    let told_equal = (operator == Operator::Equal) == truth
        && matches!(operator, Operator::Equal | Operator::NotEqual);
    let ordered = operator.is_ordering() && truth;
    let found = operator == Operator::In && truth;
    for (one, other) in [(left, right), (right, left)] {
        let proven = (told_apart && is_null(other)) || (told_equal && is_value(other)) || ordered;
        if proven || (found && one == right) {
            known.push(tree.ungrouped(one));
        }
    }
}
