//! Detection of signing oracles: texts that a response or a rule signs with a secret. If a
//! challenge signs a text of the sender's choice with the secret that signs deliveries, any sender
//! can have a delivery signed. Knows no configuration.

use std::collections::BTreeSet;

use crate::builtins::{Code as How, LoopKind, Role, find};
use crate::check::Checked;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::{Expr, ExprId, Operator, Parsed, Step, StepKind, Tree};

/// A use of a secret in a program.
pub(super) struct Use {
    pub(super) secret: Box<str>,
    /// The message of its HMAC, if the secret is the key of one.
    pub(super) message: Option<SignedMessage>,
    /// True if the secret is only compared.
    pub(super) compares: bool,
}

impl Use {
    /// Returns the source of the message, if the message is a plain path.
    fn shown_path(&self) -> Option<&str> {
        self.message.as_ref().filter(|message| message.is_path).map(|message| &*message.shown)
    }
}

/// The message of an HMAC.
pub(super) struct SignedMessage {
    /// The message as an expression of its own.
    pub(super) parsed: Parsed,
    /// The message in source form. For a part of a definition, the name of the definition.
    pub(super) shown: Box<str>,
    /// True if the message is a plain path of the request.
    pub(super) is_path: bool,
}

impl SignedMessage {
    /// The message is taken from the tree, not from the text: a definition stands in the tree only.
    /// `None` if it reads a parameter of a lambda, which has no value outside of it.
    fn of(checked: &Checked, id: ExprId) -> Option<Self> {
        let Parsed { source, tree, .. } = &checked.parsed;
        let part = tree.part(id);
        let locals = locals(tree);
        if part.free_names().iter().any(|name| locals.contains(name)) {
            return None;
        }
        let shown = source.slice(tree.span(id)).into();
        let parsed = Parsed { source: source.clone(), tree: part, comments: Vec::new() };
        Some(Self { parsed, shown, is_path: path(tree, id).is_some() })
    }
}

/// Returns the uses of secrets in a program.
pub(super) fn uses(checked: &Checked) -> Vec<Use> {
    let tree = &checked.parsed.tree;
    let mut found: Vec<Use> = checked
        .secrets
        .iter()
        .map(|(place, secret)| {
            let around = surroundings(tree, place.expr, place.step);
            let message = around.message.and_then(|id| SignedMessage::of(checked, id));
            Use { secret: secret.clone(), message, compares: around.compares }
        })
        .collect();
    // The table has no order, but diagnostics need one.
    found.sort_by(|a, b| (&a.secret, a.shown_path()).cmp(&(&b.secret, b.shown_path())));
    found
}

/// Returns the diagnostic for a response that signs more than a token.
pub(super) fn refused(span: Span, secret: &str) -> Diagnostic {
    let message = format!(
        "this signs a string that the sender chooses with `{secret}`, which signs deliveries too"
    );
    Diagnostic::new(Code::E0608, span, message).help(
        "sign one path of the request, `$HMAC_SHA256($SECRET('NAME'), parsed_body.token)`, which is then held to `token_pattern`; or set `verified = true` where the challenge itself is signed",
    )
}

/// Returns the diagnostic for a rule that may accept a signature which a challenge gives to any
/// sender.
pub(super) fn unguarded(span: Span, secret: &str) -> Diagnostic {
    let message = format!(
        "what this signs with `{secret}` cannot be told from the tokens that a challenge signs for strangers"
    );
    Diagnostic::new(Code::E0608, span, message).help(
        "write it as a `signature`, or as the HMAC of a string of the request: `$HMAC_SHA256($SECRET('NAME'), raw_body)`",
    )
}

/// Characters of the longest text in [`delivery_text`]. No token of a challenge is that long.
const LONG_TEXT: usize = 10_000;

/// Returns the description of a text that a sender could sign for a delivery and that a token
/// pattern matches. The challenge would sign such a text for any sender.
pub(super) fn delivery_text(pattern: &regex::Regex) -> Option<&'static str> {
    let long = "a".repeat(LONG_TEXT);
    let texts = [
        (r#"{"a":1}"#, "JSON"),
        (r#"1755691200.{"a":1}"#, "a time before JSON"),
        ("a=1&b=2", "a form"),
        ("a b", "white space"),
        (&*long, "10,000 characters"),
    ];
    texts.into_iter().find(|(text, _)| pattern.is_match(text)).map(|(_, described)| described)
}

/// Returns the diagnostic for a token pattern that matches such a text.
pub(super) fn wide(span: Span, described: &str, secret: &str, usual: &str) -> Diagnostic {
    let message = format!(
        "this matches {described}, so the challenge would sign the text of a delivery with `{secret}`"
    );
    Diagnostic::new(Code::E0608, span, message).help(format!(
        "match tokens only, up to a largest length; without `token_pattern` it is `{usual}`"
    ))
}

/// The expression around the use of a secret.
#[derive(Default)]
struct Around {
    /// The message of the HMAC whose key is the secret.
    message: Option<ExprId>,
    compares: bool,
}

fn surroundings(tree: &Tree, call: ExprId, step: Option<u32>) -> Around {
    if step.is_some() {
        return Around::default();
    }
    let key = element_of(tree, call).unwrap_or_else(|| key_of(tree, call));
    tree.iter().find_map(|(_, expr)| around(expr, key)).unwrap_or_default()
}

/// Returns the key made of one secret of a list, `$SECRETS('KEY').$ANY(key => …)`, if the lambda
/// reads its parameter once.
fn element_of(tree: &Tree, secrets: ExprId) -> Option<KeyExpr> {
    let lambda = tree.iter().find_map(|(_, expr)| match expr {
        Expr::Call { name, args, .. } if args.first() == Some(&secrets) && is_any(name) => {
            args.get(1).copied()
        }
        Expr::Chain { base, steps } if *base == secrets => match &steps.first()?.kind {
            StepKind::Call(called) if is_any(&called.name) => called.args.first().copied(),
            _ => None,
        },
        _ => None,
    })?;
    let Expr::Lambda { params, body } = tree.expr(lambda) else { return None };
    let [param] = params.as_slice() else { return None };
    let mut uses = Vec::new();
    names(tree, *body, &param.name, &mut uses);
    match uses.as_slice() {
        [only] => Some(key_of(tree, *only)),
        _ => None,
    }
}

fn is_any(name: &str) -> bool {
    find(name).is_some_and(|function| matches!(function.code, How::Loop(LoopKind::Any)))
}

/// Adds the nodes under an expression that are this name.
fn names(tree: &Tree, id: ExprId, name: &str, found: &mut Vec<ExprId>) {
    match tree.expr(id) {
        Expr::Name(read) if **read == *name => found.push(id),
        other => other.each_child(|child| names(tree, child, name, found)),
    }
}

/// Returns the names that a lambda or a `Let` of the tree binds.
fn locals(tree: &Tree) -> BTreeSet<&str> {
    tree.iter().flat_map(|(_, expr)| bound(expr)).collect()
}

fn bound(expr: &Expr) -> Vec<&str> {
    match expr {
        Expr::Lambda { params, .. } => params.iter().map(|param| &*param.name).collect(),
        Expr::Let { bindings, .. } => bindings.iter().map(|one| &*one.name).collect(),
        _ => Vec::new(),
    }
}

/// A key: an expression, and the number of its first steps that only derive the key, if the
/// expression is the base of a chain.
type KeyExpr = (ExprId, usize);

/// Returns the expression that is the key made of a secret: the secret itself, or digests and
/// encodings of it alone. Braintree signs with `$SHA1($SECRET('KEY'))`.
fn key_of(tree: &Tree, secret: ExprId) -> KeyExpr {
    let mut key = secret;
    // Children come before their parents in the arena.
    for (id, expr) in tree.iter() {
        match expr {
            Expr::Group(inner) if *inner == key => key = id,
            Expr::Call { name, args, .. } if args.as_slice() == [key] && derives_key(name) => {
                key = id;
            }
            Expr::Chain { base, steps } if *base == key => match deriving_steps(steps) {
                derived if derived == steps.len() => key = id,
                derived => return (key, derived),
            },
            _ => {}
        }
    }
    (key, 0)
}

/// Returns the number of the first steps of a chain that only derive a key.
fn deriving_steps(steps: &[Step]) -> usize {
    let derives = |step: &&Step| match &step.kind {
        StepKind::Call(called) => called.args.is_empty() && derives_key(&called.name),
        _ => false,
    };
    steps.iter().take_while(derives).count()
}

/// Returns true for a function whose result for a secret alone is a key made of it.
fn derives_key(name: &str) -> bool {
    has_role(name, Role::Digest) || has_role(name, Role::Encoder)
}

fn has_role(name: &str, role: Role) -> bool {
    find(name).is_some_and(|function| function.role == role)
}

/// Returns the use of a key in an expression, if the expression uses it directly.
fn around(expr: &Expr, (key, derived): KeyExpr) -> Option<Around> {
    let is_hmac = |name: &str| has_role(name, Role::Hmac);
    let is_equals = |name: &str| has_role(name, Role::SecureEquals);
    match expr {
        Expr::Call { name, args, .. } if args.contains(&key) => {
            let first = args.first() == Some(&key);
            let message = args.get(1).copied().filter(|_| first && is_hmac(name));
            Some(Around { message, compares: is_equals(name) })
        }
        // `$SECRET('X').$HMAC_SHA256(path)`: the secret is the base of a chain.
        Expr::Chain { base, steps } if *base == key => {
            let Some(StepKind::Call(called)) = steps.get(derived).map(|step| &step.kind) else {
                return Some(Around::default());
            };
            let message = called.args.first().copied().filter(|_| is_hmac(&called.name));
            Some(Around { message, compares: is_equals(&called.name) })
        }
        Expr::Chain { steps, .. } => steps.iter().find_map(|step| match &step.kind {
            StepKind::Call(called) if called.args.contains(&key) => {
                Some(Around { message: None, compares: is_equals(&called.name) })
            }
            _ => None,
        }),
        Expr::Run { first, rest } => {
            let equality =
                |operator: Operator| matches!(operator, Operator::Equal | Operator::NotEqual);
            let inside = *first == key || rest.iter().any(|run| run.operand == key);
            let compares = rest.iter().all(|run| equality(run.operator));
            inside.then_some(Around { message: None, compares })
        }
        _ => None,
    }
}

/// Returns true if a program is a plain path of the request.
pub(super) fn is_path(checked: &Checked) -> bool {
    path(&checked.parsed.tree, checked.parsed.tree.root()).is_some()
}

/// Returns the span of an expression that is a path from a name with literal keys.
fn path(tree: &Tree, id: ExprId) -> Option<Span> {
    let id = tree.ungrouped(id);
    let is_path = match tree.expr(id) {
        Expr::Name(_) => true,
        Expr::Chain { base, steps } => {
            matches!(tree.expr(*base), Expr::Name(_))
                && steps.iter().all(|step| match &step.kind {
                    StepKind::Member(_) => true,
                    StepKind::Index(key) => {
                        matches!(tree.expr(*key), Expr::Text(_) | Expr::Number(_))
                    }
                    _ => false,
                })
        }
        _ => false,
    };
    is_path.then(|| tree.span(id))
}
