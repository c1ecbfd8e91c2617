//! Type inference: walks the tree, infers the type of each expression, and reports errors and
//! warnings. Does not know any values.

use super::checker::Checker;
use super::operators;
use super::types::{RecordType, Type};
use super::{kind_names, lints, token};
use crate::builtins::{Code as How, Form};
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::{Binding, Expr, ExprId, Operator, Part, Place, Run, Step, StepKind};
use crate::value::{Kind, Kinds};

impl<'c> Checker<'c> {
    /// Checks the whole source, and returns the type of its result.
    pub(super) fn whole(&mut self) -> Type {
        let root = self.tree.root();
        let answer = self.infer(root);
        if answer.secret && !self.host.fragment {
            self.report(
                Diagnostic::new(Code::E0203, self.tree.span(root), "the answer could hold a secret")
                    .help("answer a digest of it, or whether it compares: `$HMAC_SHA256(secret, message)`, `secret == text`"),
            );
        }
        if !self.host.fragment {
            token::whole(self);
        }
        self.found.diagnostics.extend(self.scope.too_many());
        answer
    }

    /// Infers the type of an expression.
    pub(super) fn infer(&mut self, id: ExprId) -> Type {
        let seen = self.node(id);
        if !self.known.is_empty() && seen.may_be_null() && self.is_known(id) {
            return seen.not_null();
        }
        seen
    }

    fn is_known(&self, id: ExprId) -> bool {
        matches!(self.tree.expr(id), Expr::Name(_) | Expr::Chain { .. }) && self.known.contains(id)
    }

    fn node(&mut self, id: ExprId) -> Type {
        let span = self.tree.span(id);
        match self.tree.expr(id) {
            Expr::Null => Type::of(Kinds::NULL),
            Expr::Bool(value) => Type { truth: Some(*value), ..Type::of(Kinds::BOOLEAN) },
            Expr::Number(number) => {
                Type { truth: Some(!number.is_zero()), ..Type::of(Kinds::NUMBER) }
            }
            // No big number is zero.
            Expr::BigNumber(_) => Type { truth: Some(true), ..Type::of(Kinds::NUMBER) },
            Expr::Text(text) => {
                lints::text(self, text, span);
                Type { truth: Some(!text.is_empty()), ..Type::of(Kinds::TEXT) }
            }
            Expr::Template(parts) => self.template(parts),
            Expr::Name(name) => self.name(id, name, span).0,
            Expr::List(items) => self.list(items),
            Expr::Object(entries) => self.object(entries),
            Expr::Group(inner) => self.infer(*inner),
            Expr::Negate(inner) => self.negate(*inner, span),
            Expr::Not(inner) => {
                let truth = self.infer(*inner).truth.map(|truth| !truth);
                Type { truth, ..Type::of(Kinds::BOOLEAN) }
            }
            Expr::Run { first, rest } => self.run(*first, rest, span),
            Expr::And(operands) => self.all_of(operands),
            Expr::Or(operands) => self.any_of(operands),
            Expr::If { arms, otherwise } => self.conditional(arms, *otherwise),
            Expr::Call { name, name_span, args } => {
                self.call(Place::whole(id), name, *name_span, None, args)
            }
            Expr::Chain { base, steps } => self.chain(id, *base, steps),
            Expr::Lambda { .. } => {
                self.report(
                    Diagnostic::new(Code::E0106, span, "a lambda stands where a value is needed")
                        .help("functions that take a lambda are `$MAP`, `$FILTER`, `$ANY`, `$ALL`, `$FIND`, `$REDUCE`, `$SORT`, `$GROUP`, `$COUNT` and `$WITH`"),
                );
                Type::any()
            }
            Expr::Let { bindings, body } => self.bind(id, bindings, *body),
            Expr::Error => Type::any(),
        }
    }

    fn bind(&mut self, id: ExprId, bindings: &[Binding], body: ExprId) -> Type {
        let values: Vec<Type> = bindings.iter().map(|binding| self.infer(binding.value)).collect();
        let height = self.scope.height();
        let slot = self.scope.next_slot();
        self.found.frames.insert(Place::whole(id), slot);
        for (binding, value) in bindings.iter().zip(values) {
            self.scope.push(&binding.name, value);
        }
        let hidden = self.forget(bindings.iter().map(|binding| &*binding.name));
        let answer = self.infer(body);
        self.recall(hidden);
        self.scope.truncate(height);
        answer
    }

    /// Infers the type of a name. The second result is true if its members are case-insensitive.
    fn name(&mut self, id: ExprId, name: &str, span: Span) -> (Type, bool) {
        lints::text(self, name, span);
        let (found, diagnostic) = self.scope.resolve(id, name, span, self.host);
        self.found.diagnostics.extend(diagnostic.filter(|_| !self.tree.is_optional(id)));
        (found.value, found.case_insensitive)
    }

    fn template(&mut self, parts: &[Part]) -> Type {
        let mut answer = Type::of(Kinds::TEXT);
        for part in parts {
            let id = match part {
                Part::Text(text, span) => {
                    lints::text(self, text, *span);
                    continue;
                }
                Part::Value(id) => *id,
            };
            let part = self.infer(id);
            self.refuse_digest(&part, self.tree.span(id));
            answer.secret |= part.secret;
            answer.digest_text |= part.digest_text;
            if part.kinds.contains(Kind::Bytes) {
                answer.kinds = answer.kinds | Kinds::BYTES;
            }
        }
        if answer.secret {
            answer.kinds = answer.kinds | Kinds::SECRET;
        }
        answer
    }

    /// Reports a digest in a string without an encoding, because senders use different ones.
    pub(super) fn refuse_digest(&mut self, part: &Type, span: Span) {
        if part.digest {
            self.report(
                Diagnostic::new(
                    Code::E0204,
                    span,
                    "a digest stands in a string without an encoding",
                )
                .help("write it out: `.$HEX()` or `.$BASE64()`"),
            );
        }
    }

    fn list(&mut self, items: &[ExprId]) -> Type {
        let elements = items.iter().map(|item| self.infer(*item)).reduce(Type::or);
        let truth = Some(!items.is_empty());
        Type { truth, ..Type::list_of(elements.unwrap_or_else(|| Type::of(Kinds::NULL))) }
    }

    fn object(&mut self, entries: &[(ExprId, ExprId)]) -> Type {
        let mut record = RecordType::default();
        let mut answer = Type::of(Kinds::OBJECT);
        for (key, value) in entries {
            let name = self.key(*key);
            let value = self.infer(*value);
            answer.secret |= value.secret;
            match name {
                Some(name) => {
                    if record.members.insert(name.clone(), value).is_some() {
                        self.report(Diagnostic::new(
                            Code::W0110,
                            self.tree.span(*key),
                            format!("the key {name:?} comes twice; the last value counts"),
                        ));
                    }
                }
                None => {
                    // A computed key may equal any earlier key, and replace the value of that
                    // member.
                    for member in record.members.values_mut() {
                        *member = member.clone().or(value.clone());
                    }
                    let others = record.others.take();
                    record.others =
                        Some(others.map_or(value.clone().or_null(), |others| others.or(value)));
                }
            }
        }
        let truth = Some(!entries.is_empty());
        Type { truth, ..answer.with_record(record) }
    }

    /// Checks a key, and returns it if it is a literal.
    fn key(&mut self, id: ExprId) -> Option<Box<str>> {
        let inner = self.tree.ungrouped(id);
        let span = self.tree.span(id);
        let kinds = self.infer(id).kinds;
        match self.tree.expr(inner) {
            Expr::Text(text) => return Some(text.clone()),
            Expr::Name(name) if inner == id && !self.scope.is_local(name) => {
                self.report(
                    Diagnostic::new(
                        Code::W0107,
                        span,
                        format!("the key is what `{name}` holds, not the word"),
                    )
                    .help(format!("write `\"{name}\"` for the literal key, `({name})` for the value of the name")),
                );
            }
            _ => {}
        }
        if !kinds.contains(Kind::Text) {
            self.always_fails(
                Code::E0201,
                span,
                &format!("a key is a string, not {kinds}"),
                Some("convert it: `$TEXT(key)`"),
            );
        }
        None
    }

    fn negate(&mut self, inner: ExprId, span: Span) -> Type {
        let operand = self.infer(inner);
        if !operand.kinds.meets(Kinds::NUMBER | Kinds::NULL) {
            let message = format!("`-` needs a number, got {}", operand.kinds);
            self.always_fails(Code::E0201, span, &message, conversion(operand.kinds));
        }
        let truth = operand.truth;
        let kinds = operand.kinds.and(Kinds::NUMBER | Kinds::NULL);
        Type { truth, ..Type::of(if kinds.is_empty() { Kinds::NUMBER } else { kinds }) }
    }

    fn run(&mut self, first: ExprId, rest: &[Run], span: Span) -> Type {
        lints::comparison_chain(self, first, rest, span);
        let mut left = self.infer(first);
        let mut left_id = Some(first);
        for run in rest {
            let right = self.infer(run.operand);
            let upto = Span { start: span.start, end: self.tree.span(run.operand).end };
            left = self.operation(run, (&left, left_id), &right, upto);
            if let Some(left) = left_id {
                lints::hyphenated(self, left, run);
                kind_names::check(self, left, run);
            }
            left_id = None;
        }
        left
    }

    fn operation(
        &mut self,
        run: &Run,
        (left, left_id): (&Type, Option<ExprId>),
        right: &Type,
        span: Span,
    ) -> Type {
        let kinds = operators::answers(run.operator, left.kinds, right.kinds);
        if kinds.is_empty() {
            let message = wrong_operands(run.operator, left.kinds, right.kinds);
            self.always_fails(
                Code::E0201,
                span,
                &message,
                operand_help(run.operator, left.kinds, right.kinds),
            );
        } else if operators::fails_unless_null(run.operator, left.kinds, right.kinds)
            && !self.caught
        {
            let message = wrong_operands(
                run.operator,
                left.kinds.without(Kinds::NULL),
                right.kinds.without(Kinds::NULL),
            );
            self.conclude(
                Diagnostic::new(
                    Code::W0108,
                    span,
                    format!("{message}: this fails unless one of them is null"),
                )
                .maybe_help(operand_help(run.operator, left.kinds, right.kinds)),
            );
        }
        let mut answer = Type::of(if kinds.is_empty() { Kinds::ANY } else { kinds });
        answer.secret = !run.operator.is_comparison() && (left.secret || right.secret);
        answer.digest_text =
            run.operator == Operator::Add && (left.digest_text || right.digest_text);
        if matches!(run.operator, Operator::In | Operator::NotIn) {
            lints::digest_searched_in(self, left, right, span);
        }
        if matches!(run.operator, Operator::Equal | Operator::NotEqual) {
            answer.truth = self.equality(run, left, right, span);
            lints::both_null(self, run, left, right, span);
        }
        if run.operator.is_ordering() {
            lints::order_with_null(self, left, right, span);
            lints::replay(self, run, left_id, span);
        }
        answer
    }

    /// Returns the result of an equality that the kinds decide.
    fn equality(&mut self, run: &Run, left: &Type, right: &Type, span: Span) -> Option<bool> {
        if left.kinds == Kinds::NULL && right.kinds == Kinds::NULL {
            return Some(run.operator == Operator::Equal);
        }
        if operators::may_be_equal(left.kinds, right.kinds) {
            return None;
        }
        let both_may_be_null = left.may_be_null() && right.may_be_null();
        let outcome = run.operator == Operator::NotEqual;
        let unless = if both_may_be_null { ", unless both are null" } else { "" };
        let always = if outcome { "always" } else { "never" };
        let (a, b) = (left.kinds.without(Kinds::NULL), right.kinds.without(Kinds::NULL));
        let (a, b) = if a.is_empty() || b.is_empty() { (left.kinds, right.kinds) } else { (a, b) };
        self.conclude(
            Diagnostic::new(
                Code::W0103,
                span,
                format!("{a} is never equal to {b}, so this {always} holds{unless}"),
            )
            .maybe_help(equality_help(left.kinds, right.kinds)),
        );
        (!both_may_be_null).then_some(outcome)
    }

    /// Infers the types of operands in order. The first always runs; the others may not.
    fn operands(&mut self, operands: &[ExprId], stops_at: bool) -> Vec<Type> {
        let known = self.known.len();
        let mut seen = Vec::with_capacity(operands.len());
        for (at, id) in operands.iter().enumerate() {
            let operand =
                if at == 0 { self.infer(*id) } else { self.uncertain(|this| this.infer(*id)) };
            if at + 1 < operands.len() {
                lints::condition(self, *id, &operand);
                lints::proves(*id, !stops_at, &mut self.known);
            }
            seen.push(operand);
        }
        self.known.truncate(known);
        seen
    }

    fn all_of(&mut self, operands: &[ExprId]) -> Type {
        let seen = self.operands(operands, false);
        let truth = decided(&seen, false);
        let answer = seen.into_iter().reduce(Type::or).unwrap_or_else(Type::any);
        Type { truth, ..answer }
    }

    fn any_of(&mut self, operands: &[ExprId]) -> Type {
        lints::mixed(self, operands);
        let mut seen = self.operands(operands, true);
        lints::literal_alternative(self, operands, &seen);
        let truth = decided(&seen, true);
        // The result is the first operand that counts as true, or the last operand.
        let last = seen.pop().unwrap_or_else(Type::any);
        let answer = seen.into_iter().map(Type::not_null).fold(last, Type::or);
        Type { truth, ..answer }
    }

    fn conditional(&mut self, arms: &[(ExprId, ExprId)], otherwise: Option<ExprId>) -> Type {
        let certain = self.certain;
        let height = self.known.len();
        let mut answers: Vec<Type> = Vec::new();
        for (condition, answer) in arms {
            let seen = self.infer(*condition);
            lints::condition(self, *condition, &seen);
            self.certain = false;
            let outside = self.known.len();
            lints::proves(*condition, true, &mut self.known);
            answers.push(self.infer(*answer));
            self.known.truncate(outside);
            lints::proves(*condition, false, &mut self.known);
        }
        answers.push(
            otherwise.map_or_else(|| Type::of(Kinds::NULL), |otherwise| self.infer(otherwise)),
        );
        self.known.truncate(height);
        self.certain = certain;
        let answer = answers.into_iter().reduce(Type::or);
        answer.unwrap_or_else(Type::any)
    }

    fn chain(&mut self, id: ExprId, base: ExprId, steps: &[Step]) -> Type {
        let caught = self.caught;
        let attempts = steps.iter().any(|step| self.is_attempt(step));
        self.caught |= attempts;
        let (mut current, mut case_insensitive) = match self.tree.expr(base) {
            Expr::Name(name) => self.name(base, name, self.tree.span(base)),
            _ => (self.infer(base), false),
        };
        for (at, step) in steps.iter().enumerate() {
            current = match &step.kind {
                StepKind::Member(name) => self.member(&current, name, step, case_insensitive),
                StepKind::Index(index) => self.index(&current, *index, step, case_insensitive),
                StepKind::Slice(from, to) => self.slice(current, *from, *to, step),
                StepKind::Call(called) => self.call(
                    Place::step(id, at),
                    &called.name,
                    called.name_span,
                    Some((&current, base, at)),
                    &called.args,
                ),
            };
            case_insensitive = false;
        }
        self.caught = caught;
        current
    }

    /// Returns true if a step is `.$TRY(…)`. The function decides, because a host may define its
    /// own of that name.
    fn is_attempt(&self, step: &Step) -> bool {
        let StepKind::Call(called) = &step.kind else {
            return false;
        };
        let callee = self.host.function(&called.name);
        callee.is_some_and(|callee| matches!(callee.code, How::Form(Form::Try)))
    }

    fn member(&mut self, of: &Type, name: &str, step: &Step, case_insensitive: bool) -> Type {
        let present = of.kinds.without(Kinds::NULL);
        if !present.is_empty() && !present.contains(Kind::Object) {
            self.report(
                Diagnostic::new(
                    Code::W0109,
                    step.own,
                    format!("{present} has no members, so this is null"),
                )
                .maybe_help(member_help(present, name)),
            );
            // The error is reported once. Later errors would be consequences of it.
            return Type::any();
        }
        let (member, known) = of.member(name, case_insensitive);
        if !known {
            let near = did_you_mean(name, of.member_names());
            self.report(
                Diagnostic::new(
                    Code::W0102,
                    step.own,
                    format!("there is no member `{name}` here, so this is null"),
                )
                .maybe_help(near),
            );
            return Type::any();
        }
        member
    }

    fn index(&mut self, of: &Type, index: ExprId, step: &Step, case_insensitive: bool) -> Type {
        let key = self.infer(index);
        if let Expr::Text(name) = self.tree.expr(self.tree.ungrouped(index)) {
            return self.member(of, name, step, case_insensitive);
        }
        let sequences = Kinds::LIST | Kinds::TEXT | Kinds::BYTES | Kinds::SECRET;
        let kinds = key.kinds;
        let fits = (of.kinds.meets(sequences) && kinds.meets(Kinds::NUMBER))
            || (of.kinds.contains(Kind::Object) && kinds.contains(Kind::Text))
            || kinds.contains(Kind::Null)
            || of.kinds.without(sequences | Kinds::OBJECT) != Kinds::NONE
            || (!of.kinds.contains(Kind::Object) && kinds.contains(Kind::Text));
        if !fits {
            let message = format!("{} is no place in {}", kinds, of.kinds);
            self.always_fails(Code::E0201, step.own, &message, Some("lists, strings and bytes have whole numbers as places, objects have strings as keys"));
        }
        self.part(of, sequences)
    }

    /// Returns the type at an unknown index or key: an element, a character, a byte or a member.
    fn part(&mut self, of: &Type, sequences: Kinds) -> Type {
        if of.kinds.meets(Kinds::LIST | Kinds::OBJECT) {
            let mut element = of.element().or_null();
            element.kinds = element.kinds | of.kinds.and(sequences.without(Kinds::LIST));
            element.digest |= of.digest;
            element.digest_text |= of.digest_text;
            element.truth = None;
            return element;
        }
        let mut part = Type::of(of.kinds.and(sequences) | Kinds::NULL);
        part.secret = of.secret;
        part.digest = of.digest;
        part.digest_text = of.digest_text;
        part
    }

    fn slice(&mut self, of: Type, from: Option<ExprId>, to: Option<ExprId>, step: &Step) -> Type {
        for bound in [from, to].into_iter().flatten() {
            let seen = self.infer(bound);
            if !seen.kinds.meets(Kinds::NUMBER | Kinds::NULL) {
                let message = format!("a slice bound is a whole number, not {}", seen.kinds);
                let unless = of.may_be_null().then_some("the value before it");
                self.fails_unless(Code::E0201, self.tree.span(bound), (&message, None), unless);
            }
        }
        let sequences = Kinds::LIST | Kinds::TEXT | Kinds::BYTES | Kinds::SECRET;
        if !of.kinds.meets(sequences | Kinds::NULL) {
            self.report(Diagnostic::new(
                Code::W0109,
                step.own,
                format!("{} has no places, so this is null", of.kinds),
            ));
            return Type::of(Kinds::NULL);
        }
        let kinds = of.kinds.and(sequences | Kinds::NULL);
        let kinds =
            if of.kinds.without(sequences).is_empty() { kinds } else { kinds | Kinds::NULL };
        Type { kinds, truth: None, ..of }
    }
}

/// Returns the truth of an `AND` or `OR` if its operands decide it.
fn decided(seen: &[Type], stops_at: bool) -> Option<bool> {
    if seen.iter().any(|operand| operand.truth == Some(stops_at)) {
        return Some(stops_at);
    }
    seen.iter().all(|operand| operand.truth == Some(!stops_at)).then_some(!stops_at)
}

fn wrong_operands(operator: Operator, left: Kinds, right: Kinds) -> String {
    match operator {
        Operator::In | Operator::NotIn => format!("{left} cannot be searched for in {right}"),
        _ if operator.is_ordering() => format!("{left} and {right} have no order"),
        _ => format!("`{}` does not work on {left} and {right}", operator.spelling()),
    }
}

/// Returns the conversion that makes the operands valid.
fn operand_help(operator: Operator, left: Kinds, right: Kinds) -> Option<&'static str> {
    if matches!(operator, Operator::In | Operator::NotIn) {
        return Some(
            "`IN` searches a string for a string, a list for a value, an object for a key",
        );
    }
    if (left | right).meets(Kinds::SECRET) {
        return Some("a secret is compared with `==`, or signs: `$HMAC_SHA256(secret, message)`");
    }
    if operator == Operator::Add
        && (left | right).without(Kinds::NULL) == (Kinds::TEXT | Kinds::BYTES)
    {
        return Some("write the bytes out: `.$HEX()` or `.$BASE64()`");
    }
    if left.meets(Kinds::TEXT) != right.meets(Kinds::TEXT) {
        let other = if left.meets(Kinds::TEXT) { right } else { left };
        return Some(match other {
            _ if other.meets(Kinds::TIME) => "read the string as a time first: `$PARSE_TIME(…)`",
            _ if operator == Operator::Add => {
                "to add, convert the string: `$INTEGER(…)`; to join, convert the other side: `$TEXT(…)`"
            }
            _ => "convert the string first: `$INTEGER(…)` or `$DECIMAL(…)`",
        });
    }
    conversion(left)
}

fn conversion(kinds: Kinds) -> Option<&'static str> {
    match kinds.without(Kinds::NULL).only()? {
        Kind::Text => Some("convert the string first: `$INTEGER(…)` or `$DECIMAL(…)`"),
        Kind::List => Some("add up a list with `$SUM(…)`, count it with `$LENGTH(…)`"),
        Kind::Object => Some("read a member of the object"),
        Kind::Time => Some("take the seconds of the time first: `$EPOCH(…)`"),
        _ => None,
    }
}

fn equality_help(left: Kinds, right: Kinds) -> Option<&'static str> {
    let pair =
        |a: Kinds, b: Kinds| (left.meets(a) && right.meets(b)) || (left.meets(b) && right.meets(a));
    if pair(Kinds::TEXT, Kinds::NUMBER) {
        return Some("convert one side: `$INTEGER(text)`, `$TEXT(number)`");
    }
    if pair(Kinds::TEXT, Kinds::BYTES) {
        return Some("write the bytes out: `.$HEX()` or `.$BASE64()`");
    }
    if pair(Kinds::TEXT, Kinds::TIME) {
        return Some("read the string as a time: `$PARSE_TIME(text)`");
    }
    if pair(Kinds::TEXT, Kinds::BOOLEAN) {
        return Some("compare with a string: `\"true\"`; or leave the comparison out");
    }
    if pair(Kinds::LIST, Kinds::TEXT | Kinds::NUMBER) {
        return Some("ask for a member with `IN`: `value IN list`");
    }
    None
}

fn member_help(kinds: Kinds, name: &str) -> Option<&'static str> {
    if matches!(name, "length" | "size" | "count") {
        return Some("`$LENGTH(…)` counts the elements of a list, the characters of a string");
    }
    match kinds.without(Kinds::NULL | Kinds::BYTES).only()? {
        Kind::Text => Some("if the string is JSON, read it first: `$PARSE_JSON(text).name`"),
        Kind::List => {
            Some("take an element first: `list[0].name`, or of each: `list.$MAP(x => x.name)`")
        }
        _ => None,
    }
}
