//! Type inference for calls: the function, the number of arguments, their kinds, and the type of
//! the result. Does not know how a function computes it.

use super::checker::{Checker, has_role};
use super::lints;
use super::types::{RecordType, Type};
use crate::builtins::{
    self, Code as How, Form, Function, LoopKind, NullPropagation, Param as Row, ParamRole, Pattern,
    Role,
};
use crate::diagnostic::{Code, Diagnostic};
use crate::program::Callee;
use crate::source::Span;
use crate::syntax::{Expr, ExprId, Param, Place};
use crate::value::{FaultKind, Kind, Kinds};

/// The value before the dot: its type, the base of its chain, and the number of steps between them.
pub(super) type Subject<'s> = Option<(&'s Type, ExprId, usize)>;

/// An argument: the value before the dot, or an expression in the parentheses.
#[derive(Clone, Copy)]
struct Argument<'s> {
    subject: Option<&'s Type>,
    expr: Option<ExprId>,
    span: Span,
}

impl<'c> Checker<'c> {
    pub(super) fn call(
        &mut self,
        place: Place,
        name: &str,
        name_span: Span,
        subject: Subject<'_>,
        args: &[ExprId],
    ) -> Type {
        let Some(callee) = self.host.function(name) else {
            self.unknown_function(name, name_span);
            args.iter().for_each(|arg| self.look_into(*arg));
            return Type::any();
        };
        let callee = with_key(callee, args.len() + usize::from(subject.is_some()));
        self.found.callees.insert(place, callee.clone());
        let arguments = self.arguments(subject, name_span, args);
        if !self.check_arity(&callee, name_span, &arguments, subject.is_some()) {
            args.iter().for_each(|arg| self.look_into(*arg));
            return Type::any();
        }
        match &callee.code {
            How::Loop(kind) => self.repeat(place, &callee, *kind, &arguments),
            How::Form(form) => self.form(place, &callee, *form, subject, &arguments),
            How::Native(_) | How::Host(_) => self.native(&callee, name_span, &arguments),
        }
    }

    fn arguments<'s>(
        &self,
        subject: Subject<'s>,
        name_span: Span,
        args: &[ExprId],
    ) -> Vec<Argument<'s>> {
        let first = subject.map(|(seen, base, _)| Argument {
            subject: Some(seen),
            expr: None,
            span: Span {
                start: self.tree.span(base).start,
                end: name_span.start.saturating_sub(1),
            },
        });
        let rest = args.iter().map(|arg| Argument {
            subject: None,
            expr: Some(*arg),
            span: self.tree.span(*arg),
        });
        first.into_iter().chain(rest).collect()
    }

    fn unknown_function(&mut self, name: &str, span: Span) {
        let help = self.host.function_advice(name);
        self.report(
            Diagnostic::new(
                Code::E0101,
                span,
                format!("there is no function `${}`", name.to_uppercase()),
            )
            .help(help.unwrap_or_else(|| "`hookgate functions` lists them all".to_owned())),
        );
    }

    /// Checks an argument of an invalid call for errors of its own.
    fn look_into(&mut self, arg: ExprId) {
        if let Expr::Lambda { params, body } = self.tree.expr(arg) {
            let height = self.scope.height();
            params.iter().for_each(|param| self.scope.push(&param.name, Type::any()));
            self.uncertain(|this| this.infer(*body));
            self.scope.truncate(height);
        } else {
            self.infer(arg);
        }
    }

    fn check_arity(
        &mut self,
        callee: &Function,
        span: Span,
        arguments: &[Argument<'_>],
        dotted: bool,
    ) -> bool {
        let given = arguments.len();
        let least = callee.least_arguments();
        let most = callee.most_arguments();
        if given >= least && most.is_none_or(|most| given <= most) {
            return true;
        }
        let takes = match most {
            Some(0) => "no arguments".to_owned(),
            Some(most) if most == least => count(least, "argument"),
            Some(most) => format!("{least} to {}", count(most, "argument")),
            None => format!("{} or more", count(least, "argument")),
        };
        let params: Vec<String> = callee.params.iter().map(ToString::to_string).collect();
        let diagnostic = Diagnostic::new(
            Code::E0107,
            span,
            format!("`${}` takes {takes}, got {given}", callee.name),
        )
        .label(if params.is_empty() {
            String::new()
        } else {
            format!("takes {}", params.join(", "))
        });
        let help = if dotted {
            "the value before the dot is the first argument".to_owned()
        } else {
            format!("it is called as `{}`", callee.signature())
        };
        self.report(diagnostic.help(help));
        false
    }

    /// Returns the type of an argument. The value before the dot has been checked already.
    fn argument(&mut self, argument: Argument<'_>) -> Type {
        match (argument.subject, argument.expr) {
            (Some(seen), _) => seen.clone(),
            (None, Some(expr)) => self.infer(expr),
            (None, None) => Type::any(),
        }
    }

    fn native(&mut self, callee: &Callee, name_span: Span, arguments: &[Argument<'_>]) -> Type {
        let mut is_secret = vec![false; arguments.len()];
        let mut subject_may_be_null = false;
        let mut any_digest = false;
        let mut any_digest_text = false;
        for (at, argument) in arguments.iter().enumerate() {
            let seen = self.argument(*argument);
            let Some(param) = callee.param(at) else {
                continue;
            };
            if let Some(place) = is_secret.get_mut(at) {
                *place = seen.secret;
            }
            any_digest |= seen.digest;
            any_digest_text |= seen.digest_text;
            subject_may_be_null |= at == 0 && seen.may_be_null();
            let spared = at > 0 && subject_may_be_null && answers_null(callee);
            self.fits(callee, param, (at, spared), &seen, argument.span);
            match param.role {
                ParamRole::Pattern => self.pattern(argument),
                ParamRole::ReadFormat | ParamRole::WriteFormat | ParamRole::TimeZone => {
                    self.time_literal(callee, at, argument);
                }
                ParamRole::Value | ParamRole::LiteralName | ParamRole::Lambda { .. } => {}
            }
            // A digest in a list of bytes stays bytes; in a list with strings it needs an encoding.
            let among_text =
                seen.element().kinds.without(Kinds::BYTES | Kinds::NULL) != Kinds::NONE;
            if at == 0 && has_role(callee, Role::Concatenation) && among_text {
                self.refuse_digest(&seen, argument.span);
            }
        }
        let mut answer = Type::of(callee.result);
        answer.digest = callee.family == builtins::Family::Crypto && callee.result == Kinds::BYTES
            || (any_digest && callee.result.meets(Kinds::LIST));
        let encodes = has_role(callee, Role::Encoder);
        answer.digest_text = (any_digest_text && callee.result.meets(Kinds::TEXT | Kinds::LIST))
            || (any_digest && encodes);
        if any_digest_text {
            lints::digest_searched_by(self, callee, name_span);
        }
        if subject_may_be_null && callee.null == NullPropagation::Null {
            answer = answer.or_null();
        }
        answer.secret = callee.result.without(Kinds::NULL) == Kinds::SECRET;
        if has_role(callee, Role::DecryptUnauthenticated) {
            self.refuse_unverified(callee, name_span);
        }
        if is_secret.contains(&true) && !callee.releases(&is_secret) {
            answer = self.kept_secret(callee, answer, name_span);
        }
        answer
    }

    /// Reports a decryption of data that nothing has authenticated. If an attacker can see that it
    /// fails, many changed ciphertexts reveal the plaintext (padding oracle, Vaudenay 2002).
    fn refuse_unverified(&mut self, callee: &Function, span: Span) {
        // A definition is checked again where it is used.
        if !self.host.unverified || self.host.fragment {
            return;
        }
        let message =
            format!("`${}` decrypts data that no verification has accepted yet", callee.name);
        self.report(Diagnostic::new(Code::E0211, span, message).help(
            "verify the encrypted data in `[[verify]]`, with a secret, and decrypt it in `[event]`, the filter or the response; `$DECRYPT_AES_GCM` verifies by itself",
        ));
    }

    /// Returns the type of a call with a secret argument: the secret's taint passes to strings and
    /// bytes. A number or time result is an error, because it would reveal something of the secret.
    fn kept_secret(&mut self, callee: &Function, mut answer: Type, span: Span) -> Type {
        let telling = Kinds::NUMBER | Kinds::TIME;
        if callee.result.without(telling | Kinds::NULL).is_empty() {
            let message = format!("`${}` of a secret would tell of it", callee.name);
            self.always_fails(
                Code::E0203,
                span,
                &message,
                Some("a secret is for digests, verifications and comparisons"),
            );
            return answer;
        }
        if answer.kinds.meets(Kinds::TEXT | Kinds::BYTES) {
            answer.kinds = answer.kinds | Kinds::SECRET;
        }
        answer.secret = answer.kinds.meets(Kinds::SECRET | Kinds::LIST | Kinds::OBJECT);
        answer
    }

    /// Checks an argument against its parameter. It is spared if a null subject makes the call null
    /// before the argument is read.
    fn fits(
        &mut self,
        callee: &Function,
        param: &Row,
        (at, spared): (usize, bool),
        seen: &Type,
        span: Span,
    ) {
        let mut takes = param.kinds;
        if takes.meets(Kinds::TEXT | Kinds::BYTES) {
            takes = takes | Kinds::SECRET;
        }
        let null_passes = param.mode == builtins::Mode::Optional
            || (at == 0 && !matches!(callee.null, NullPropagation::Fault));
        if null_passes {
            takes = takes | Kinds::NULL;
        }
        if seen.kinds == Kinds::NULL && at == 0 && callee.null == NullPropagation::Null {
            self.report(Diagnostic::new(
                Code::W0115,
                span,
                format!("this is always null, and so is `${}` of it", callee.name),
            ));
            return;
        }
        if takes.meets(seen.kinds) {
            self.fits_unless_null(callee, param, seen, takes, span);
            return;
        }
        let wanted = param.kinds.without(Kinds::NULL | Kinds::SECRET);
        let message = format!(
            "`{}` takes {wanted} as its `{}`, got {}",
            callee.display_name(),
            param.name,
            seen.kinds
        );
        let help = argument_help(param, seen.kinds, wanted);
        let subject = callee.param(0).filter(|_| spared).map(|first| format!("`{}`", first.name));
        self.fails_unless(Code::E0202, span, (&message, help), subject.as_deref());
    }

    fn fits_unless_null(
        &mut self,
        callee: &Function,
        param: &Row,
        seen: &Type,
        takes: Kinds,
        span: Span,
    ) {
        let present = seen.kinds.without(Kinds::NULL);
        if present.is_empty() || takes.meets(present) || self.caught {
            return;
        }
        let wanted = param.kinds.without(Kinds::NULL | Kinds::SECRET);
        self.report(
            Diagnostic::new(
                Code::W0108,
                span,
                format!(
                    "`{}` takes {wanted} as its `{}`, got {present}: this fails unless it is null",
                    callee.display_name(),
                    param.name
                ),
            )
            .maybe_help(argument_help(param, present, wanted)),
        );
    }

    /// Reports a literal time format or zone with which every call fails.
    fn time_literal(&mut self, callee: &Function, at: usize, argument: &Argument<'_>) {
        let literal = self.literal(argument);
        let fault = literal.and_then(|text| builtins::time_literal_fault(callee, at, text));
        if let Some(fault) = fault {
            self.report(
                Diagnostic::new(Code::E0314, argument.span, fault.message())
                    .maybe_help(fault.advice()),
            );
        }
    }

    /// Returns the string of an argument that is a literal.
    fn literal(&self, argument: &Argument<'_>) -> Option<&'c str> {
        match self.tree.expr(self.tree.ungrouped(argument.expr?)) {
            Expr::Text(text) => Some(text),
            _ => None,
        }
    }

    fn pattern(&mut self, argument: &Argument<'_>) {
        let Some(text) = self.literal(argument) else {
            return;
        };
        if self.patterns.contains_key(text) {
            return;
        }
        match Pattern::new(text, self.host.pattern_bytes) {
            Ok(pattern) => {
                self.patterns.insert(text, pattern.held_bytes());
                self.bound_patterns(argument);
            }
            Err(fault) => {
                let code =
                    if fault.kind() == FaultKind::PatternLimit { Code::E0404 } else { Code::E0108 };
                self.report(
                    Diagnostic::new(code, argument.span, fault.message())
                        .maybe_help(fault.advice()),
                );
            }
        }
    }

    /// Reports literal regular expressions that exceed the size limit for one program together.
    fn bound_patterns(&mut self, last: &Argument<'_>) {
        let limit = self.host.patterns_bytes;
        let bytes = self.patterns.values().copied().fold(0, usize::saturating_add);
        if bytes <= limit || self.patterns_reported {
            return;
        }
        self.patterns_reported = true;
        let message = format!(
            "with this one, the regular expressions of the program compile to more than {limit} bytes"
        );
        self.report(
            Diagnostic::new(Code::E0404, last.span, message)
                .help("use fewer or smaller patterns; `\\d` is much smaller than `\\w`, and one pattern with `|` than many"),
        );
    }

    fn form(
        &mut self,
        place: Place,
        callee: &Function,
        form: Form,
        subject: Subject<'_>,
        arguments: &[Argument<'_>],
    ) -> Type {
        match form {
            Form::Time => Type::of(Kinds::TIME),
            Form::Secret | Form::Secrets => self.secret(place, callee, form, subject, arguments),
            Form::Coalesce => self.coalesce(arguments),
            Form::Try => self.attempt(arguments),
            Form::With => self.with(place, callee, arguments),
        }
    }

    /// Infers the type of `$WITH(a, b, (x, y) => e)`. The values belong to the outer scope.
    fn with(&mut self, place: Place, callee: &Function, arguments: &[Argument<'_>]) -> Type {
        let Some((last, values)) = arguments.split_last() else {
            return Type::any();
        };
        let values: Vec<Type> = values.iter().map(|value| self.argument(*value)).collect();
        let names = u8::try_from(values.len()).unwrap_or(u8::MAX);
        let Some(param) = callee.param(1) else {
            return Type::any();
        };
        let Some((params, body)) = self.lambda_argument(callee, param, last, (names, names)) else {
            return Type::any();
        };
        let height = self.scope.height();
        self.found.frames.insert(place, self.scope.next_slot());
        for (param, value) in params.iter().zip(values) {
            self.scope.push(&param.name, value);
        }
        let hidden = self.forget(params.iter().map(|param| &*param.name));
        let answer = self.infer(body);
        self.recall(hidden);
        self.scope.truncate(height);
        Type { truth: None, ..answer }
    }

    fn coalesce(&mut self, arguments: &[Argument<'_>]) -> Type {
        let mut answer: Option<Type> = None;
        for (at, argument) in arguments.iter().enumerate() {
            let seen = if at == 0 {
                self.argument(*argument)
            } else {
                self.uncertain(|this| this.argument(*argument))
            };
            answer = Some(match answer {
                None => seen,
                Some(before) => before.not_null().or(seen),
            });
        }
        Type { truth: None, ..answer.unwrap_or_else(Type::any) }
    }

    fn attempt(&mut self, arguments: &[Argument<'_>]) -> Type {
        let caught = std::mem::replace(&mut self.caught, true);
        let mut seen = Vec::new();
        for (at, argument) in arguments.iter().enumerate() {
            if at > 0 {
                self.caught = caught;
            }
            seen.push(self.uncertain(|this| this.argument(*argument)));
        }
        self.caught = caught;
        let answer = seen.into_iter().reduce(Type::or).unwrap_or_else(Type::any);
        Type { truth: None, ..answer }
    }

    fn secret(
        &mut self,
        place: Place,
        callee: &Function,
        form: Form,
        subject: Subject<'_>,
        arguments: &[Argument<'_>],
    ) -> Type {
        let span = arguments.first().map_or_else(Span::default, |argument| argument.span);
        let name = match (subject, arguments.first().and_then(|argument| argument.expr)) {
            (Some((_, base, 0)), _) => Some(base),
            (Some(_), _) => None,
            (None, expr) => expr,
        };
        match name.map(|name| self.tree.expr(self.tree.ungrouped(name))) {
            Some(Expr::Text(name)) => {
                self.found.secrets.insert(place, name.clone());
            }
            _ => self.report(
                Diagnostic::new(
                    Code::E0104,
                    span,
                    format!("the name in `${}` is literal text", callee.name),
                )
                .help(format!(
                    "write `${}('NAME')`, so that the host knows which secrets are read",
                    callee.name
                )),
            ),
        }
        if !self.host.secrets {
            self.report(
                Diagnostic::new(
                    Code::E0105,
                    self.tree.span(place.expr),
                    "secrets are not available to this program",
                )
                .help("compare or sign in the listener, whose rules may read its secrets"),
            );
        }
        let secret = Type { secret: true, ..Type::of(Kinds::SECRET) };
        if form == Form::Secret { secret } else { Type::list_of(secret) }
    }

    fn repeat(
        &mut self,
        place: Place,
        callee: &Function,
        kind: LoopKind,
        arguments: &[Argument<'_>],
    ) -> Type {
        let mut subject = Type::any();
        let mut start = Type::any();
        let mut lambda = None;
        for (at, argument) in arguments.iter().enumerate() {
            let Some(param) = callee.param(at) else {
                continue;
            };
            if let ParamRole::Lambda { least, most } = param.role {
                lambda = self.lambda_argument(callee, param, argument, (least, most));
                continue;
            }
            let seen = self.argument(*argument);
            if at == 0 {
                self.fits(callee, param, (at, false), &seen, argument.span);
                subject = seen;
                continue;
            }
            if subject.may_be_null() {
                self.uncertain(|this| this.fits(callee, param, (at, false), &seen, argument.span));
            } else {
                self.fits(callee, param, (at, false), &seen, argument.span);
            }
            start = seen;
        }
        let slot = self.scope.next_slot();
        self.found.frames.insert(place, slot);
        let span = lambda.as_ref().map(|(_, body)| self.tree.span(*body));
        let body = lambda.map(|(params, body)| self.body(kind, params, body, &subject, &start));
        if let (Some(body), Some(span)) = (&body, span) {
            self.loop_key(kind, callee, body, span);
        }
        if kind == LoopKind::Count && subject.secret {
            self.tells_of_secret(callee, self.tree.span(place.expr));
        }
        loop_answer(kind, callee, &subject, &start, body)
    }

    /// Checks the result of a lambda that is a key or a summand.
    fn loop_key(&mut self, kind: LoopKind, callee: &Function, body: &Type, span: Span) {
        let (wanted, noun) = match kind {
            LoopKind::Group => (Kinds::TEXT, "groups by strings"),
            LoopKind::Sum => (Kinds::NUMBER | Kinds::NULL, "adds up numbers"),
            _ => return,
        };
        if kind == LoopKind::Group && body.secret {
            return self.tells_of_secret(callee, span);
        }
        if !body.kinds.meets(wanted) {
            let message = format!(
                "`{}` {noun}, and the lambda returns {}",
                callee.display_name(),
                body.kinds
            );
            let help = body.kinds.only().and_then(|kind| builtins::conversion(kind, wanted));
            self.uncertain(|this| this.always_fails(Code::E0202, span, &message, help));
        }
    }

    fn tells_of_secret(&mut self, callee: &Function, span: Span) {
        let message = format!("`${}` of a secret would tell of it", callee.name);
        self.report(
            Diagnostic::new(Code::E0203, span, message)
                .help("a secret is for digests, verifications and comparisons"),
        );
    }

    /// Returns the lambda of an argument. `NULL` omits an optional lambda.
    fn lambda_argument(
        &mut self,
        callee: &Function,
        param: &Row,
        argument: &Argument<'_>,
        (least, most): (u8, u8),
    ) -> Option<(Vec<Param>, ExprId)> {
        let expr = argument.expr.map(|expr| self.tree.expr(expr));
        match expr {
            Some(Expr::Lambda { params, body }) => {
                self.check_parameters(callee, params, argument.span, (least, most));
                Some((params.clone(), *body))
            }
            Some(Expr::Null) if param.mode == builtins::Mode::Optional => None,
            _ => {
                let seen = self.argument(*argument);
                let shown = if seen.kinds == Kinds::ANY {
                    "a value".to_owned()
                } else {
                    seen.kinds.to_string()
                };
                self.report(
                    Diagnostic::new(
                        Code::E0106,
                        argument.span,
                        format!(
                            "the `{}` of `${}` is a lambda, not {shown}",
                            param.name, callee.name
                        ),
                    )
                    .help(if most > 1 && least > 1 {
                        "write a lambda: `(acc, x) => …`"
                    } else {
                        "write a lambda: `x => …`"
                    }),
                );
                None
            }
        }
    }

    fn check_parameters(
        &mut self,
        callee: &Function,
        params: &[Param],
        span: Span,
        (least, most): (u8, u8),
    ) {
        if params.len() < usize::from(least) || params.len() > usize::from(most) {
            let takes = if least == most {
                count(usize::from(least), "parameter")
            } else {
                format!("{least} to {}", count(usize::from(most), "parameter"))
            };
            self.report(
                Diagnostic::new(
                    Code::E0110,
                    span,
                    format!("the lambda of `${}` has {takes}, got {}", callee.name, params.len()),
                )
                .help(parameter_help(callee, (least, most))),
            );
        }
        for (at, param) in params.iter().enumerate() {
            let earlier = params.get(..at).unwrap_or(&[]);
            if earlier.iter().any(|other| other.name == param.name) {
                self.report(Diagnostic::new(
                    Code::E0110,
                    param.span,
                    format!("the parameter `{}` comes twice", param.name),
                ));
            }
            let known = self.scope.is_local(&param.name)
                || self.host.roots.iter().any(|root| root.name == param.name);
            // The operators of a mapper name the elements themselves, so an author cannot rename
            // them.
            if known && callee.family != builtins::Family::Mapper {
                self.report(
                    Diagnostic::new(
                        Code::W0116,
                        param.span,
                        format!("`{}` hides the `{}` outside", param.name, param.name),
                    )
                    .help("give the parameter a name of its own"),
                );
            }
        }
    }

    fn body(
        &mut self,
        kind: LoopKind,
        params: Vec<Param>,
        body: ExprId,
        subject: &Type,
        start: &Type,
    ) -> Type {
        let element = Type { truth: None, ..subject.element() };
        let place = Type::of(if subject.kinds.without(Kinds::NULL) == Kinds::LIST {
            Kinds::NUMBER
        } else if subject.secret {
            Kinds::TEXT | Kinds::NUMBER | Kinds::SECRET
        } else {
            Kinds::TEXT | Kinds::NUMBER
        });
        let place =
            Type { secret: subject.secret && subject.kinds.contains(Kind::Object), ..place };
        // The accumulator of a reduction can become any result of the body.
        let gathered = Type {
            secret: start.secret || subject.secret,
            ..Type::of(if start.secret || subject.secret { Kinds::ALL } else { Kinds::ANY })
        };
        let types = match kind {
            LoopKind::Reduce => [gathered, element, Type::of(Kinds::NUMBER)],
            _ => [element, place, Type::of(Kinds::NUMBER)],
        };
        let height = self.scope.height();
        for (param, value) in params.iter().zip(types) {
            self.scope.push(&param.name, value);
        }
        let hidden = self.forget(params.iter().map(|param| &*param.name));
        let answer = self.uncertain(|this| this.infer(body));
        self.recall(hidden);
        if matches!(
            kind,
            LoopKind::Filter | LoopKind::Any | LoopKind::All | LoopKind::Find | LoopKind::Count
        ) {
            lints::condition(self, body, &answer);
        }
        self.scope.truncate(height);
        answer
    }
}

/// Returns the loop in place of a function that is called with a key for each element.
fn with_key(callee: Callee, arguments: usize) -> Callee {
    match callee {
        Callee::Builtin(row) if arguments > 1 => {
            Callee::Builtin(builtins::with_key(row).unwrap_or(row))
        }
        other => other,
    }
}

/// Returns advice for a lambda with another number of parameters.
fn parameter_help(callee: &Function, (least, most): (u8, u8)) -> &'static str {
    match (&callee.code, least, most) {
        (How::Form(Form::With), ..) => {
            "give each value before the lambda one name: `$WITH(a, b, (x, y) => …)`"
        }
        (_, 2.., _) => "write `(acc, x) => …`: the result so far, and the element",
        (_, _, 1) => "write `x => …`",
        _ => "write `x => …`, or `(x, key) => …`",
    }
}

/// Returns true if a null subject decides the result before the other arguments are evaluated.
fn answers_null(callee: &Function) -> bool {
    !matches!(callee.null, NullPropagation::Fault | NullPropagation::Passed)
}

fn loop_answer(
    kind: LoopKind,
    callee: &Function,
    subject: &Type,
    start: &Type,
    body: Option<Type>,
) -> Type {
    let body = body.unwrap_or_else(Type::any);
    let collections = subject.kinds.and(callee.result);
    let mut answer = match kind {
        LoopKind::Any | LoopKind::All => return Type::of(Kinds::BOOLEAN),
        LoopKind::Count => return Type::of(Kinds::NUMBER),
        LoopKind::Sum => Type::of(Kinds::NUMBER),
        LoopKind::Group => Type {
            secret: subject.secret,
            digest: subject.digest,
            digest_text: subject.digest_text,
            ..collection_of(Type::list_of(subject.element()), Kinds::OBJECT)
        },
        LoopKind::Min | LoopKind::Max => {
            let element = subject.element().or_null();
            Type {
                truth: None,
                secret: element.secret || body.secret,
                digest: element.digest || subject.digest,
                digest_text: element.digest_text || subject.digest_text,
                ..element
            }
        }
        LoopKind::Unique => Type {
            truth: None,
            secret: subject.secret || body.secret,
            ..subject.clone().not_null()
        },
        LoopKind::Map => {
            // The keys of an object with secret values are tainted too.
            let keyed = subject.secret && subject.kinds.contains(Kind::Object);
            let secret = body.secret || keyed;
            let (digest, digest_text) = (body.digest, body.digest_text);
            Type { secret, digest, digest_text, ..collection_of(body, collections) }
        }
        LoopKind::Filter => {
            let (secret, digest, digest_text) =
                (subject.secret, subject.digest, subject.digest_text);
            Type { secret, digest, digest_text, ..collection_of(subject.element(), collections) }
        }
        LoopKind::Find => subject.element().or_null(),
        LoopKind::Reduce => body.or(start.clone()),
        LoopKind::Sort if subject.kinds.contains(Kind::Object) => Type::list_of(subject.element()),
        LoopKind::Sort => Type { truth: None, ..subject.clone().not_null() },
    };
    answer.truth = None;
    if subject.may_be_null() && callee.null == NullPropagation::Null {
        answer = answer.or_null();
    }
    answer
}

/// Returns the type of a list or an object, as `kinds` says, with values of one type.
fn collection_of(value: Type, kinds: Kinds) -> Type {
    let kinds = if kinds.is_empty() { Kinds::LIST } else { kinds };
    let record = RecordType {
        others: kinds.contains(Kind::Object).then(|| value.clone()),
        elements: kinds.contains(Kind::List).then_some(value),
        ..RecordType::default()
    };
    Type::of(kinds).with_record(record)
}

/// Returns advice to replace an argument of the wrong kind.
fn argument_help(param: &Row, found: Kinds, wanted: Kinds) -> Option<&'static str> {
    param.hint.or_else(|| builtins::conversion(found.without(Kinds::NULL).only()?, wanted))
}

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
