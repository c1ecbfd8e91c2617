//! Checks of the use of JSON Web Tokens: claims whose time is never compared, and tokens that are
//! read and not verified. Does not infer types.

use super::checker::{Checker, has_role};
use crate::builtins::{Code as How, Form, LoopKind, NullPropagation, Role};
use crate::diagnostic::{Code, Diagnostic};
use crate::program::Callee;
use crate::source::Span;
use crate::syntax::{Expr, ExprId, Operator, Place, Run, Step, StepKind};

/// Runs the checks.
pub(super) fn whole(checker: &mut Checker<'_>) {
    unread_times(checker);
    if checker.host.verification {
        read_without_verification(checker);
        taken_apart_by_hand(checker);
    }
}

/// Warns about claims of a token of which neither the expiry nor the age is compared.
fn unread_times(checker: &mut Checker<'_>) {
    // The map has no order, so the first call in the source is reported.
    let spans = calls(checker, Role::VerifyToken).map(|place| checker.tree.span(place.expr));
    let Some(span) = spans.min_by_key(|span| (span.start, span.end)) else {
        return;
    };
    let tokens = Tokens { checker };
    let mut nodes = checker.tree.iter();
    if nodes.any(|(_, expr)| is_member(checker, expr, "exp") || tokens.bounds_age(expr)) {
        return;
    }
    let message = "the claims are read, and never when they expire";
    checker.report(Diagnostic::new(Code::W0113, span, message).help(
        "compare the time too: `$JWT_VERIFY(…).exp > $TIME()`; for a token without `exp`, bound its age: `$ABS($TIME() - $JWT_VERIFY(…).iat) <= 300`",
    ));
}

/// Reports a token that is read in a verification which does not require that it is verified.
fn read_without_verification(checker: &mut Checker<'_>) {
    let tokens = Tokens { checker };
    let root = checker.tree.root();
    let mut found: Vec<Span> = Vec::new();
    for place in calls(checker, Role::DecodeToken) {
        let token = tokens.subject(place);
        if token.is_none_or(|token| !tokens.requires(root, &token)) {
            found.push(name_span(checker, place));
        }
    }
    found.sort_by_key(|span| span.start);
    for span in found {
        let message = "this token is read, and the rule does not require that it is verified";
        checker.report(Diagnostic::new(Code::E0212, span, message).help(
            "anyone can write a token; join the rule with `AND` and `$JWT_VERIFY` of the same token: `$JWT_VERIFY(token, key, \"RS256\").exp > $TIME()`",
        ));
    }
}

/// Warns about `$PARSE_JSON($UNBASE64($SPLIT(token, ".")[1]))`.
fn taken_apart_by_hand(checker: &mut Checker<'_>) {
    let spans = |role| calls(checker, role).map(|place| (place, name_span(checker, place)));
    let decoders: Vec<Span> = spans(Role::DecodeBase64).map(|(_, span)| span).collect();
    let splits: Vec<Span> =
        spans(Role::Split).filter(|(at, _)| splits_token(checker, *at)).map(|(_, at)| at).collect();
    let mut found: Vec<Span> = Vec::new();
    for (place, name) in spans(Role::ParseJson) {
        let subject = subject_span(checker, place, name);
        let inside = |span: &Span| subject.start <= span.start && span.end <= subject.end;
        if decoders.iter().any(inside) && splits.iter().any(inside) {
            found.push(name);
        }
    }
    found.sort_by_key(|span| span.start);
    for span in found {
        let message = "this reads a part of a token, and nothing shows that the token is verified";
        checker.report(Diagnostic::new(Code::W0131, span, message).help(
            "read the claims of a verified token, `$JWT_VERIFY(token, key, \"RS256\")`; `$DECODE_JWT(token)` reads them before, and requires that",
        ));
    }
}

/// Returns the calls of built-in functions with a role.
fn calls<'c>(checker: &'c Checker<'_>, role: Role) -> impl Iterator<Item = Place> + 'c {
    let callees = checker.found.callees.iter();
    callees.filter(move |(_, callee)| has_role(callee, role)).map(|(place, _)| *place)
}

fn name_span(checker: &Checker<'_>, place: Place) -> Span {
    match (checker.tree.expr(place.expr), called_step(checker, place)) {
        (Expr::Call { name_span, .. }, _) => *name_span,
        (_, Some(StepKind::Call(called))) => called.name_span,
        _ => checker.tree.span(place.expr),
    }
}

fn called_step<'c>(checker: &Checker<'c>, place: Place) -> Option<&'c StepKind> {
    let Expr::Chain { steps, .. } = checker.tree.expr(place.expr) else {
        return None;
    };
    steps.get(place.step? as usize).map(|step| &step.kind)
}

/// Returns the span of the first argument of a call.
fn subject_span(checker: &Checker<'_>, place: Place, name: Span) -> Span {
    match checker.tree.expr(place.expr) {
        Expr::Call { args, .. } => {
            args.first().map_or(name, |argument| checker.tree.span(*argument))
        }
        _ => Span { start: checker.tree.span(place.expr).start, end: name.start },
    }
}

/// Returns true if a call splits a string at dots, as the parts of a token are separated.
fn splits_token(checker: &Checker<'_>, place: Place) -> bool {
    let separator = match (checker.tree.expr(place.expr), called_step(checker, place)) {
        (Expr::Call { args, .. }, _) => args.get(1),
        (_, Some(StepKind::Call(called))) => called.args.first(),
        _ => None,
    };
    separator.is_some_and(|id| matches!(checker.tree.expr(*id), Expr::Text(text) if **text == *"."))
}

/// Returns true if an expression reads a member with this name.
fn is_member(checker: &Checker<'_>, expr: &Expr, name: &str) -> bool {
    let is_it = |step: &Step| match &step.kind {
        StepKind::Member(member) => **member == *name,
        StepKind::Index(index) => {
            matches!(checker.tree.expr(*index), Expr::Text(text) if **text == *name)
        }
        _ => false,
    };
    matches!(expr, Expr::Chain { steps, .. } if steps.iter().any(is_it))
}

/// The tokens of a source.
struct Tokens<'a, 'c> {
    checker: &'a Checker<'c>,
}

impl Tokens<'_, '_> {
    /// Returns true for a comparison that fails when `iat` is long ago: `iat` is on the greater side
    /// and the clock on the other, or a difference of both is on the lesser side.
    fn bounds_age(&self, expr: &Expr) -> bool {
        let Expr::Run { first, rest } = expr else { return false };
        let [run] = rest.as_slice() else { return false };
        let (lesser, greater) = match run.operator {
            Operator::Less | Operator::LessEqual => (*first, run.operand),
            Operator::Greater | Operator::GreaterEqual => (run.operand, *first),
            _ => return false,
        };
        let is_clock = |id: ExprId, _: &Expr| {
            let callee = self.checker.found.callees.get(&Place::whole(id));
            callee.is_some_and(|callee| matches!(callee.code, How::Form(Form::Time)))
        };
        let is_iat = |_: ExprId, expr: &Expr| is_member(self.checker, expr, "iat");
        self.has(lesser, &is_clock) && (self.has(greater, &is_iat) || self.has(lesser, &is_iat))
    }

    /// Returns true if an expression is or contains one that passes.
    fn has(&self, id: ExprId, passes: &dyn Fn(ExprId, &Expr) -> bool) -> bool {
        let expr = self.checker.tree.expr(id);
        let mut found = passes(id, expr);
        expr.each_child(|child| found = found || self.has(child, passes));
        found
    }

    /// Returns the form of the first argument of a call.
    fn subject(&self, place: Place) -> Option<String> {
        let tree = self.checker.tree;
        match (tree.expr(place.expr), place.step) {
            (Expr::Call { args, .. }, None) => {
                args.first().map(|first| tree.fingerprint(tree.ungrouped(*first)))
            }
            (Expr::Chain { .. }, Some(step)) => {
                Some(tree.fingerprint_before(place.expr, step as usize))
            }
            _ => None,
        }
    }

    /// Returns true if an expression can count as true only if a token was verified.
    fn requires(&self, id: ExprId, token: &str) -> bool {
        let requires = |id: &ExprId| self.requires(*id, token);
        match self.checker.tree.expr(id) {
            Expr::Group(inner) => requires(inner),
            Expr::And(operands) => operands.iter().any(requires),
            Expr::Or(operands) => operands.iter().all(requires),
            Expr::If { arms, otherwise } => {
                arms.iter().all(|(_, answer)| requires(answer)) && otherwise.iter().all(requires)
            }
            Expr::Run { first, rest } => match rest.as_slice() {
                [run] if run.operator.is_comparison() => self.compares(*first, run, token),
                _ => self.is_null_without(id, token),
            },
            _ => self.is_null_without(id, token),
        }
    }

    /// Returns true if a comparison never holds without the token.
    fn compares(&self, left: ExprId, run: &Run, token: &str) -> bool {
        let tree = self.checker.tree;
        let kind = |id: ExprId| tree.expr(tree.ungrouped(id));
        let is_value =
            |id: ExprId| matches!(kind(id), Expr::Text(_) | Expr::Number(_) | Expr::Bool(true));
        let is_null = |id: ExprId| matches!(kind(id), Expr::Null);
        let values = |id: ExprId| match kind(id) {
            Expr::List(items) => items.iter().all(|item| is_value(*item)),
            _ => false,
        };
        let (right, operator) = (run.operand, run.operator);
        let null = |id: ExprId| self.is_null_without(id, token);
        match operator {
            Operator::Equal => (null(left) && is_value(right)) || (null(right) && is_value(left)),
            Operator::NotEqual => (null(left) && is_null(right)) || (null(right) && is_null(left)),
            Operator::In => null(left) && values(right),
            // No order holds with null.
            operator if operator.is_ordering() => null(left) || null(right),
            _ => false,
        }
    }

    /// Returns true if an expression is null, or counts as false, unless a token was verified.
    fn is_null_without(&self, id: ExprId, token: &str) -> bool {
        let null = |id: ExprId| self.is_null_without(id, token);
        match self.checker.tree.expr(id) {
            Expr::Group(inner) | Expr::Negate(inner) => null(*inner),
            Expr::Run { first, rest } => {
                let is_arithmetic = rest.iter().all(|run| !run.operator.is_comparison());
                is_arithmetic && (null(*first) || rest.iter().any(|run| null(run.operand)))
            }
            Expr::Call { args, .. } => self.call(Place::whole(id), args, token),
            Expr::Chain { base, steps } => self.chain(id, *base, steps, token),
            _ => false,
        }
    }

    fn call(&self, place: Place, args: &[ExprId], token: &str) -> bool {
        let null = |id: &ExprId| self.is_null_without(*id, token);
        let Some(callee) = self.checker.found.callees.get(&place) else {
            return false;
        };
        match &callee.code {
            How::Form(Form::Coalesce) => args.iter().all(null),
            How::Loop(LoopKind::Any) => args.get(1).is_some_and(|body| self.body(*body, token)),
            _ if self.verifies(place, callee, token) => true,
            _ => passes_null(callee) && args.first().is_some_and(null),
        }
    }

    fn chain(&self, id: ExprId, base: ExprId, steps: &[Step], token: &str) -> bool {
        let mut is_null = self.is_null_without(base, token);
        for (at, step) in steps.iter().enumerate() {
            let StepKind::Call(called) = &step.kind else {
                continue;
            };
            let place = Place::step(id, at);
            is_null =
                self.checker.found.callees.get(&place).is_some_and(|callee| match &callee.code {
                    How::Loop(LoopKind::Any) => {
                        called.args.first().is_some_and(|body| self.body(*body, token))
                    }
                    _ if self.verifies(place, callee, token) => true,
                    _ => is_null && passes_null(callee),
                });
        }
        is_null
    }

    /// Returns true if a lambda holds only for a verified token, as during a rotation of keys:
    /// `keys.$ANY(key => $JWT_VERIFY(token, key, "HS256").exp > $TIME())`.
    fn body(&self, lambda: ExprId, token: &str) -> bool {
        match self.checker.tree.expr(lambda) {
            Expr::Lambda { body, .. } => self.requires(*body, token),
            _ => false,
        }
    }

    fn verifies(&self, place: Place, callee: &Callee, token: &str) -> bool {
        has_role(callee, Role::VerifyToken) && self.subject(place).as_deref() == Some(token)
    }
}

/// Returns true if the result of a function is null for a null first argument.
fn passes_null(callee: &Callee) -> bool {
    callee.null == NullPropagation::Null
}
