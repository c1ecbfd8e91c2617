//! The actions of the grammar: they make nodes, and report constructs that the grammar accepts only
//! so that the message can explain them. Does not read tokens.

use lalrpop_util::ErrorRecovery;

use super::brackets::too_deep;
use super::error_messages;
use super::recovery_limit::RecoveryLimit;
use super::token::Token;
use super::tree::{Expr, ExprId, Operator, Param, Part, Run, Step, StepKind, Tree};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::value::{Number, ParsedNumber, plain_notation};

/// The builder of the syntax tree of one source.
pub(super) struct Builder<'s> {
    pub(super) tree: Tree,
    pub(super) diagnostics: Vec<Diagnostic>,
    source: &'s str,
    recovery_limit: &'s RecoveryLimit,
    max_depth: u16,
    too_deep: bool,
}

/// The longest part of the source that a message quotes, in characters.
const QUOTED: usize = 40;

/// The head of a lambda. Its parameters must be names, which the builder verifies.
pub(super) enum LambdaHead<'s> {
    /// `x =>`, `(x) =>`
    One(ExprId),
    /// `(a, b) =>`
    Many(Vec<(usize, &'s str, usize)>),
}

impl<'s> Builder<'s> {
    pub(super) fn new(source: &'s str, recovery_limit: &'s RecoveryLimit, max_depth: u16) -> Self {
        let (tree, diagnostics) = (Tree::with_room(source), Vec::new());
        Self { tree, diagnostics, source, recovery_limit, max_depth, too_deep: false }
    }

    /// Reports a diagnostic, unless the limit on diagnostics is reached.
    fn report(&mut self, diagnostic: Diagnostic) {
        if !self.recovery_limit.is_full() {
            self.recovery_limit.record();
            self.diagnostics.push(diagnostic);
        }
    }

    /// Returns the source of an expression, or `…` if it is longer than [`QUOTED`].
    fn quoted(&self, id: ExprId) -> &'s str {
        let written = self.source.get(self.tree.span(id).range());
        written.filter(|written| written.chars().nth(QUOTED).is_none()).unwrap_or("…")
    }

    /// Adds a node. A node deeper than the limit becomes an error node; the first one is reported.
    pub(super) fn node(&mut self, start: usize, expr: Expr, end: usize) -> ExprId {
        self.recovery_limit.acted();
        let span = Span::new(start, end);
        let id = self.tree.add(expr, span);
        if self.tree.depth(id) <= self.max_depth {
            return id;
        }
        if !self.too_deep {
            self.too_deep = true;
            self.report(too_deep(span, usize::from(self.max_depth)));
        }
        self.tree.add(Expr::Error, span)
    }

    pub(super) fn number(&mut self, start: usize, digits: &str, end: usize) -> ExprId {
        let expr = match ParsedNumber::parse(&plain_notation(digits)) {
            Some(ParsedNumber::Number(number)) => Expr::Number(number),
            // An integer is exact at any length.
            Some(ParsedNumber::Big(number)) if number.is_integer() => {
                Expr::BigNumber(number.into())
            }
            _ => {
                let message = format!("`{digits}` is out of range");
                let found = Diagnostic::new(Code::E0003, Span::new(start, end), message);
                self.report(found.help("decimals reach to about 1.8e308"));
                Expr::Number(Number::ZERO)
            }
        };
        self.node(start, expr, end)
    }

    pub(super) fn text(&mut self, start: usize, mut parts: Vec<Part>, end: usize) -> ExprId {
        let expr = match parts.as_mut_slice() {
            [] => Expr::Text("".into()),
            [Part::Text(text, _)] => Expr::Text(std::mem::take(text)),
            _ => Expr::Template(parts),
        };
        self.node(start, expr, end)
    }

    /// Adds a run of operators of one precedence. A single operand is returned unchanged.
    pub(super) fn run(
        &mut self,
        start: usize,
        first: ExprId,
        rest: Vec<Run>,
        end: usize,
    ) -> ExprId {
        if rest.is_empty() { first } else { self.node(start, Expr::Run { first, rest }, end) }
    }

    pub(super) fn all_of(
        &mut self,
        start: usize,
        first: ExprId,
        rest: Vec<ExprId>,
        end: usize,
    ) -> ExprId {
        if rest.is_empty() {
            return first;
        }
        let operands = std::iter::once(first).chain(rest).collect();
        self.node(start, Expr::And(operands), end)
    }

    pub(super) fn any_of(
        &mut self,
        start: usize,
        first: ExprId,
        rest: Vec<ExprId>,
        end: usize,
    ) -> ExprId {
        if rest.is_empty() {
            return first;
        }
        let operands = std::iter::once(first).chain(rest).collect();
        self.node(start, Expr::Or(operands), end)
    }

    /// Adds `IF c THEN a ELSE b`. An `ELSE IF` joins the ladder that starts with it. Arms are kept
    /// in reverse order until the source is read, so that each join takes constant time.
    pub(super) fn conditional(
        &mut self,
        start: usize,
        condition: ExprId,
        answer: ExprId,
        otherwise: Option<ExprId>,
        end: usize,
    ) -> ExprId {
        let span = Span::new(start, end);
        let arm = (condition, answer);
        if let Some(ladder) = otherwise
            && self.tree.join_ladder(ladder, arm, span)
        {
            return ladder;
        }
        self.node(start, Expr::If { arms: vec![arm], otherwise }, end)
    }

    pub(super) fn chain(&mut self, start: usize, base: ExprId, mut steps: Vec<Step>) -> ExprId {
        let Some(last) = steps.last() else {
            return base;
        };
        let end = last.own.end as usize;
        for step in &mut steps {
            step.span = Span::new(start, step.own.end as usize);
        }
        self.node(start, Expr::Chain { base, steps }, end)
    }

    pub(super) fn lambda(
        &mut self,
        start: usize,
        head: LambdaHead<'s>,
        body: ExprId,
        end: usize,
    ) -> ExprId {
        let params = match head {
            LambdaHead::Many(names) => names
                .into_iter()
                .map(|(start, name, end)| Param { name: name.into(), span: Span::new(start, end) })
                .collect(),
            LambdaHead::One(head) => match self.tree.expr(self.tree.ungrouped(head)) {
                Expr::Name(name) => vec![Param { name: name.clone(), span: self.tree.span(head) }],
                Expr::Error => return self.node(start, Expr::Error, end),
                _ => {
                    self.report(
                        Diagnostic::new(
                            Code::E0016,
                            self.tree.span(head),
                            "the parameter of a lambda is a name",
                        )
                        .help("write `x => …`, or `(a, b) => …`"),
                    );
                    return self.node(start, Expr::Error, end);
                }
            },
        };
        self.node(start, Expr::Lambda { params, body }, end)
    }

    /// Reports a lambda outside an argument list.
    pub(super) fn stray_lambda(&mut self, start: usize, end: usize) -> ExprId {
        self.report(
            Diagnostic::new(
                Code::E0016,
                Span::new(start, end),
                "a lambda stands only as an argument of a function",
            )
            .help("pass it to a function that runs it: `list.$MAP(x => …)`"),
        );
        self.node(start, Expr::Error, end)
    }

    /// Reports `name(…)`: a call without its dollar sign.
    pub(super) fn call_without_dollar(
        &mut self,
        start: usize,
        name: &str,
        name_end: usize,
        end: usize,
    ) -> ExprId {
        self.report_bare_call(start, name, name_end, "");
        self.node(start, Expr::Error, end)
    }

    /// Reports `.name(…)`: a step that calls a function without its dollar sign.
    pub(super) fn step_without_dollar(
        &mut self,
        start: usize,
        name: &str,
        name_end: usize,
        own: Span,
    ) -> Step {
        self.report_bare_call(start, name, name_end, ".");
        Step { kind: StepKind::Member(name.into()), span: own, own }
    }

    /// Returns a step. Its span starts at its own dot or bracket until the chain is known.
    pub(super) fn step(&mut self, start: usize, kind: StepKind, end: usize) -> Step {
        self.recovery_limit.acted();
        let own = Span::new(start, end);
        Step { kind, span: own, own }
    }

    /// Returns the name of a called function, and counts the action for the error-recovery limit.
    pub(super) fn called(&mut self, name: &'s str) -> &'s str {
        self.recovery_limit.acted();
        name
    }

    /// Returns one of several parameters, and counts the action for the error-recovery limit.
    pub(super) fn parameter(
        &mut self,
        start: usize,
        name: &'s str,
        end: usize,
    ) -> (usize, &'s str, usize) {
        self.recovery_limit.acted();
        (start, name, end)
    }

    fn report_bare_call(&mut self, start: usize, name: &str, end: usize, dot: &str) {
        self.report(
            Diagnostic::new(
                Code::E0015,
                Span::new(start, end),
                format!("`{name}` is called without `$`"),
            )
            .help(format!("functions have a dollar sign: `{dot}${}(…)`", name.to_uppercase())),
        );
    }

    /// Reports `a ? b : c`, and shows the `IF` to write instead.
    pub(super) fn ternary(
        &mut self,
        start: usize,
        sign: usize,
        parts: [ExprId; 3],
        end: usize,
    ) -> ExprId {
        let [condition, yes, no] = parts.map(|id| self.quoted(id));
        let help = format!("write `IF {condition} THEN {yes} ELSE {no}`");
        self.report(
            Diagnostic::new(
                Code::E0014,
                Span::new(sign, sign + 1),
                "`? :` is not an operator here",
            )
            .help(help),
        );
        self.node(start, Expr::Error, end)
    }

    /// Reports a syntax error and adds an error node, so that the parser can continue after it.
    pub(super) fn recovered(
        &mut self,
        start: usize,
        recovery: &ErrorRecovery<usize, Token<'s>, ()>,
        end: usize,
    ) -> ExprId {
        if let Some(diagnostic) = error_messages::unexpected(self.source, &recovery.error) {
            self.report(diagnostic);
        }
        self.node(start, Expr::Error, end)
    }
}

/// Returns a list with the first of several items. Its capacity fits most lists.
pub(super) fn several<T>(first: T) -> Vec<T> {
    let mut all = Vec::with_capacity(3);
    all.push(first);
    all
}

/// Returns an operator with its right operand.
pub(super) fn operation(start: usize, operator: Operator, end: usize, operand: ExprId) -> Run {
    Run { operator, span: Span::new(start, end), operand }
}
