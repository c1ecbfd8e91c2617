//! Signing oracles: what a response or a rule signs with a secret. A challenge that signs what its
//! sender chose, with the secret that signs deliveries, lets anyone sign a delivery.

use crate::check::Checked;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::{Expr, ExprId, Operator, StepKind, Tree};

/// Where a program uses a secret.
pub(super) struct Use {
    pub(super) secret: Box<str>,
    /// The text whose HMAC it makes, as it is written.
    pub(super) message: Option<String>,
    /// The same where it is a path, and that is all it does with it.
    pub(super) signed: Option<String>,
    /// Whether it only compares with it.
    pub(super) compares: bool,
}

/// Where a program uses secrets.
pub(super) fn uses(checked: &Checked) -> Vec<Use> {
    let tree = &checked.parsed.tree;
    let mut found: Vec<Use> = checked
        .secrets
        .iter()
        .map(|(place, secret)| {
            let around = surroundings(tree, place.expr, place.step);
            let written = |span| checked.parsed.source.slice(span).to_owned();
            Use {
                secret: secret.clone(),
                message: around.message.map(|id| written(tree.span(id))),
                signed: around.message.and_then(|id| path(tree, id)).map(written),
                compares: around.compares,
            }
        })
        .collect();
    // The table has no order, and what is told should have one.
    found.sort_by(|a, b| (&a.secret, &a.signed).cmp(&(&b.secret, &b.signed)));
    found
}

/// The diagnostic of a response that signs more than a token.
pub(super) fn refused(span: Span, secret: &str) -> Diagnostic {
    let message =
        format!("this signs what a stranger chooses with `{secret}`, which signs deliveries too");
    Diagnostic::new(Code::E0608, span, message).help(
        "sign one path of the request, `$HMAC_SHA256($SECRET('NAME'), parsed_body.token)`, which is then held to `token_pattern`; or set `verified = true` where the challenge itself is signed",
    )
}

/// The diagnostic of a rule that takes what a challenge signs for strangers.
pub(super) fn unguarded(span: Span, secret: &str) -> Diagnostic {
    let message = format!(
        "what this signs with `{secret}` cannot be told from the tokens that a challenge signs for strangers"
    );
    Diagnostic::new(Code::E0608, span, message).help(
        "write it as a `signature`, or as the HMAC of a text of the request: `$HMAC_SHA256($SECRET('NAME'), raw_body)`",
    )
}

/// What stands around the use of a secret.
#[derive(Default)]
struct Around {
    /// The message of the HMAC that it is the key of.
    message: Option<ExprId>,
    compares: bool,
}

fn surroundings(tree: &Tree, call: ExprId, step: Option<u32>) -> Around {
    // `$SECRET('X').$HMAC_SHA256(path)`: the secret is the base of a chain.
    let is_hmac = |name: &str| name.to_ascii_uppercase().starts_with("HMAC_SHA");
    let is_equals = |name: &str| name.eq_ignore_ascii_case("SECURE_EQUALS");
    for (_, expr) in tree.iter() {
        match expr {
            Expr::Call { name, args, .. } if args.contains(&call) && step.is_none() => {
                let first = args.first() == Some(&call);
                return Around {
                    message: args.get(1).copied().filter(|_| first && is_hmac(name)),
                    compares: is_equals(name),
                };
            }
            Expr::Chain { base, steps } if *base == call && step.is_none() => {
                let Some(StepKind::Call(called)) = steps.first().map(|step| &step.kind) else {
                    return Around::default();
                };
                let message = called.args.first().copied().filter(|_| is_hmac(&called.name));
                return Around { message, compares: is_equals(&called.name) };
            }
            Expr::Chain { steps, .. } if step.is_none() => {
                let passed = steps.iter().find_map(|step| match &step.kind {
                    StepKind::Call(called) if called.args.contains(&call) => Some(&called.name),
                    _ => None,
                });
                if let Some(name) = passed {
                    return Around { message: None, compares: is_equals(name) };
                }
            }
            Expr::Run { first, rest } if step.is_none() => {
                let equality =
                    |operator: Operator| matches!(operator, Operator::Equal | Operator::NotEqual);
                let inside = *first == call || rest.iter().any(|run| run.operand == call);
                if inside {
                    let compares = rest.iter().all(|run| equality(run.operator));
                    return Around { message: None, compares };
                }
            }
            _ => {}
        }
    }
    Around::default()
}

/// The place of a path with literal keys from a name.
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
