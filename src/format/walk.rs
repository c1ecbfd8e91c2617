//! Turns a tree into a document: the layout of each kind of expression. Does not decide where lines
//! break.
//!
//! Tokens are written in source order. The depth of the tree is limited, so this may recurse.

use super::document::{Document, Flat};
use super::writer::{BRACES, PARENS, SQUARES, Writer};
use crate::source::Span;
use crate::syntax::{Expr, ExprId, Param, Parsed, Part, Run, Step, StepKind, Token};

/// Returns the document of a source.
pub(super) fn document(parsed: &Parsed, template: bool) -> Document<'_> {
    let mut writer = Writer::new(parsed);
    let root = parsed.tree.root();
    match parsed.tree.expr(root) {
        Expr::Template(parts) if template => writer.parts(parts),
        Expr::Text(_) if template => writer.raw(parsed.tree.span(root)),
        _ => writer.whole(root),
    }
    writer.document
}

impl<'s> Writer<'s> {
    fn whole(&mut self, root: ExprId) {
        self.cursor.scan();
        self.expr(root);
        self.comments();
    }

    fn expr(&mut self, id: ExprId) {
        let node = self.tree().node(id);
        match &node.expr {
            Expr::Null => self.sign(&Token::Null),
            Expr::Bool(true) => self.sign(&Token::True),
            Expr::Bool(false) => self.sign(&Token::False),
            // Only mappers create a `Let`; a source never contains one.
            Expr::Number(_)
            | Expr::BigNumber(_)
            | Expr::Text(_)
            | Expr::Name(_)
            | Expr::Let { .. }
            | Expr::Error => {
                self.verbatim(node.span);
            }
            Expr::Template(parts) => self.quoted(parts, node.span),
            Expr::List(items) => self.items(&SQUARES, items, Self::item),
            Expr::Object(entries) => self.items(&BRACES, entries, Self::entry),
            Expr::Group(inner) => self.bracketed(&PARENS, |this| this.expr(*inner)),
            Expr::Negate(inner) => self.negation(*inner),
            Expr::Not(inner) => {
                self.word(&Token::Not);
                self.after_word(*inner);
            }
            Expr::And(operands) => self.joined(operands, &Token::And),
            Expr::Or(operands) => self.joined(operands, &Token::Or),
            Expr::Run { first, rest } => self.run(*first, rest),
            Expr::If { arms, otherwise } => self.conditional(arms, *otherwise),
            Expr::Call { name, args, .. } => self.call(name, args),
            Expr::Chain { base, steps } => self.chain(*base, steps),
            Expr::Lambda { params, body } => self.lambda(params, *body),
        }
    }

    /// Returns true if an expression breaks into lines without brackets around them.
    fn is_loose(&self, id: ExprId) -> bool {
        matches!(
            self.tree().expr(id),
            Expr::And(_) | Expr::Or(_) | Expr::Run { .. } | Expr::If { .. }
        )
    }

    /// Writes one of several parts. Its further lines are indented.
    fn item(&mut self, id: &ExprId) {
        self.comments();
        if self.is_loose(*id) {
            self.indent(|this| this.expr(*id));
        } else {
            self.expr(*id);
        }
    }

    /// Writes a keyword and a space.
    fn word(&mut self, word: &Token<'static>) {
        self.sign(word);
        self.space();
    }

    /// Writes the expression after a keyword.
    fn after_word(&mut self, id: ExprId) {
        if self.cursor.is_pending() {
            self.indent(|this| this.expr(id));
        } else {
            self.item(&id);
        }
    }

    /// Writes the expression after `=>` or `:`, on its own line if it has no brackets to break.
    fn target(&mut self, id: ExprId) {
        if self.cursor.is_pending() || !self.is_loose(id) {
            self.space();
            return self.after_word(id);
        }
        self.group(|this| {
            this.indent(|this| {
                this.line(Flat::Space);
                this.expr(id);
            });
        });
    }

    fn negation(&mut self, inner: ExprId) {
        self.sign(&Token::Minus);
        self.after_word(inner);
    }

    fn entry(&mut self, (key, value): &(ExprId, ExprId)) {
        self.item(key);
        self.sign(&Token::Colon);
        self.target(*value);
    }

    fn joined(&mut self, operands: &[ExprId], word: &Token<'static>) {
        self.group(|this| {
            for (at, operand) in operands.iter().enumerate() {
                if at > 0 {
                    this.operator(word.spelling(), true);
                }
                this.item(operand);
            }
        });
    }

    fn run(&mut self, first: ExprId, rest: &[Run]) {
        let breaks = !self.ends_in_brackets(rest);
        self.group(|this| {
            this.item(&first);
            for Run { operator, operand, .. } in rest {
                this.operator(operator.spelling(), breaks);
                this.item(operand);
            }
        });
    }

    /// Returns true if a run is one operator before a list or object: `a IN [b, c]` breaks best
    /// inside the list.
    fn ends_in_brackets(&self, rest: &[Run]) -> bool {
        let [only] = rest else {
            return false;
        };
        match self.tree().expr(only.operand) {
            Expr::List(items) => !items.is_empty(),
            Expr::Object(entries) => !entries.is_empty(),
            _ => false,
        }
    }

    /// Writes an operator at the start of a line. A comment after it in the source goes before it:
    /// it either ended the line above, or describes the operand.
    fn operator(&mut self, spelling: &'static str, breaks: bool) {
        for word in spelling.split(' ') {
            self.cursor.hop(word.len());
        }
        if breaks {
            self.line(Flat::Space);
        } else {
            self.space();
        }
        self.comments();
        self.document.text(spelling);
        self.space();
    }

    fn conditional(&mut self, arms: &[(ExprId, ExprId)], otherwise: Option<ExprId>) {
        self.group(|this| {
            match arms {
                [(condition, answer)] => this.arm(*condition, *answer),
                arms => this.ladder(arms),
            }
            if let Some(otherwise) = otherwise {
                this.line(Flat::Space);
                this.word(&Token::Else);
                this.after_word(otherwise);
            }
        });
    }

    fn ladder(&mut self, arms: &[(ExprId, ExprId)]) {
        for (at, (condition, answer)) in arms.iter().enumerate() {
            if at > 0 {
                self.cursor.hop(Token::Else.spelling().len());
                self.line(Flat::Space);
            }
            self.group(|this| {
                if at > 0 {
                    this.document.text(Token::Else.spelling());
                    this.space();
                }
                this.arm(*condition, *answer);
            });
        }
    }

    fn arm(&mut self, condition: ExprId, answer: ExprId) {
        self.word(&Token::If);
        self.after_word(condition);
        self.line(Flat::Space);
        self.word(&Token::Then);
        self.after_word(answer);
    }

    /// Writes `$F(a, b)`.
    fn call(&mut self, name: &str, args: &[ExprId]) {
        let name = format!("${}", name.to_ascii_uppercase());
        let bytes = name.len();
        self.token(name, bytes);
        self.items(&PARENS, args, Self::item);
    }

    /// Writes `a.b[0].$F(x)`. A single call breaks its arguments. Several calls break the chain,
    /// and all steps from the first call on are indented.
    fn chain(&mut self, base: ExprId, steps: &'s [Step]) {
        let calls = steps.iter().filter(|step| matches!(step.kind, StepKind::Call(_)));
        let breaks = calls.count() > 1;
        self.group(|this| {
            this.expr(base);
            let mut indented = false;
            for step in steps {
                this.step(&step.kind, breaks, &mut indented);
            }
            if indented {
                this.document.dedent();
            }
        });
    }

    fn step(&mut self, step: &'s StepKind, breaks: bool, indented: &mut bool) {
        self.skip(&Token::Dot);
        let breaks = breaks && matches!(step, StepKind::Call(_));
        if !*indented && (breaks || self.cursor.is_pending()) {
            self.document.indent();
            *indented = true;
        }
        if breaks {
            self.line(Flat::Nothing);
        }
        self.step_alone(step);
    }

    fn step_alone(&mut self, step: &'s StepKind) {
        match step {
            StepKind::Member(name) => {
                self.dot();
                self.token(&**name, name.len());
            }
            StepKind::Call(called) => {
                self.dot();
                self.call(&called.name, &called.args);
            }
            StepKind::Index(index) => self.bracketed(&SQUARES, |this| this.expr(*index)),
            StepKind::Slice(from, to) => self.bracketed(&SQUARES, |this| this.slice(*from, *to)),
        }
    }

    /// Writes the dot of a step. The cursor is past it already.
    fn dot(&mut self) {
        self.comments();
        self.document.text(Token::Dot.spelling());
    }

    fn slice(&mut self, from: Option<ExprId>, to: Option<ExprId>) {
        if let Some(from) = from {
            self.item(&from);
        }
        self.sign(&Token::Colon);
        if let Some(to) = to {
            self.item(&to);
        }
    }

    fn lambda(&mut self, params: &'s [Param], body: ExprId) {
        match params {
            [param] => self.lone_param(param),
            params => self.params(params),
        }
        self.space();
        self.sign(&Token::Arrow);
        self.target(body);
    }

    /// Writes `x`, without parentheses.
    fn lone_param(&mut self, param: &'s Param) {
        while self.skip(&Token::ParenOpen) {}
        self.token(&*param.name, param.name.len());
        while self.skip(&Token::ParenClose) {}
    }

    fn params(&mut self, params: &'s [Param]) {
        self.sign(&Token::ParenOpen);
        for (at, param) in params.iter().enumerate() {
            if at > 0 {
                self.document.text(Token::Comma.spelling());
                self.skip_comma();
                self.space();
            }
            self.token(&*param.name, param.name.len());
        }
        self.skip_comma();
        self.sign(&Token::ParenClose);
    }

    /// Writes a string with interpolations.
    fn quoted(&mut self, parts: &'s [Part], span: Span) {
        let (start, end) = (span.start as usize, span.end as usize);
        self.comments();
        self.raw(Span::new(start, start + 1));
        self.parts(parts);
        self.verbatim(Span::new(end.saturating_sub(1), end));
    }

    fn parts(&mut self, parts: &'s [Part]) {
        for part in parts {
            match part {
                Part::Text(_, span) => self.raw(*span),
                Part::Value(id) => self.interpolation(*id),
            }
        }
    }

    /// Writes `${e}` on one line: a comment is not allowed there, and a line break would be hard to
    /// see in the string.
    fn interpolation(&mut self, id: ExprId) {
        self.sign(&Token::InterpolationStart);
        self.document.begin_flat();
        self.expr(id);
        self.document.end_flat();
        let end = Token::InterpolationEnd.spelling();
        self.document.text(end);
        self.cursor.raw(end.len());
    }
}
