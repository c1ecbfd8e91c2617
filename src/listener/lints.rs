//! Lints for a listener as a whole: suspicious settings that are not errors of a single program.
//! Knows no files.

use super::request::{Parts, Request};
use super::verify::Kind;
use super::{Listener, find_recipe};
use crate::builtins::{Role, find};
use crate::check::Checked;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::Node;
use crate::engine::{Machine, OwnedValue, Program, Read, Time};
use crate::program::Key;
use crate::source::Span;
use crate::syntax::{Expr, ExprId, Operator, StepKind, Tree};
use crate::value::Projection;

/// The position of a lint.
#[derive(Debug, Clone, Copy)]
pub(super) struct LintPosition {
    pub(super) span: Span,
    pub(super) of_recipe: bool,
}

/// A rule with its syntax tree and its compiled program.
pub(super) struct LintedRule {
    pub(super) checked: Checked,
    pub(super) program: Program,
    pub(super) at: LintPosition,
}

/// The verifications of a listener, as the lints need them.
#[derive(Default)]
pub(super) struct Lints {
    pub(super) rules: Vec<LintedRule>,
    /// The texts that signatures cover.
    pub(super) payloads: Vec<Program>,
    /// The signed times, which a signature must cover.
    pub(super) times: Vec<(Program, LintPosition)>,
}

/// Checks a listener and reports suspicious settings.
pub(super) fn listener(listener: &Listener, lints: &Lints, mut tell: impl FnMut(bool, Diagnostic)) {
    for rule in &lints.rules {
        if passes_on_nothing(listener, &rule.program) {
            tell(rule.at.of_recipe, passes(rule.at.span));
        }
        if compares_content_type(&rule.checked.parsed.tree) {
            tell(rule.at.of_recipe, content_type(rule.at.span));
        }
        if rule.program.reads_clock() {
            uncovered(lints, &rule.program, rule.at, &mut tell);
        }
    }
    for (time, at) in &lints.times {
        uncovered(lints, time, *at, &mut tell);
    }
}

/// Returns true if an empty request passes a rule: such a rule verifies no sender.
fn passes_on_nothing(listener: &Listener, rule: &Program) -> bool {
    with(listener, &[], b"", "", |parts, request| {
        let mut context = parts.context(request, &listener.vars);
        context.set_secrets(&listener.secrets).set_now(request.received_at);
        Machine::default().test(rule, &context).unwrap_or(false)
    })
}

fn passes(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::W0601,
        span,
        "this rule holds for an empty request, so it verifies no sender",
    )
    .help("test first that the header is present: `headers[\"x-name\"] != NULL AND …`")
}

fn with<T>(
    listener: &Listener,
    headers: &[(&str, &str)],
    body: &[u8],
    query: &str,
    run: impl FnOnce(&Parts, &Request<'_>) -> T,
) -> T {
    let request = Request {
        id: "",
        method: "POST",
        url: "https://hooks.example.com/",
        raw_query: query,
        headers,
        raw_body: body,
        unpacked: body,
        remote_address: None,
        received_at: Time::EPOCH,
    };
    run(&Parts::of(&request, listener, &Projection::whole()), &request)
}

/// Finds comparisons such as `$LOWERCASE(headers["content-type"]) == "application/json"`, which
/// fail because senders add `; charset=utf-8`.
fn compares_content_type(tree: &Tree) -> bool {
    tree.iter().any(|(_, expr)| {
        let Expr::Run { first, rest } = expr else {
            return false;
        };
        let equality = rest.iter().any(|run| run.operator == Operator::Equal);
        let operands = || std::iter::once(*first).chain(rest.iter().map(|run| run.operand));
        let plain = |id| match tree.expr(tree.ungrouped(id)) {
            Expr::Text(text) => text.contains('/') && !text.contains(';'),
            _ => false,
        };
        equality && operands().any(plain) && operands().any(|id| is_whole_content_type(tree, id))
    })
}

/// Returns true for the header itself or the header in lower case. An expression that takes a part
/// of the header does so on purpose.
fn is_whole_content_type(tree: &Tree, id: ExprId) -> bool {
    match tree.expr(tree.ungrouped(id)) {
        Expr::Call { name, args, .. } => {
            is_plain(name) && args.first().is_some_and(|id| is_whole_content_type(tree, *id))
        }
        Expr::Chain { base, steps } => {
            let is_header = |step: &StepKind| match step {
                StepKind::Index(key) => match tree.expr(*key) {
                    Expr::Text(text) => text.eq_ignore_ascii_case("content-type"),
                    _ => false,
                },
                _ => false,
            };
            let kinds: Vec<&StepKind> = steps.iter().map(|step| &step.kind).collect();
            let begins = matches!(tree.expr(*base), Expr::Name(name) if &**name == "headers");
            match kinds.as_slice() {
                [first] => begins && is_header(first),
                [first, StepKind::Call(called)] => {
                    begins && is_header(first) && is_plain(&called.name)
                }
                _ => false,
            }
        }
        _ => false,
    }
}

fn is_plain(name: &str) -> bool {
    let role = find(name).map(|function| function.role);
    matches!(role, Some(Role::Lowercase | Role::Normalizer))
}

fn content_type(span: Span) -> Diagnostic {
    let message = "this is false for `application/json; charset=utf-8`, which many senders write";
    Diagnostic::new(Code::W0603, span, message)
        .help("look at the part before the parameters: `$STARTS_WITH($LOWERCASE(headers[\"content-type\"]), \"application/json\")`")
}

/// Reports times that no signature covers: an attacker who replays a request can set them to the
/// current time.
fn uncovered(
    lints: &Lints,
    program: &Program,
    at: LintPosition,
    tell: &mut impl FnMut(bool, Diagnostic),
) {
    if lints.payloads.is_empty() {
        return;
    }
    let covered: Vec<Read> = lints.payloads.iter().flat_map(Program::reads).collect();
    for read in program.reads().iter().filter(|read| !is_covered(read, &covered)) {
        let message = format!("`{read}` is trusted as the time, and no signature covers it");
        let diagnostic = Diagnostic::new(Code::W0604, at.span, message)
            .help("an attacker who replays a request can set it to the current time; see the provider's documentation for the signed parts");
        tell(at.of_recipe, diagnostic);
    }
}

fn is_covered(read: &Read, covered: &[Read]) -> bool {
    let reads = |root: &str| covered.iter().any(|one| *one.root == *root);
    match &*read.root {
        "headers" => covered.iter().any(|one| *one.root == *read.root && begins(read, one)),
        "query_params" => {
            reads("url") || reads("raw_query") || covered.iter().any(|one| begins(read, one))
        }
        "parsed_body" => {
            reads("raw_body")
                || reads("decoded_body")
                || covered.iter().any(|one| begins(read, one))
        }
        // The body as sent determines the decoded one.
        "decoded_body" => reads("raw_body") || reads("decoded_body"),
        "path" => reads("url") || reads("path"),
        // The gateway or its operator sets these values, so a sender cannot change them.
        "received_at" | "vars" | "listener_metadata" | "remote_address" => true,
        root => reads(root),
    }
}

/// Returns true if a path is a covered path or below one.
fn begins(read: &Read, covered: &Read) -> bool {
    let same = |(a, b): (&Key, &Key)| match (a, b) {
        (Key::Name(a), Key::Name(b)) => a.eq_ignore_ascii_case(b),
        (a, b) => a == b,
    };
    read.root == covered.root
        && read.keys.len() >= covered.keys.len()
        && read.keys.iter().zip(&*covered.keys).all(same)
}

/// Returns true if a deduplication key is null in every sample. Returns false if there are no
/// samples.
pub(super) fn never_there(listener: &Listener, key: &Program, bodies: &[OwnedValue]) -> bool {
    let recipe = listener.provider.as_deref().and_then(find_recipe);
    let samples = recipe.map(|recipe| recipe.samples.as_slice()).unwrap_or_default();
    let samples = samples.iter().filter(|sample| sample.expect == "accepted");
    let reads_body = key.reads().iter().all(|read| &*read.root == "parsed_body");
    let mut seen = false;
    let mut there = |found: bool| {
        seen = true;
        found
    };
    for sample in samples {
        let headers: Vec<(&str, &str)> =
            sample.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let body = sample.body.as_deref().unwrap_or_default();
        if there(has(listener, key, &headers, body, &sample.query)) {
            return false;
        }
    }
    for body in bodies.iter().filter(|_| reads_body) {
        let text = body.to_string();
        if there(has(listener, key, &[], text.as_bytes(), "")) {
            return false;
        }
    }
    seen
}

fn has(
    listener: &Listener,
    key: &Program,
    headers: &[(&str, &str)],
    body: &[u8],
    query: &str,
) -> bool {
    with(listener, headers, body, query, |parts, request| {
        let mut context = parts.context(request, &listener.vars);
        context.set_now(request.received_at);
        let mut machine = Machine::default();
        // An error is reported at its own position and does not count as a missing value.
        machine.eval(key, &context).map_or(true, |value| !value.is_null())
    })
}

/// Returns the diagnostic for a key that is null in every sample.
pub(super) fn key_is_never_there(node: &Node) -> Diagnostic {
    Diagnostic::new(
        Code::W0605,
        node.span,
        "this key is null in every sample, so it tells no events apart",
    )
    .help("a key is a path in the body, `event_id`, or an expression, `headers[\"x-delivery\"]`")
}

/// Returns the names of the secrets that verifications use.
pub(super) fn verifies_with(listener_checks: &[super::verify::Verification]) -> Vec<Box<str>> {
    let mut names: Vec<Box<str>> = Vec::new();
    for check in listener_checks {
        match &check.kind {
            Kind::Signature(signature) => names.push(signature.secret.clone()),
            Kind::Rule(rule) => names.extend(rule.condition.secrets().map(Into::into)),
            _ => {}
        }
    }
    names
}
